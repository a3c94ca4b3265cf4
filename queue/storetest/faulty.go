package storetest

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Fault is one kind of trouble. Zero fields do nothing.
type Fault struct {
	Methods     []string      // names of Store methods it befalls; none: every method with a fault point
	Probability float64       // of each call; 0 means 1
	Skip        int           // calls that match and are spared first
	Times       int           // how often it happens at most; 0: no bound
	Delay       time.Duration // before the call, or until its context ends
	Before      error         // returned without making the call, such as queue.ErrUnavailable
	After       error         // returned although the call was made: a lost reply, such as queue.ErrOutcomeUnknown
}

// Faulty is a store in front of which faults happen. Capabilities, Close and Run pass untouched, and a lost reply of
// Lease takes the leases with it.
type Faulty struct {
	queue.Store

	mu     sync.Mutex
	random *rand.Rand
	faults []*armed
	struck map[string]int
}

// armed is a Fault and what it has done.
type armed struct {
	Fault
	seen, struck int
}

// NewFaulty returns store with faults, whose chances follow from the seed.
func NewFaulty(store queue.Store, seed uint64, faults ...Fault) *Faulty {
	f := &Faulty{Store: store, random: rand.New(rand.NewPCG(seed, 0)), struck: make(map[string]int)}
	f.Inject(faults...)
	return f
}

// Inject replaces the faults.
func (f *Faulty) Inject(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
	for _, fault := range faults {
		f.faults = append(f.faults, &armed{Fault: fault})
	}
}

// Struck returns how many calls of a method a fault befell.
func (f *Faulty) Struck(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck[method]
}

// strike returns the fault that befalls a call, or nil.
func (f *Faulty) strike(method string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.faults {
		if len(a.Methods) > 0 && !slices.Contains(a.Methods, method) {
			continue
		}
		a.seen++
		if a.seen <= a.Skip || a.Times > 0 && a.struck >= a.Times || a.Probability > 0 && f.random.Float64() >= a.Probability {
			continue
		}
		a.struck++
		f.struck[method]++
		return &a.Fault
	}
	return nil
}

// call makes one call under the fault that befalls it.
func call[T any](ctx context.Context, f *Faulty, method string, fn func() (T, error)) (T, error) {
	var none T
	fault := f.strike(method)
	if fault == nil {
		return fn()
	}
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if fault.Before != nil {
		return none, fault.Before
	}
	got, err := fn()
	if fault.After != nil {
		return none, fault.After
	}
	return got, err
}

// do is call for a method that returns only an error.
func do(ctx context.Context, f *Faulty, method string, fn func() error) error {
	_, err := call(ctx, f, method, func() (struct{}, error) { return struct{}{}, fn() })
	return err
}

// Enqueue implements queue.QueueStore.
func (f *Faulty) Enqueue(ctx context.Context, messages []*queue.Message) ([]queue.Enqueued, error) {
	return call(ctx, f, "Enqueue", func() ([]queue.Enqueued, error) { return f.Store.Enqueue(ctx, messages) })
}

// Lease implements queue.QueueStore.
func (f *Faulty) Lease(ctx context.Context, request queue.LeaseRequest) ([]queue.Lease, error) {
	return call(ctx, f, "Lease", func() ([]queue.Lease, error) { return f.Store.Lease(ctx, request) })
}

// Extend implements queue.QueueStore.
func (f *Faulty) Extend(ctx context.Context, refs []queue.LeaseRef, ttl time.Duration) ([]queue.Extended, error) {
	return call(ctx, f, "Extend", func() ([]queue.Extended, error) { return f.Store.Extend(ctx, refs, ttl) })
}

// Settle implements queue.QueueStore.
func (f *Faulty) Settle(ctx context.Context, settlements []queue.Settlement) ([]error, error) {
	return call(ctx, f, "Settle", func() ([]error, error) { return f.Store.Settle(ctx, settlements) })
}

// Get implements queue.RecordStore.
func (f *Faulty) Get(ctx context.Context, id queue.ID) (*queue.Record, error) {
	return call(ctx, f, "Get", func() (*queue.Record, error) { return f.Store.Get(ctx, id) })
}

// Wait implements queue.RecordStore.
func (f *Faulty) Wait(ctx context.Context, id queue.ID, after queue.Revision) (*queue.Record, error) {
	return call(ctx, f, "Wait", func() (*queue.Record, error) { return f.Store.Wait(ctx, id, after) })
}

// Position implements queue.RecordStore.
func (f *Faulty) Position(ctx context.Context, id queue.ID) (int64, error) {
	return call(ctx, f, "Position", func() (int64, error) { return f.Store.Position(ctx, id) })
}

// Cancel implements queue.RecordStore.
func (f *Faulty) Cancel(ctx context.Context, id queue.ID, options queue.CancelOptions) (*queue.Record, error) {
	return call(ctx, f, "Cancel", func() (*queue.Record, error) { return f.Store.Cancel(ctx, id, options) })
}

// List implements queue.RecordStore.
func (f *Faulty) List(ctx context.Context, filter queue.Filter) (queue.Page, error) {
	return call(ctx, f, "List", func() (queue.Page, error) { return f.Store.List(ctx, filter) })
}

// Redrive implements queue.RecordStore.
func (f *Faulty) Redrive(ctx context.Context, id queue.ID, redrive queue.Redrive) (*queue.Record, error) {
	return call(ctx, f, "Redrive", func() (*queue.Record, error) { return f.Store.Redrive(ctx, id, redrive) })
}

// Purge implements queue.RecordStore.
func (f *Faulty) Purge(ctx context.Context, filter queue.Filter) (queue.Purged, error) {
	return call(ctx, f, "Purge", func() (queue.Purged, error) { return f.Store.Purge(ctx, filter) })
}

// Import implements queue.RecordStore.
func (f *Faulty) Import(ctx context.Context, records []*queue.Record) error {
	return do(ctx, f, "Import", func() error { return f.Store.Import(ctx, records) })
}

// SetGate implements queue.ControlStore.
func (f *Faulty) SetGate(ctx context.Context, name string, change queue.GateChange) (queue.Gate, error) {
	return call(ctx, f, "SetGate", func() (queue.Gate, error) { return f.Store.SetGate(ctx, name, change) })
}

// Reserve implements queue.ControlStore.
func (f *Faulty) Reserve(ctx context.Context, name string, ttl time.Duration) (queue.LeaseRef, error) {
	return call(ctx, f, "Reserve", func() (queue.LeaseRef, error) { return f.Store.Reserve(ctx, name, ttl) })
}

// Return implements queue.ControlStore.
func (f *Faulty) Return(ctx context.Context, ref queue.LeaseRef) error {
	return do(ctx, f, "Return", func() error { return f.Store.Return(ctx, ref) })
}

// Room implements queue.ControlStore.
func (f *Faulty) Room() error { return do(context.Background(), f, "Room", f.Store.Room) }

// Stats implements queue.ControlStore.
func (f *Faulty) Stats(ctx context.Context) (queue.Stats, error) {
	return call(ctx, f, "Stats", func() (queue.Stats, error) { return f.Store.Stats(ctx) })
}

// CreateBody implements queue.BodyStore.
func (f *Faulty) CreateBody(ctx context.Context) (queue.BodyWriter, error) {
	return call(ctx, f, "CreateBody", func() (queue.BodyWriter, error) { return f.Store.CreateBody(ctx) })
}

// DiscardBody implements queue.BodyStore.
func (f *Faulty) DiscardBody(ctx context.Context, b queue.Body) error {
	return do(ctx, f, "DiscardBody", func() error { return f.Store.DiscardBody(ctx, b) })
}
