package history

// Kind says what an event tells: a closed set.
type Kind string

// The kinds, by who writes them.
const (
	// The producer: a try of a request, and how it ended. Fail says that it was certainly not accepted, Unknown that
	// nobody knows.
	Invoke  Kind = "invoke"
	OK      Kind = "ok"
	Fail    Kind = "fail"
	Unknown Kind = "unknown"

	// The endpoint: a request's head has arrived; what it is answered, written before the answer is.
	Arrive Kind = "arrive"
	Leave  Kind = "leave"

	// The reader: the status of a message, and one fetch of its result.
	State Kind = "state"
	Read  Kind = "read"

	// The producer again: a cancellation is asked for (Status 0), or was answered. The operator: a dead letter was put back.
	Cancel  Kind = "cancel"
	Redrive Kind = "redrive"

	// The product said something of damage to its data, in the run or at the start that Outcome names.
	Said Kind = "said"

	// Who makes the faults: one begins, one is over, and what the product said of itself at an end.
	Fault   Kind = "fault"
	Over    Kind = "over"
	Verdict Kind = "verdict"
)

// Outcomes of a call, as Leave tells them.
const (
	Answered = "answered" // a whole answer was written
	Half     = "half"     // an answer was broken off
	Reset    = "reset"    // the connection was cut without an answer
	Hung     = "hung"     // no answer until the caller gave up
	Cut      = "cut"      // the caller left, or its request was not whole
)

// Faults, as Fault and Over name them.
const (
	Kill     = "kill"     // kill -9
	Poison   = "poison"   // kill -9 by the arrival of a message
	Stop     = "stop"     // SIGSTOP for longer than a lease
	Term     = "term"     // SIGTERM while requests still come in
	Disk     = "disk"     // the disk is full
	Memory   = "memory"   // a limit of memory and CPU; no excuse for anything
	Pause    = "pause"    // the machine stood still; not of our making
	Sync     = "sync"     // fsync and fdatasync fail
	Damage   = "damage"   // a file of the stopped product was damaged; Error says which and how
	Refusing = "refusing" // the endpoint is down
	Breaking = "breaking" // the endpoint cuts every connection
	Hanging  = "hanging"  // the endpoint answers nothing
	Busy     = "busy"     // the endpoint answers 503 and 429 with Retry-After
)

// Submit is the Via of requests in the envelope of the API.
const Submit = "submit"

// PrefixSize is how much of a cut answer is kept at least.
const PrefixSize = 64 << 10

// Event is one line of the log. Which members it has depends on its kind.
type Event struct {
	At   int64  `json:"at"` // nanoseconds since the log began
	Kind Kind   `json:"kind"`
	Op   int64  `json:"op,omitempty"` // the producer's number of the request; its tries share it
	ID   string `json:"id,omitempty"` // the correlation ID

	// Invoke
	Try    int    `json:"try,omitempty"` // also of OK, Fail and Unknown
	Method string `json:"method,omitempty"`
	Target string `json:"target,omitempty"`
	Key    string `json:"key,omitempty"`
	Unsafe bool   `json:"unsafe,omitempty"` // may not be repeated when its outcome is unknown
	Poison bool   `json:"poison,omitempty"` // its arrival kills the product
	Refuse bool   `json:"refuse,omitempty"` // must not be accepted

	Via      string `json:"via,omitempty"`      // Submit: in the envelope of the API; empty: captured
	Priority int    `json:"priority,omitempty"` // 0 to 9
	Delay    int64  `json:"delay,omitempty"`    // nanoseconds for which it must not arrive

	// Fields is the digest of the header fields that have to arrive as they were sent: those of the request (Invoke, Arrive)
	// or of the answer (Leave, Read).
	Fields string `json:"fields,omitempty"`

	// Body is the digest of the request's body: of what was sent (Invoke), of what arrived (Leave; empty if not whole).
	Body string `json:"body,omitempty"`

	// Arrive and Leave
	Call     int64  `json:"call,omitempty"` // the endpoint's number of the arrival
	Delivery int    `json:"delivery,omitempty"`
	Outcome  string `json:"outcome,omitempty"`
	InFlight int    `json:"in_flight,omitempty"` // calls at the endpoint; of Fault too

	// Status is the HTTP status: told to the producer, answered by the endpoint, or read back. Answer is the digest of
	// the answer's body.
	Status int    `json:"status,omitempty"`
	Answer string `json:"answer,omitempty"`
	// Prefix is the digest of the first PrefixSize bytes of an answer (Leave). Cut: what was read is only a beginning, and says so.
	Prefix string `json:"prefix,omitempty"`
	Cut    bool   `json:"cut,omitempty"`

	// State and Read. From is when it was asked, At when the answer was there.
	From       int64  `json:"from,omitempty"`
	State      string `json:"state,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Generation int    `json:"generation,omitempty"`
	Deliveries int    `json:"deliveries,omitempty"`
	Attempts   int    `json:"attempts,omitempty"`
	Revision   uint64 `json:"revision,omitempty"`
	Ran        bool   `json:"ran,omitempty"` // CANCELLED: the endpoint may have been reached

	// Fault, Over and Verdict
	Fault  string `json:"fault,omitempty"`
	Number int    `json:"number,omitempty"` // joins an Over to its Fault; of State, Read and Said: they are of the damaged copy of that Fault
	Error  string `json:"error,omitempty"`  // also of Fail and Unknown, for people; of Verdict: empty is good
}
