package queue

import (
	"net/http"
	"time"
)

// Record is a message and what has become of it. A Record that a store returned is a snapshot: it does not change, and
// must not be changed.
type Record struct {
	*Message
	Progress
	Result *Result // of the current generation; nil until there is an answer
}

// Progress is the part of a record that changes. Only the transitions in transition.go change it.
type Progress struct {
	State    State
	Reason   Reason   // of a dead message
	Revision Revision // raised by every change

	Seq        uint64 // the store's order of becoming due, within its queue
	Turn       uint64 // where it stands among the ready, when its fair lane let it in; 0: where Seq says
	Generation int    // raised by each redrive, from 0
	Deliveries int    // leases ever granted: the fence, and OpenHQM-Delivery
	Attempts   int    // deliveries of this generation that were answered or may have been
	Crashes    int    // deliveries of this generation whose lease ended unsettled
	Uncounted  int    // consecutive deliveries that cost no attempt; their backoff grows with it

	UpdatedAt   time.Time
	EligibleAt  time.Time // scheduled: when it becomes due
	DeadlineAt  time.Time // the message's Deadline, or the one set by the last redrive; zero: never
	CompletedAt time.Time // when it became terminal
	RemoveAt    time.Time // terminal: when retention ends; zero: never

	LeaseToken      Token
	LeaseExpiresAt  time.Time
	Worker          string
	CancelRequested bool // leased: the holder has been asked to abort
	MayHaveRun      bool // cancelled or expired: the request may have reached the endpoint

	Edited         *Request  // sent instead of Message.Request since a redrive with an edit
	History        []Attempt // the last MaxHistory deliveries, oldest first
	HistoryDropped int       // older ones that are no longer kept
}

// MaxHistory is how many deliveries a record remembers in detail.
const MaxHistory = 20

// Revision counts the changes of one record, from 1.
type Revision uint64

// UntilTerminal, given to Wait, waits for a terminal state.
const UntilTerminal = ^Revision(0)

// Token proves a lease. No two leases of one message have the same.
type Token uint64

// LeaseRef names one lease of one message, or one reservation.
type LeaseRef struct {
	ID    ID
	Token Token
}

// Result is the stored answer of an endpoint, exactly as it gave it.
type Result struct {
	Status     int // 100 to 999
	Proto      string
	Header     http.Header
	Trailer    http.Header
	Body       Body
	Truncated  bool  // the body is only the beginning: the size limit, the connection or a full disk cut it
	Length     int64 // announced Content-Length where the body does not show it (HEAD, 204, 304, truncated); -1 if none
	ReceivedAt time.Time
	Duration   time.Duration // from the first byte sent to the last byte received
}

// Attempt is one delivery in a record's history.
type Attempt struct {
	Generation int
	Delivery   int
	StartedAt  time.Time
	Duration   time.Duration
	Class      Class
	Status     int    // of the answer; 0 if there was none
	Counted    bool   // whether it cost an attempt
	Error      string // empty if the endpoint answered; never holds secrets or bodies
}

// Sent returns the request that the next delivery sends: the edited one if there is one.
func (r *Record) Sent() *Request {
	if r.Edited != nil {
		return r.Edited
	}
	return &r.Message.Request
}

// Status returns the word on the wire for the record's state.
func (r *Record) Status() string { return r.State.Status() }

// LastAttempt returns the newest entry of the history, or nil.
func (r *Record) LastAttempt() *Attempt {
	if len(r.History) == 0 {
		return nil
	}
	return &r.History[len(r.History)-1]
}
