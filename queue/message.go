package queue

import (
	"fmt"
	"math"
	"net/http"
	"time"
)

// Limits of a message that every store can rely on.
const (
	MaxPriority   = 9   // the most urgent priority; 0 is the default
	MaxNameLength = 200 // bytes in the name of a queue, an endpoint or a route
	MaxKeyLength  = 512 // bytes in a lane key

	MaxCallbackLength = 2048 // bytes in the URL of a callback
)

// Message is one accepted request with everything that was decided about it when it was accepted. It never changes.
// What is decided when it is sent (URL, credentials, headers, timeouts, limits) is not here.
type Message struct {
	ID       ID
	Queue    string // the named line it stands in; one queue feeds one endpoint or handler
	Endpoint string // name of the endpoint; "" for a queue that feeds a handler
	Route    string // name of the route that chose it; "" for the API and the default route
	Caller   string // authenticated principal, or the route's caller header; "" if nobody is known

	AcceptedAt time.Time
	NotBefore  time.Time // earliest first delivery; zero: at once
	Deadline   time.Time // expired when it passes before a lease; zero: never

	Priority uint8 // 0 to MaxPriority
	Lane     Lane
	OnLost   OnLost

	MaxDeliveries  int           // poison limit: dead after so many deliveries that ended in a crash; 0: no limit
	KeepResult     time.Duration // how long done, cancelled and expired records stay readable after completion; 0: for ever
	KeepDead       time.Duration // how long dead records stay; 0: for ever
	AttemptTimeout time.Duration // the client's bound on one attempt; 0: the endpoint's

	Idempotency *Idempotency // nil without an idempotency key
	Callback    string       // where to announce completion; "" for nowhere
	Subject     ID           // of a callback ticket: the message it announces; else zero
	Metadata    []byte       // the client's own metadata, a JSON object; nil if none

	Request Request
}

// Request is a captured HTTP request: parsed, never wire bytes, so that framing is made anew when it is sent.
type Request struct {
	Method  string
	Target  string // origin form exactly as received: raw path and raw query (RFC 9112 3.2.1)
	Scheme  string // http or https, as the client used it
	Host    string // the client's Host
	Proto   string // such as HTTP/1.1
	Remote  string // the client's address, host:port
	Header  http.Header
	Trailer http.Header
	Body    Body
}

// Lane bounds how many messages of one queue with one key are ready or leased at once. The zero value is no lane, which
// costs nothing.
type Lane struct {
	Key    string
	Bound  int // at least 1; 1 makes the lane ordered, unless it is fair: first in, first out, one at a time, retries keep their place
	OnDead OnDead
	// Fair makes the lanes of a queue take turns: a message that becomes ready because room came in its lane goes behind those
	// that are ready, whatever its Seq. A fair lane of bound 1 is not ordered.
	Fair bool
	// Rate and Burst bound how many messages of a fair lane are leased in a time, as those of [Limits] do for the queue; 0: no bound.
	Rate  float64
	Burst int
}

// Paced reports whether the lane has a rate.
func (l Lane) Paced() bool { return l.Rate > 0 }

// Ordered reports whether the lane keeps its messages in order, over retries too.
func (l Lane) Ordered() bool { return l.Bound == 1 && !l.Fair }

// IsZero reports whether the message is in no lane.
func (l Lane) IsZero() bool { return l.Bound == 0 }

// OnDead says what a dead message does to its lane.
type OnDead uint8

// What a dead message does to its lane.
const (
	OnDeadSkip  OnDead = iota // the lane goes on
	OnDeadBlock               // nothing of the lane becomes ready until the dead one is redriven or removed
)

// OnLost says what a store does when a lease ends unsettled.
type OnLost uint8

// What follows a lease that ended unsettled.
const (
	OnLostRedeliver OnLost = iota // ready again, until MaxDeliveries crashes
	OnLostFail                    // dead with unknown_outcome: the request may have run and may not be repeated
)

// Idempotency reserves a key in the same write as the message.
type Idempotency struct {
	Scope       [32]byte      // hash of caller, route and key; see [IdempotencyScope]
	Fingerprint [32]byte      // hash of the request; a repeat with another one is refused
	Keep        time.Duration // how long the reservation lives after it was made; 0: for ever
}

// Validate returns an error that wraps ErrInvalid if the message breaks a limit that stores rely on.
func (m *Message) Validate() error {
	switch {
	case m.ID.IsZero():
		return fmt.Errorf("%w: no ID", ErrInvalid)
	case m.Queue == "" || len(m.Queue) > MaxNameLength:
		return fmt.Errorf("%w: queue name of %d bytes; want 1 to %d", ErrInvalid, len(m.Queue), MaxNameLength)
	case len(m.Endpoint) > MaxNameLength || len(m.Route) > MaxNameLength:
		return fmt.Errorf("%w: name of endpoint or route longer than %d bytes", ErrInvalid, MaxNameLength)
	case m.Priority > MaxPriority:
		return fmt.Errorf("%w: priority %d; want 0 to %d", ErrInvalid, m.Priority, MaxPriority)
	case m.Lane.Bound < 0 || len(m.Lane.Key) > MaxKeyLength:
		return fmt.Errorf("%w: lane key of %d bytes with bound %d; want at most %d bytes and no negative bound", ErrInvalid,
			len(m.Lane.Key), m.Lane.Bound, MaxKeyLength)
	case !(m.Lane.Rate >= 0) || math.IsInf(m.Lane.Rate, 0) || m.Lane.Burst < 0 || m.Lane.Paced() && !m.Lane.Fair:
		return fmt.Errorf("%w: lane of rate %v and burst %d, fair %t", ErrInvalid, m.Lane.Rate, m.Lane.Burst, m.Lane.Fair)
	case m.Lane.OnDead > OnDeadBlock || m.OnLost > OnLostFail:
		return fmt.Errorf("%w: unknown values %d of OnDead or %d of OnLost", ErrInvalid, m.Lane.OnDead, m.OnLost)
	}
	return nil
}

// Clone returns a copy whose maps and slices are its own; inline body bytes are shared.
func (r Request) Clone() Request {
	r.Header, r.Trailer = r.Header.Clone(), r.Trailer.Clone()
	return r
}
