package queue

import (
	"context"
	"fmt"
)

// Auditor is a Store that can recount itself while it runs.
type Auditor interface {
	// Audit recounts promise 2 at one moment of the store, from the records and indexes and never from the counters: every
	// record is in exactly one state and in the one place that follows from it, every place has its record, and what was
	// accepted is what is there and what was removed. Only these two totals are taken as they were written, since a
	// removed record cannot be counted. It reads every record, beside all other calls, and changes nothing. The error is
	// ctx's cause, or that the store cannot be read at all; what is wrong in it is in the Audit.
	Audit(ctx context.Context) (*Audit, error)
}

// Audit is what a recount found.
type Audit struct {
	Records int64             // examined
	Queues  map[string]Counts // recounted; Accepted and Removed as they were written
	Faults  []Fault           // the first of them
	Faulty  int64             // all of them
}

// OK reports that nothing is wrong.
func (a *Audit) OK() bool { return a.Faulty == 0 }

// Fault is one thing that is wrong in a store.
type Fault struct {
	ID   ID // the record; zero if it is not about one
	What string
}

// String names the record, if there is one, and what is wrong.
func (f Fault) String() string {
	if f.ID.IsZero() {
		return f.What
	}
	return f.ID.String() + ": " + f.What
}

// Audit is [Auditor].Audit; ErrUnsupported where the store cannot.
func (b *Broker) Audit(ctx context.Context) (*Audit, error) {
	a, ok := b.store.(Auditor)
	if !ok {
		return nil, fmt.Errorf("audit: %w", ErrUnsupported)
	}
	return a.Audit(ctx)
}
