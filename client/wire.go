package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// Status words, as Accepted, Status and Response bear them.
const (
	Pending    = "PENDING"    // waiting, or scheduled for a later time
	Processing = "PROCESSING" // with a worker
	Completed  = "COMPLETED"  // has its result
	Failed     = "FAILED"     // in the dead letter queue, with a reason
	Timeout    = "TIMEOUT"    // its deadline passed first
	Cancelled  = "CANCELLED"  // withdrawn
)

// Terminal reports whether a status word is final. (A FAILED request may be redriven by an operator.)
func Terminal(status string) bool { return status != Pending && status != Processing && status != "" }

// Accepted is the body of a 202: the request is stored.
type Accepted struct {
	CorrelationID string     `json:"correlation_id"`
	Status        string     `json:"status"` // PENDING, or for a repeated idempotency key what has become of the first one
	SubmittedAt   time.Time  `json:"submitted_at"`
	ExpiresAt     *time.Time `json:"expires_at"` // when it ends TIMEOUT if it has not run by then; nil: never
	Links         Links      `json:"links"`
}

// Links are URLs or absolute paths of the calls about one request.
type Links struct {
	Status   string `json:"status"`
	Response string `json:"response"`
	Raw      string `json:"raw"`
	Events   string `json:"events"`
	Cancel   string `json:"cancel"`
}

// Status is what has become of a request.
type Status struct {
	CorrelationID string `json:"correlation_id"`
	Status        string `json:"status"`             // a status word
	State         string `json:"state"`              // the finer stored state: ready, parked, scheduled, leased, done, dead, cancelled, expired
	Reason        string `json:"reason,omitempty"`   // why it is FAILED: a closed set
	Error         string `json:"error,omitempty"`    // what the last attempt ran into, or why its answer is no result, for people
	Queue         string `json:"queue"`              // the line it stands in
	Endpoint      string `json:"endpoint,omitempty"` // the configured target; absent for a built-in handler

	SubmittedAt time.Time      `json:"submitted_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
	CompletedAt *time.Time     `json:"completed_at"`
	ExpiresAt   *time.Time     `json:"expires_at"`             // the deadline; nil: never
	RemovedAt   *time.Time     `json:"readable_until"`         // terminal: when the record is removed; nil: not yet known, or never
	NextAttempt *time.Time     `json:"next_attempt_at"`        // scheduled: not before this time
	StartsAt    *time.Time     `json:"estimated_start_at"`     // waiting: an estimate; nil if there is nothing to go by
	Position    int64          `json:"position,omitempty"`     // waiting: an upper bound, from 1
	ClosedBy    string         `json:"closed_by,omitempty"`    // unfinished: what keeps the endpoint closed now, a hold's reason
	StatusCode  int            `json:"status_code,omitempty"`  // of the stored answer
	Attempts    int            `json:"attempts"`               // deliveries that were answered or may have been
	Deliveries  int            `json:"deliveries"`             // times it was handed to a worker
	Generation  int            `json:"generation"`             // raised by each redrive
	Priority    int            `json:"priority"`               // 0 to 9
	OrderingKey string         `json:"ordering_key,omitempty"` // requests of one endpoint with one key run one after another
	Cancelling  bool           `json:"cancelling,omitempty"`   // a running call is being aborted
	MayHaveRun  bool           `json:"may_have_run,omitempty"` // CANCELLED or TIMEOUT: the endpoint may have been reached
	Revision    uint64         `json:"revision"`               // raised by every change; the id of a server-sent event
	Callback    *CallbackState `json:"callback,omitempty"`     // of a request that names a receiver
	Links       Links          `json:"links"`
}

// Terminal reports whether the status is final.
func (s *Status) Terminal() bool { return Terminal(s.Status) }

// Response is the JSON envelope of a result.
type Response struct {
	CorrelationID string `json:"correlation_id"`
	Status        string `json:"status"`
	// Result is the endpoint's JSON; other text as {"response", "content_type"}, other bytes as {"response_base64",
	// "content_type"}; null where there is none.
	Result           json.RawMessage `json:"result"`
	Headers          Fields          `json:"headers"`            // of the endpoint's answer; null where there is none
	StatusCode       *int            `json:"status_code"`        // of the endpoint's answer
	Error            *string         `json:"error"`              // why there is no result, for people
	ProcessingTimeMS *float64        `json:"processing_time_ms"` // from the first byte sent to the last byte received
	CompletedAt      *time.Time      `json:"completed_at"`
	Reason           string          `json:"reason,omitempty"`    // why it is FAILED: a closed set
	Truncated        bool            `json:"truncated,omitempty"` // the stored answer is only its beginning
}

// Terminal reports whether the status is final.
func (r *Response) Terminal() bool { return Terminal(r.Status) }

// Fields are header fields. In JSON a field with one value is a string and one with several an array of strings, so that
// no Set-Cookie overwrites another.
type Fields map[string][]string

// MarshalJSON writes one value as a string, several as an array.
func (f Fields) MarshalJSON() ([]byte, error) {
	if f == nil {
		return []byte("null"), nil
	}
	m := make(map[string]any, len(f))
	for name, values := range f {
		if len(values) == 1 {
			m[name] = values[0]
		} else {
			m[name] = values
		}
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Fields) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil || m == nil {
		*f = nil
		return err
	}
	*f = make(Fields, len(m))
	for name, raw := range m {
		var one string
		if json.Unmarshal(raw, &one) == nil {
			(*f)[name] = []string{one}
			continue
		}
		var several []string
		if err := json.Unmarshal(raw, &several); err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		(*f)[name] = several
	}
	return nil
}

// Problem is an error answer (RFC 9457).
type Problem struct {
	Type          string         `json:"type"` // urn:openhqm:problem:..., a closed set
	Title         string         `json:"title"`
	Status        int            `json:"status"`
	Detail        string         `json:"detail"` // names the thing and the remedy
	CorrelationID string         `json:"correlation_id,omitempty"`
	Errors        []ProblemError `json:"errors,omitempty"`
}

// ProblemError names one wrong member of a request body.
type ProblemError struct {
	Pointer string `json:"pointer"` // RFC 6901, with the leading # of a URI fragment
	Detail  string `json:"detail"`
}
