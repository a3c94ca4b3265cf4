// Command webhooks handles events, for the example of its directory, and tells what it was given.
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
	handled := map[string][]string{}
	http.HandleFunc("POST /hooks", func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		account := r.Header.Get("X-Account-Id")
		handled[account] = append(handled[account], string(event))
		w.WriteHeader(http.StatusNoContent)
	})
	http.HandleFunc("GET /handled", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for _, account := range []string{"a", "b"} {
			fmt.Fprintf(w, "account %s: %v\n", account, handled[account])
		}
	})
	log.Fatal(http.ListenAndServe(address, nil))
}
