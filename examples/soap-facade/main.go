// Command soap-facade is an old SOAP service, for the example of its directory: it wants its header field spelled as it always was,
// and its faults come with a 200.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

const envelope = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>%s</soap:Body></soap:Envelope>`

func main() {
	address := os.Getenv("APP_ADDRESS")
	if address == "" {
		address = "localhost:8080"
	}
	var calls atomic.Int64
	http.HandleFunc("POST /service", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		w.Header().Set("Content-Type", "text/xml")
		switch {
		case strings.Contains(string(body), "<quantity>0<"):
			fmt.Fprintf(w, envelope, `<soap:Fault><faultcode>soap:Client</faultcode><faultstring>quantity is 0</faultstring></soap:Fault>`)
		case calls.Add(1) == 1:
			fmt.Fprintf(w, envelope, `<soap:Fault><faultcode>soap:Server.Busy</faultcode><faultstring>nothing was done</faultstring></soap:Fault>`)
		default:
			fmt.Fprintf(w, envelope, `<orderResponse><number>4711</number></orderResponse>`)
		}
	})
	log.Fatal(http.ListenAndServe(address, nil))
}
