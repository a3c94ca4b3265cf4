package client

// Audit is what a recount of all messages found, from their records and indexes and never from the counters.
type Audit struct {
	Records int64        `json:"records"` // examined
	Drift   int64        `json:"drift"`   // accepted messages that are neither there nor removed; 0 if all add up
	Queues  []AuditQueue `json:"queues"`
	Faulty  int64        `json:"faulty"` // things that are wrong
	Faults  []Fault      `json:"faults"` // the first of them
}

// OK reports that nothing is wrong.
func (a *Audit) OK() bool { return a.Faulty == 0 && a.Drift == 0 }

// AuditQueue is one queue, recounted. Accepted and Removed are as they were written: what is removed cannot be counted.
type AuditQueue struct {
	Name   string `json:"name"`
	Counts Counts `json:"counts"`
	Drift  int64  `json:"drift"`
}

// Fault is one thing that is wrong.
type Fault struct {
	CorrelationID string `json:"correlation_id,omitempty"` // absent if it is not about one message
	Detail        string `json:"detail"`
}
