// Command proxy is two services in one process, for the example of its directory: a shop, and payments that want a key.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	address, key := os.Getenv("APP_ADDRESS"), os.Getenv("PAYMENTS_KEY")
	if address == "" {
		address = "localhost:8080"
	}
	if key == "" {
		key = "the key of payments"
	}
	http.HandleFunc("/shop/", answer("shop"))
	http.HandleFunc("/payments/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-API-Key") != key {
			http.Error(w, "no key", http.StatusUnauthorized)
			return
		}
		answer("payments")(w, r)
	})
	log.Fatal(http.ListenAndServe(address, nil))
}

// answer says what arrived.
func answer(service string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{ // the client may be gone
			"service": service, "method": r.Method, "target": r.RequestURI, "body": string(body),
			"through_the_queue": r.Header.Get("OpenHQM-Delivery") != "",
		})
	}
}
