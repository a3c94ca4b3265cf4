// Command third-party is an API of somebody else, for the example of its directory: five calls a second, or 429.
package main

import (
	"fmt"
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
	var last []time.Time
	answered, refused := 0, 0
	http.HandleFunc("POST /messages", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		for len(last) > 0 && now.Sub(last[0]) >= time.Second {
			last = last[1:]
		}
		switch {
		case r.Header.Get("Authorization") != "Bearer demo":
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case len(last) >= 6: // a call that the network delays makes the next second fuller by one
			refused++
			w.Header().Set("Retry-After", "1")
			http.Error(w, "five a second", http.StatusTooManyRequests)
		default:
			answered++
			last = append(last, now)
			fmt.Fprintln(w, "sent")
		}
	})
	http.HandleFunc("GET /bill", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%d sent, %d refused\n", answered, refused)
	})
	log.Fatal(http.ListenAndServe(address, nil))
}
