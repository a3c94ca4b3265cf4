package client

import (
	"encoding/json"
	"time"
)

// Queues is the list of all queues, by name.
type Queues struct {
	Queues []Queue `json:"queues"`
}

// Queue is one queue: its counters, what keeps it closed, and how fast it drains.
type Queue struct {
	Name     string     `json:"name"`
	Endpoint string     `json:"endpoint,omitempty"` // the endpoint it feeds, if the configuration has it
	Depth    int64      `json:"depth"`              // work that could run now if there were room
	Running  int64      `json:"running"`
	Reserved int64      `json:"reserved"`         // pass-through calls under way
	OldestAt *time.Time `json:"oldest_at"`        // when the oldest ready message became ready
	Rate     float64    `json:"drain_per_second"` // measured; 0 if nothing was
	Counts   Counts     `json:"counts"`
	Limits   Limits     `json:"limits"`
	Holds    []Hold     `json:"holds"`                   // while there is one, nothing of the queue is delivered
	Intake   *Intake    `json:"intake_paused,omitempty"` // while it is there, new requests get 503
	Recovery *Recovery  `json:"recovery,omitempty"`
}

// Intake is the pause in which a queue takes no new requests.
type Intake struct {
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until"` // nil: until the intake is resumed
	Note  string     `json:"note,omitempty"`
}

// Recovery is how far the endpoint of a queue has come back from an outage.
type Recovery struct {
	Since       time.Time `json:"since"`       // when its breaker opened
	Concurrency int       `json:"concurrency"` // calls at once; grows as they succeed
}

// Counts are the messages of a queue by stored state. Accepted is the sum of the others.
type Counts struct {
	Accepted  int64 `json:"accepted"`
	Ready     int64 `json:"ready"`
	Parked    int64 `json:"parked"`
	Scheduled int64 `json:"scheduled"`
	Leased    int64 `json:"leased"`
	Done      int64 `json:"done"`
	Dead      int64 `json:"dead"`
	Cancelled int64 `json:"cancelled"`
	Expired   int64 `json:"expired"`
	Removed   int64 `json:"removed"`
}

// Limits bound a queue's deliveries over all workers and pass-through calls. Zero does not limit.
type Limits struct {
	Concurrency int     `json:"concurrency"`
	Adaptive    int     `json:"adaptive_concurrency,omitempty"` // what the endpoint was found to bear, where that is looked for
	Rate        float64 `json:"rate_per_second"`
	Burst       int     `json:"burst"`
	SyncShare   int     `json:"sync_share"` // percent of them for passing calls while queued ones wait too
}

// Hold keeps a queue closed.
type Hold struct {
	Reason string     `json:"reason"` // paused, operator, cooldown, breaker, endpoint_missing, auth, maintenance, disk
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until"` // nil: until it is released
	Note   string     `json:"note,omitempty"`
}

