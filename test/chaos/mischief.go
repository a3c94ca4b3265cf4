package main

import (
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// act is what the endpoint does with one call.
type act struct {
	outcome string
	status  int
	after   string // Retry-After
	takes   time.Duration
	body    []byte
	fields  http.Header
}

// results are statuses that are results, most of them 200.
var results = []int{200, 200, 200, 200, 200, 200, 200, 201, 204, 302, 404, 422}

// choose draws an act. An outage leaves no choice; one request in two thousand is refused for ever.
func (s *service) choose(random *rand.Rand, op int64) act {
	a := act{outcome: history.Answered, status: results[random.IntN(len(results))],
		takes: serviceTime/2 + time.Duration(random.Int64N(int64(serviceTime)))}
	if kind := s.outage.Load(); kind != nil {
		return a.inOutage(*kind, random)
	}
	if op%2000 == 1999 {
		a.status = 500
		return a
	}
	switch p := random.IntN(10_000); {
	case p < 20:
		a.outcome = history.Hung
	case p < 60:
		a.outcome = history.Half
	case p < 100:
		a.outcome = history.Reset
	case p < 102:
		a.status, a.after = 503, "1"
	case p < 300:
		a.status = []int{500, 502, 503, 504, 408, 425, 429}[random.IntN(7)]
	case p < 500:
		a.takes += time.Duration(random.IntN(1000)) * time.Millisecond
	}
	return a
}

func (a act) inOutage(kind string, random *rand.Rand) act {
	switch kind {
	case history.Breaking:
		a.outcome, a.takes = history.Reset, 0
	case history.Hanging:
		a.outcome = history.Hung
	case history.Busy:
		a.status, a.after, a.takes = 503, "1", 0
		if random.IntN(2) == 0 {
			a.status, a.after = 429, time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat)
		}
	}
	return a
}

// write does it.
func (a act) write(w http.ResponseWriter) {
	switch a.outcome {
	case history.Answered:
		maps.Copy(w.Header(), a.fields)
		w.Header().Set("Content-Type", "application/octet-stream")
		if a.after != "" {
			w.Header().Set("Retry-After", a.after)
		}
		if a.status != http.StatusNoContent {
			w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body) // the caller may be gone
	case history.Half:
		if conn := hijack(w); conn != nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")
			_ = conn.Close()
		}
	case history.Reset, history.Hung:
		if conn := hijack(w); conn != nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // reset instead of a good end
			}
			_ = conn.Close()
		}
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil // it is gone already
	}
	return conn
}
