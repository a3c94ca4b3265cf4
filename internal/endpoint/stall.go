package endpoint

import (
	"net/http"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// stall ends a passed-through call whose request body stands still: each read of the body moves its end, and the head of
// the answer lifts it. It costs nothing where there is no body, since the transport itself waits for the head only as long.
type stall struct {
	limit   time.Duration
	control *http.ResponseController // of the client's connection
	cancel  func(error)

	mu        sync.Mutex
	timer     *time.Timer
	reading   bool // it is the client's turn
	over      bool // no longer limited
	abandoned bool
}

// Why a call ends: whose turn it was.
var (
	errClientStalled = &fault{class: queue.Unanswered, status: http.StatusRequestTimeout, text: "the body stood still for too long"}
	errStalled       = &fault{class: queue.Unanswered, status: http.StatusGatewayTimeout,
		text: "the endpoint neither read on nor began its answer in time"}
)

// move notes that a read begins or ends.
func (s *stall) move(reading bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = reading
	switch {
	case s.over:
	case s.timer == nil:
		s.timer = time.AfterFunc(s.limit, s.expire)
	default:
		s.timer.Reset(s.limit)
	}
}

// expire ends the call.
func (s *stall) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
	case s.reading:
		s.cancel(errClientStalled)
	default:
		s.cancel(errStalled)
	}
}

// lift lets the body take its time from here on.
func (s *stall) lift() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// abandon is lift for a call that has ended. It makes a read that is under way fail: neither does the transport return,
// nor can the server write an answer, before it has.
func (s *stall) abandon() {
	s.lift()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = true
	if s.reading {
		_ = s.control.SetReadDeadline(time.Unix(1, 0)) // not every transport has deadlines
	}
}

// ended reports whether the call was abandoned, so that a timeout of a read says nothing of the client.
func (s *stall) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.abandoned
}
