package queue

import "time"

// Event tells an observer what happened to one message. Observers count; nothing depends on them.
type Event struct {
	Kind     EventKind
	ID       ID
	Queue    string
	Endpoint string
	Route    string        // that took the request, where one did; of events that end a message
	Class    Class         // EventSettled: how certain the attempt's end was
	Reason   Reason        // when the message became dead
	State    State         // the state after it
	Status   int           // EventSettled: of the answer, if there was one
	Duration time.Duration // EventSettled: of the attempt. EventLeased: how long the message waited since acceptance
	Err      error         // EventRefused, EventSettled: why
}

// EventKind is a closed set.
type EventKind uint8

// The kinds of events.
const (
	EventAccepted  EventKind = iota + 1 // stored
	EventDuplicate                      // joined an earlier message by its idempotency key
	EventRefused                        // provably not stored
	EventLeased
	EventSettled   // a worker's settlement was applied
	EventLeaseLost // a worker's settlement came too late and was not applied
	EventLapsed    // a lease ended unsettled
	EventDue       // a scheduled message became ready or parked
	EventExpired
	EventCancelled
	EventRedriven
	EventRemoved
)

var eventNames = [...]string{EventAccepted: "accepted", EventDuplicate: "duplicate", EventRefused: "refused",
	EventLeased: "leased", EventSettled: "settled", EventLeaseLost: "lease_lost", EventLapsed: "lapsed", EventDue: "due",
	EventExpired: "expired", EventCancelled: "cancelled", EventRedriven: "redriven", EventRemoved: "removed"}

// String returns the name in logs and metric labels.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return "unknown"
}

// Observer receives events. Observe must not block and may be called by many goroutines at once.
type Observer interface {
	Observe(Event)
}

// ObserverFunc makes a function an Observer.
type ObserverFunc func(Event)

// Observe calls f.
func (f ObserverFunc) Observe(e Event) { f(e) }
