package queue

import (
	"context"
	"fmt"
	"time"
)

// Handler works off deliveries. The endpoint forwarder is one; Go functions are others.
type Handler interface {
	// Handle works off one delivery and says what came of it. It ends soon after ctx does; context.Cause says why
	// (ErrCancelRequested, ErrLeaseLost, ErrDraining). It must not keep the delivery.
	Handle(ctx context.Context, d *Delivery) Outcome
}

// HandlerFunc makes a function a Handler.
type HandlerFunc func(ctx context.Context, d *Delivery) Outcome

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, d *Delivery) Outcome { return f(ctx, d) }

// Delivery is one message handed to one worker once.
type Delivery struct {
	LeaseRef
	Record *Record
	Bodies BodyStore // takes a result's body that does not fit inline
	Last   bool      // a counted failure of this delivery makes the message dead
}

// Request returns the request to send.
func (d *Delivery) Request() *Request { return d.Record.Sent() }

// Repeatable reports whether the request may be sent again when its outcome is unknown.
func (d *Delivery) Repeatable() bool { return d.Record.OnLost == OnLostRedeliver }

// Class says how certain the end of one attempt is: a closed set, shared by records, logs, metric labels and the API.
type Class uint8

// The certainty classes.
const (
	NotBegun   Class = iota + 1 // given back before anything was done: released, uncounted
	NotSent                     // provably nothing was sent: refused, DNS, TLS, connect timeout
	Answered                    // a complete response
	Unanswered                  // bytes may have arrived and no complete response did
	Rejected                    // a handler refuses the message for good
)

var classNames = [...]string{NotBegun: "not_begun", NotSent: "not_sent", Answered: "answered", Unanswered: "unanswered",
	Rejected: "rejected"}

// String returns not_begun, not_sent, answered, unanswered or rejected.
func (c Class) String() string {
	if int(c) < len(classNames) && classNames[c] != "" {
		return classNames[c]
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Classes returns the closed set of classes.
func Classes() []Class { return []Class{NotBegun, NotSent, Answered, Unanswered, Rejected} }

// Outcome is what came of one delivery.
type Outcome struct {
	Class      Class
	Result     *Result       // Answered: the answer. Unanswered: what arrived of it, if anything
	Verdict    Verdict       // Answered: VerdictByStatus lets the status table decide
	RetryAfter time.Duration // Answered: the endpoint's Retry-After or RateLimit reset; 0 if it gave none
	LimitReset time.Duration // Answered: until a RateLimit that is used up is reset; 0 if none is. It closes the endpoint whatever the status
	Injected   bool          // Answered: the request bore credentials of OpenHQM's own, not of its client
	Err        error         // unless Answered: why. Its text is stored and shown, so it must hold no secret
	StartedAt  time.Time
	Duration   time.Duration
}
