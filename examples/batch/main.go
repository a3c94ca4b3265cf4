// Command batch imports records one by one, for the example of its directory.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	address := os.Getenv("APP_ADDRESS")
	if address == "" {
		address = "localhost:8080"
	}
	var mu sync.Mutex
	var order []string
	running, most := 0, 0
	http.HandleFunc("POST /records", func(w http.ResponseWriter, r *http.Request) {
		record, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		mu.Lock()
		running++
		most = max(most, running)
		order = append(order, string(record))
		mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		mu.Lock()
		running--
		mu.Unlock()
		w.WriteHeader(http.StatusCreated)
	})
	http.HandleFunc("GET /imported", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for i, record := range order {
			if record == "urgent" {
				fmt.Fprintf(w, "the urgent one came as number %d of %d\n", i+1, len(order))
			}
		}
		fmt.Fprintf(w, "%d imported, at most %d at once\n", len(order), most)
	})
	log.Fatal(http.ListenAndServe(address, nil))
}
