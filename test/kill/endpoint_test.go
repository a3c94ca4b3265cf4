package kill

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// service is the endpoint: it notes every arrival before it works on it, and its answer names the token and the number of
// the arrival, so that a result that belongs to another request or another attempt shows.
type service struct {
	address  string
	delay    time.Duration
	reply    func(w http.ResponseWriter, r *http.Request, token string, arrival int) // nil: the answer, after the delay
	inFlight atomic.Int64
	mu       sync.Mutex
	arrivals map[string]int // token -> number
}

const tokenField = "X-Token"

func startService(t *testing.T, delay time.Duration) *service {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{address: listener.Addr().String(), delay: delay, arrivals: map[string]int{}}
	server := &http.Server{Handler: s}
	go server.Serve(listener) // ends with Close
	t.Cleanup(func() { server.Close() })
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	token := r.Header.Get(tokenField)
	s.mu.Lock()
	s.arrivals[token]++
	n := s.arrivals[token]
	s.mu.Unlock()
	io.Copy(io.Discard, r.Body) // a caller that was killed
	if s.reply != nil {
		s.reply(w, r, token, n)
		return
	}
	time.Sleep(s.delay)
	io.WriteString(w, answer(token, n)) // a caller that was killed
}

func answer(token string, arrival int) string {
	return fmt.Sprintf("%s arrival %d\n", token, arrival)
}

func (s *service) arrived(token string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrivals[token]
}