// Endpoints is the list of all configured endpoints, by name.
type Endpoints struct {
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is one configured target and the queue that feeds it.
type Endpoint struct {
	Name       string `json:"name"`
	URL        string `json:"url"` // without credentials
	Default    bool   `json:"default"`
	Selectable bool   `json:"selectable"` // a request may name it
	Queue      Queue  `json:"queue"`
}

// HoldRequest closes a queue or an endpoint.
type HoldRequest struct {
	Seconds float64 `json:"seconds,omitempty"` // 0: until it is released
	Note    string  `json:"note,omitempty"`    // for people
}

// ReleaseRequest opens an endpoint.
type ReleaseRequest struct {
	Reasons []string `json:"reasons,omitempty"` // holds to release; none: operator, cooldown, breaker and auth
}

// Filter selects messages. Zero fields select all.
type Filter struct {
	Queue    string
	Endpoint string
	States   []string // stored states
	Reason   string
	Caller   string
	Key      string    // the lane's key
	After    time.Time // accepted at or after
	Before   time.Time // accepted before
	Limit    int       // most messages of one answer; 0: the server's default
	Cursor   string    // Next of the answer before
}

// Messages is one page. It may be short or empty while Next is set.
type Messages struct {
	Messages []Message `json:"messages"`
	Next     string    `json:"next,omitempty"` // cursor of the next page; empty at the end
}

// Message is the full record of a request. Fields that carry secrets are masked.
type Message struct {
	CorrelationID string  `json:"correlation_id"`
	Queue         string  `json:"queue"`
	Subject       string  `json:"subject,omitempty"` // of a callback: the request that it announces
	Endpoint      string  `json:"endpoint,omitempty"`
	Route         string  `json:"route,omitempty"`
	Caller        string  `json:"caller,omitempty"`
	Status        string  `json:"status"`
	State         string  `json:"state"`
	Reason        string  `json:"reason,omitempty"`
	Revision      uint64  `json:"revision"`
	Generation    int     `json:"generation"`
	Deliveries    int     `json:"deliveries"`
	Attempts      int     `json:"attempts"`
	Crashes       int     `json:"crashes"` // deliveries whose lease ended unsettled
	Priority      int     `json:"priority"`
	Timeout       float64 `json:"timeout,omitempty"` // the client's own bound on one attempt, in seconds
	Repeatable    bool    `json:"repeatable"`        // may be sent again when its outcome is unknown
	Lane          *Lane   `json:"lane,omitempty"`

	AcceptedAt  time.Time  `json:"accepted_at"`
	NotBefore   *time.Time `json:"not_before,omitempty"`
	UpdatedAt   time.Time  `json:"updated_at"`
	NextAttempt *time.Time `json:"next_attempt_at,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	CompletedAt *time.Time `json:"completed_at,omitempty"`
	RemovedAt   *time.Time `json:"readable_until,omitempty"`

	Worker         string     `json:"worker,omitempty"`
	LeaseExpiresAt *time.Time `json:"lease_expires_at,omitempty"`
	Cancelling     bool       `json:"cancelling,omitempty"`
	MayHaveRun     bool       `json:"may_have_run,omitempty"`

	Metadata       json.RawMessage `json:"metadata,omitempty"`
	Request        Request         `json:"request"`
	Edited         *Request        `json:"edited,omitempty"` // sent instead of Request since a redrive with an edit
	Result         *Result         `json:"result,omitempty"`
	History        []Attempt       `json:"history"`
	Callback       *CallbackState  `json:"callback,omitempty"`        // of a request that names a receiver; not in lists
	HistoryDropped int             `json:"history_dropped,omitempty"` // older deliveries that are no longer kept
}

// Lane is the key that bounds how many of its messages run at once.
type Lane struct {
	Key    string `json:"key"`
	Bound  int    `json:"bound"`
	OnDead string `json:"on_dead"` // skip or block
	Fair   bool   `json:"fair"`    // its messages take turns with those of other keys

	Rate  float64 `json:"rate_per_second,omitempty"` // how many of them start in a second; 0: no limit
	Burst int     `json:"burst,omitempty"`
}

// Request is what is sent to the endpoint, before the endpoint's own rules.
type Request struct {
	Method     string  `json:"method"`
	Target     string  `json:"target"` // raw path and query
	Scheme     string  `json:"scheme,omitempty"`
	Host       string  `json:"host,omitempty"`
	Proto      string  `json:"proto,omitempty"`
	Remote     string  `json:"remote,omitempty"`
	Headers    Fields  `json:"headers"`
	Trailers   Fields  `json:"trailers,omitempty"`
	BodySize   int64   `json:"body_size"`
	Body       *string `json:"body,omitempty"`        // with body=true, if it is text of at most 64 KiB
	BodyBase64 []byte  `json:"body_base64,omitempty"` // with body=true, if it is anything else of at most 64 KiB
}

// Result is the endpoint's stored answer.
type Result struct {
	StatusCode int       `json:"status_code"`
	Proto      string    `json:"proto,omitempty"`
	Headers    Fields    `json:"headers"`
	Trailers   Fields    `json:"trailers,omitempty"`
	BodySize   int64     `json:"body_size"`
	Truncated  bool      `json:"truncated,omitempty"`
	ReceivedAt time.Time `json:"received_at"`
	DurationMS float64   `json:"duration_ms"`
}

// Attempt is one delivery.
type Attempt struct {
	Generation int       `json:"generation"`
	Delivery   int       `json:"delivery"`
	StartedAt  time.Time `json:"started_at"`
	DurationMS float64   `json:"duration_ms"`
	Class      string    `json:"class"` // how certain its end was: not_sent, answered, unanswered, rejected
	StatusCode int       `json:"status_code,omitempty"`
	Counted    bool      `json:"counted"` // whether it cost an attempt
	Error      string    `json:"error,omitempty"`
}

// Purged is what one bounded purge did.
type Purged struct {
	Removed int    `json:"removed"`
	Next    string `json:"next,omitempty"` // where to go on; empty at the end
}

// Redriven is what one bounded redrive did.
type Redriven struct {
	Redriven int    `json:"redriven"`
	Skipped  int    `json:"skipped"`        // no longer dead when their turn came
	Next     string `json:"next,omitempty"` // where to go on; empty at the end
}
