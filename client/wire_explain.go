package client

import "time"

// Explanation says why a request, or the work of a queue, is where it is.
type Explanation struct {
	Sentence      string     `json:"explanation"`              // for people
	Cause         string     `json:"cause"`                    // for programs: a closed set
	CorrelationID string     `json:"correlation_id,omitempty"` // absent for a queue
	Status        string     `json:"status,omitempty"`
	State         string     `json:"state,omitempty"`
	Reason        string     `json:"reason,omitempty"` // why it is FAILED
	Queue         string     `json:"queue"`
	Endpoint      string     `json:"endpoint,omitempty"`
	Until         *time.Time `json:"until,omitempty"`            // when what it waits for is over, if that is known
	Position      int64      `json:"position,omitempty"`         // an upper bound, from 1
	Attempt       int        `json:"attempt,omitempty"`          // unfinished: the attempt that runs or comes next
	MaxAttempts   int        `json:"max_attempts,omitempty"`     // that it may have in this generation
	Key           string     `json:"key,omitempty"`              // its ordering key
	BlockedBy     string     `json:"blocked_by,omitempty"`       // the dead letter that blocks its ordering key
	Worker        string     `json:"worker,omitempty"`           // that has it
	Depth         int64      `json:"depth"`                      // of the queue: work that could run now if there were room
	Running       int64      `json:"running"`                    // of the queue, calls that pass through included
	Rate          float64    `json:"drain_per_second,omitempty"` // of the queue; absent if it is not known
	Limits        Limits     `json:"limits"`
	Holds         []Hold     `json:"holds"` // while there is one, nothing of the queue is delivered
}
