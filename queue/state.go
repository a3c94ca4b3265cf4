package queue

import "fmt"

// State is where a message stands. The numbers are stored and never change their meaning.
type State uint8

// The states of a message. Ready and parked, scheduled and leased are unfinished; the others are terminal.
const (
	Ready     State = iota + 1 // may be leased now
	Parked                     // would be ready, but its lane is full
	Scheduled                  // not before a time: a delayed submit or a retry
	Leased                     // with a worker
	Done                       // finished with a result
	Dead                       // finished without the result that was wanted: in the dead letter queue, with a Reason
	Cancelled                  // withdrawn by a client or an operator
	Expired                    // its deadline passed before it was done
)

var stateNames = [...]string{Ready: "ready", Parked: "parked", Scheduled: "scheduled", Leased: "leased", Done: "done",
	Dead: "dead", Cancelled: "cancelled", Expired: "expired"}

// States returns every state in the order of their numbers.
func States() []State {
	return []State{Ready, Parked, Scheduled, Leased, Done, Dead, Cancelled, Expired}
}

// String returns the stored name: ready, parked, scheduled, leased, done, dead, cancelled or expired.
func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ParseState is the inverse of String.
func ParseState(name string) (State, bool) {
	for s, n := range stateNames {
		if n == name && n != "" {
			return State(s), true
		}
	}
	return 0, false
}

// Terminal reports whether nothing but a redrive (of a dead message) or removal can follow.
func (s State) Terminal() bool { return s >= Done }

// Waiting reports whether the message would run as soon as there is room: ready or parked.
func (s State) Waiting() bool { return s == Ready || s == Parked }

// Status returns the word on the wire: PENDING, PROCESSING, COMPLETED, FAILED, CANCELLED or TIMEOUT.
func (s State) Status() string {
	switch s {
	case Leased:
		return "PROCESSING"
	case Done:
		return "COMPLETED"
	case Dead:
		return "FAILED"
	case Cancelled:
		return "CANCELLED"
	case Expired:
		return "TIMEOUT"
	default:
		return "PENDING"
	}
}

// Reason says why a message is dead: a closed set, shared by records, logs, metric labels and the API.
type Reason string

// The reasons of dead messages.
const (
	ReasonRejected          Reason = "rejected"           // a handler refused it for good
	ReasonAttemptsExhausted Reason = "attempts_exhausted" // every allowed attempt failed
	ReasonEndpointError     Reason = "endpoint_error"     // the endpoint answered a failure that must not be repeated
	ReasonUnknownOutcome    Reason = "unknown_outcome"    // it may have run, and it may not be repeated
	ReasonPoison            Reason = "poison"             // too many deliveries ended in a crash
	ReasonLost              Reason = "lost"               // the store's engine lost it
)

// Reasons returns the closed set of reasons.
func Reasons() []Reason {
	return []Reason{ReasonRejected, ReasonAttemptsExhausted, ReasonEndpointError, ReasonUnknownOutcome, ReasonPoison, ReasonLost}
}
