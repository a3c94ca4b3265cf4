package ingress

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// answerPause is how long a client may take nothing of a passed answer.
	answerPause = time.Minute
	// unsent is how much of an answer Go's server keeps in memory until the handler has ended, if nobody flushes it: so much
	// can be written without waiting for the client.
	unsent = 2 << 10
)

// stall bounds how long the client of a passed call may stand still while it sends or takes, since a slot of the endpoint
// stands still with it. Time in which nothing is read or written does not count. A request without a body and with a small
// answer has no deadline at any time.
type stall struct {
	control *http.ResponseController
	// eager: a deadline ends a stream of HTTP/2 even when nobody waits for it, so that it must be gone after every step.
	eager bool

	mu           sync.Mutex // the transport may read the body when the call has ended, and the connection serves the next
	ended        bool
	reads, write side
}

// side is one direction of a connection.
type side struct{ armed time.Time } // when the deadline was last moved; zero: there is none

// arm moves a deadline. It costs a system timer: once in a while is enough.
func (s *stall) arm(d *side, set func(time.Time) error, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); !s.ended && now.Sub(d.armed) > pause/4 {
		d.armed = now
		_ = set(now.Add(pause)) // not every transport has deadlines
	}
}

// release takes a deadline away.
func (s *stall) release(d *side, set func(time.Time) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear(d, set)
}

func (s *stall) clear(d *side, set func(time.Time) error) {
	if !s.ended && !d.armed.IsZero() {
		d.armed = time.Time{}
		_ = set(time.Time{})
	}
}

// end takes the deadlines away for good: what follows on the connection is not this call's.
func (s *stall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear(&s.reads, s.control.SetReadDeadline)
	s.clear(&s.write, s.control.SetWriteDeadline)
	s.ended = true
}

// passedBody is the body of a passed request.
type passedBody struct {
	io.ReadCloser
	stall *stall
}

// Read reads on, for a client that stands still with an error that is a timeout.
func (b *passedBody) Read(p []byte) (int, error) {
	s := b.stall
	s.arm(&s.reads, s.control.SetReadDeadline, uploadPause)
	n, err := b.ReadCloser.Read(p)
	if s.eager || err == io.EOF { // after the end the server listens whether the client goes
		s.release(&s.reads, s.control.SetReadDeadline)
	}
	return n, err
}

// passWriter keeps Go's server from adding a Content-Type that the endpoint did not send, keeps our Connection, which a
// proxy forgets with the fields of an informational answer, and bounds how long the client takes nothing.
type passWriter struct {
	http.ResponseWriter
	connection []string
	status     int // the final one; 0: there was none yet
	written    int
	stall      stall
}

// WriteHeader writes the head.
func (w *passWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.status = status
		h := w.Header()
		if _, typed := h["Content-Type"]; !typed {
			h["Content-Type"] = nil
		}
		if w.connection != nil {
			h["Connection"] = w.connection
		}
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if status == http.StatusSwitchingProtocols {
		w.status = status
	}
	w.arm() // an informational answer is sent at once
	w.ResponseWriter.WriteHeader(status)
	w.sent()
}

// Write writes a part of the body.
func (w *passWriter) Write(b []byte) (int, error) {
	if w.written <= unsent {
		if w.written += len(b); w.written <= unsent {
			return w.ResponseWriter.Write(b)
		}
	}
	w.arm()
	n, err := w.ResponseWriter.Write(b)
	w.sent()
	return n, err
}

// FlushError sends what was written.
func (w *passWriter) FlushError() error {
	w.arm()
	err := w.stall.control.Flush()
	w.sent()
	return err
}

// Hijack hands the connection over, without deadlines.
func (w *passWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.stall.end()
	return w.stall.control.Hijack()
}

func (w *passWriter) arm() {
	w.stall.arm(&w.stall.write, w.stall.control.SetWriteDeadline, answerPause)
}

func (w *passWriter) sent() {
	if w.stall.eager {
		w.stall.release(&w.stall.write, w.stall.control.SetWriteDeadline)
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *passWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
