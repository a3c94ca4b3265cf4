// Command report-generation makes reports, slowly, for the example of its directory.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	address := os.Getenv("APP_ADDRESS")
	if address == "" {
		address = "localhost:8080"
	}
	http.HandleFunc("POST /reports", func(w http.ResponseWriter, r *http.Request) {
		var wanted struct {
			Month string `json:"month"`
		}
		if err := json.NewDecoder(r.Body).Decode(&wanted); err != nil {
			http.Error(w, "want {\"month\": \"2026-10\"}", http.StatusBadRequest)
			return
		}
		select {
		case <-time.After(2 * time.Second): // a report takes its time
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "text/csv")
		w.Header().Set("Content-Disposition", `attachment; filename="`+wanted.Month+`.csv"`)
		fmt.Fprintf(w, "month,orders\n%s,1234\n", wanted.Month)
	})
	log.Fatal(http.ListenAndServe(address, nil))
}
