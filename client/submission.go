package client

import (
	"encoding/json"
	"maps"
	"time"
)

// Submission is one request to be stored and delivered.
type Submission struct {
	Payload  json.RawMessage // any JSON: the body of the request to the endpoint
	Headers  map[string]string
	Metadata Metadata

	// IdempotencyKey makes repeating the submit safe: the same key and content stand for one request. Empty for none.
	IdempotencyKey string
}

// Metadata says how a request is to be handled. Zero fields leave it to the server.
type Metadata struct {
	Priority  int           // 9 is the most urgent, 0 the default
	Timeout   time.Duration // bound on one attempt
	Endpoint  string        // name of a configured endpoint; empty: the default one
	Method    string        // of the request to the endpoint; empty: as configured, usually POST
	Path      string        // path and query below the endpoint's URL, beginning with a slash; empty: the URL itself
	Delay     time.Duration // first delivery not before so long from now
	NotBefore time.Time     // first delivery not before; the later of both counts
	MaxAge    time.Duration // it ends TIMEOUT if it still waits so long from now
	Deadline  time.Time     // it ends TIMEOUT if it still waits at that time; the earlier of both counts

	// OrderingKey puts the request in line behind those of its endpoint with the same key: they run one after another.
	OrderingKey string
	CallbackURL string // receiver to be told of the end; the server lists which may be named

	Extra map[string]any // further members, kept with the request
}

// MarshalJSON writes the wire form; a named field wins over a member of Extra.
func (m Metadata) MarshalJSON() ([]byte, error) {
	all := maps.Clone(m.Extra)
	if all == nil {
		all = make(map[string]any)
	}
	set := func(name string, value any, given bool) {
		if given {
			all[name] = value
		}
	}
	set("priority", m.Priority, m.Priority != 0)
	set("timeout", m.Timeout.Seconds(), m.Timeout != 0)
	set("endpoint", m.Endpoint, m.Endpoint != "")
	set("method", m.Method, m.Method != "")
	set("path", m.Path, m.Path != "")
	set("delay", m.Delay.Seconds(), m.Delay != 0)
	set("not_before", m.NotBefore, !m.NotBefore.IsZero())
	set("max_age", m.MaxAge.Seconds(), m.MaxAge != 0)
	set("deadline", m.Deadline, !m.Deadline.IsZero())
	set("ordering_key", m.OrderingKey, m.OrderingKey != "")
	set("callback_url", m.CallbackURL, m.CallbackURL != "")
	return json.Marshal(all)
}

// MarshalJSON writes the envelope. Without a payload it is null.
func (s Submission) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Payload  json.RawMessage   `json:"payload"`
		Headers  map[string]string `json:"headers,omitempty"`
		Metadata Metadata          `json:"metadata"`
	}{s.Payload, s.Headers, s.Metadata})
}
