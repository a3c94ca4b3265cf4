package endpoint_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// R6: net/http would send several of these twice on a reused connection that breaks.
func TestOneAttemptArrivesOnce(t *testing.T) {
	endings := map[string]recorder.Reply{
		"closed":                {recorder.Close()},
		"reset":                 {recorder.Reset()},
		"closed within a head":  {recorder.Write([]byte("HTTP/1.1 200 OK\r\nX")), recorder.Close()},
		"closed within a body":  {recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")), recorder.Close()},
		"reset after a 1xx":     {recorder.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")), recorder.Reset()},
		"malformed and closed":  {recorder.Write([]byte("what\r\n\r\n")), recorder.Close()},
		"answered, then closed": {recorder.Write([]byte(recorder.Raw(503, "", "Connection: close"))), recorder.Close()},
	}
	methods := []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "FROB"}
	keys := []string{"", "Idempotency-Key", "X-Idempotency-Key"}
	for name, ending := range endings {
		for _, method := range methods {
			for _, key := range keys {
				for _, text := range []string{"", "some bytes"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%d", name, method, key, len(text)), func(t *testing.T) {
						request := queue.Request{Method: method, Header: http.Header{}, Body: body(text)}
						if key != "" {
							request.Header.Set(key, "k")
						}
						arrivesOnce(t, ending, request)
					})
				}
			}
		}
	}
}

// arrivesOnce fills the pool with several idle connections, so that a repetition would find one, and counts.
func arrivesOnce(t *testing.T, ending recorder.Reply, request queue.Request) {
	const warm = 3
	all := make(chan struct{})
	r := start(t, func(a recorder.Arrival) recorder.Reply {
		if a.Target() == "/warm" {
			return append(recorder.Reply{recorder.Hold(all)}, recorder.Answer(200, "")...)
		}
		return ending
	})
	e := open(t, r.URL(), func(c *endpoint.Config) { c.Concurrency = warm })
	done := make(chan queue.Outcome, warm)
	for range warm {
		go func() { done <- e.Handle(t.Context(), delivery(queue.Request{Method: "GET", Target: "/warm"})) }()
	}
	if _, err := r.Wait(t.Context(), warm); err != nil {
		t.Fatal(err)
	}
	close(all)
	for range warm {
		if o := <-done; o.Class != queue.Answered {
			t.Fatalf("warming up: %v", o.Err)
		}
	}
	o := e.Handle(t.Context(), delivery(request))
	if o.Class != queue.Unanswered && (o.Result == nil || o.Result.Status == 200 && request.Method != "HEAD") {
		t.Errorf("class %s: %v", o.Class, o.Err)
	}
	if got := len(r.Arrivals()) - warm; got != 1 { // logged before it was answered, and repetitions happen before Handle returns
		t.Errorf("%d arrivals of one attempt", got)
	}
	if got := r.Connections(); got > warm {
		t.Errorf("%d connections; healthy ones were spent", got)
	}
}
