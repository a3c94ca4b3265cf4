package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// fixture is one open store in one scenario. Its methods fail the test instead of returning errors.
type fixture struct {
	queue.Store
	t       testing.TB
	h       Harness
	options Options
	ctx     context.Context
	stop    func() // ends Run and waits for it

	mu       sync.Mutex
	events   []queue.Event
	observed chan struct{} // closed by the next event
}

// open opens a fresh store; the end of the test stops Run, recounts, and closes the store.
func open(t testing.TB, h Harness, options Options) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	f := &fixture{Store: h.Open(t, options), t: t, h: h, options: options, ctx: ctx, stop: func() {},
		observed: make(chan struct{})}
	t.Cleanup(func() {
		f.stop()
		if f.Store != nil {
			f.audit()
			if err := f.Store.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		cancel()
	})
	return f
}

// start begins the store's Run.
func (f *fixture) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	store := f.Store
	go func() { ended <- store.Run(ctx, f.observe) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, queue.ErrClosed) {
			f.t.Errorf("run ended with %v, want nil after its context", err)
		}
	})
}

// reopen ends the store as a crash would, opens its data again and starts Run.
func (f *fixture) reopen() {
	f.t.Helper()
	f.stop()
	f.Store = f.h.Reopen(f.t, f.Store, f.options)
	f.start()
}

// close closes the store within the scenario, without a recount.
func (f *fixture) close() {
	f.t.Helper()
	store := f.Store
	f.Store = nil
	f.ok(store.Close())
	f.stop()
}

func (f *fixture) observe(e queue.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, e)
	close(f.observed)
	f.observed = make(chan struct{})
}

// sees asserts that Run reports an event of a kind of a message exactly once, waiting for it, and returns it.
func (f *fixture) sees(kind queue.EventKind, m *queue.Message) queue.Event {
	f.t.Helper()
	for {
		found, more := f.find(kind, m.ID)
		switch {
		case len(found) == 1:
			return found[0]
		case len(found) > 1:
			f.t.Fatalf("Run reported %v of %v %d times", kind, m.ID, len(found))
		}
		select {
		case <-more:
		case <-f.ctx.Done():
			f.t.Fatalf("Run did not report %v of %v", kind, m.ID)
		}
	}
}

// find returns the events so far and what the next one closes.
func (f *fixture) find(kind queue.EventKind, id queue.ID) (found []queue.Event, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.Kind == kind && e.ID == id {
			found = append(found, e)
		}
	}
	return found, f.observed
}

// ok fails the test on an error.
func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatalf("unexpected error: %v", err)
	}
}

// is fails the test unless err is target.
func (f *fixture) is(err, target error) {
	f.t.Helper()
	if !errors.Is(err, target) {
		f.t.Fatalf("error = %v, want %v", err, target)
	}
}

// pass lets time go by.
func (f *fixture) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
		f.t.Fatalf("the scenario took longer than %v", Patience)
	}
}

// in runs fn while the test goes on; the returned function waits for its end.
func (f *fixture) in(fn func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	return func() {
		f.t.Helper()
		select {
		case <-done:
		case <-f.ctx.Done():
			f.t.Fatalf("still waiting after %v", Patience)
		}
	}
}

// put enqueues messages, each of which must be stored as new, and returns the first.
func (f *fixture) put(messages ...*queue.Message) *queue.Message {
	f.t.Helper()
	answers, err := f.Enqueue(f.ctx, messages)
	f.ok(err)
	if len(answers) != len(messages) {
		f.t.Fatalf("%d answers for %d messages", len(answers), len(messages))
	}
	for i, a := range answers {
		if want := (queue.Enqueued{ID: messages[i].ID}); a != want {
			f.t.Fatalf("enqueue answered %+v, want %+v", a, want)
		}
	}
	f.balanced()
	return messages[0]
}

// message enqueues one new message.
func (f *fixture) message(queueName string, edits ...func(*queue.Message)) *queue.Message {
	f.t.Helper()
	return f.put(NewMessage(queueName, edits...))
}

// request returns a plain LeaseRequest.
func request(n int, queues ...string) queue.LeaseRequest {
	r := queue.LeaseRequest{Worker: "suite", Max: n, Slots: 1 << 20, TTL: time.Hour}
	for _, q := range queues {
		r.Queues = append(r.Queues, queue.Want{Queue: q})
	}
	return r
}

// lease takes one lease, waiting for it.
func (f *fixture) lease(queueName string) queue.Lease {
	f.t.Helper()
	return f.leaseFor(queueName, time.Hour)
}

// leaseFor takes one lease that ends after ttl.
func (f *fixture) leaseFor(queueName string, ttl time.Duration) queue.Lease {
	f.t.Helper()
	r := request(1, queueName)
	r.TTL = ttl
	leases := f.leases(r)
	if len(leases) != 1 {
		f.t.Fatalf("got %d leases, want 1", len(leases))
	}
	return leases[0]
}

// leases takes leases, waiting for the first.
func (f *fixture) leases(r queue.LeaseRequest) []queue.Lease {
	f.t.Helper()
	leases, err := f.Lease(f.ctx, r)
	f.ok(err)
	f.balanced()
	return leases
}

// leaseID takes one lease, which must be of the given message.
func (f *fixture) leaseID(m *queue.Message) queue.Lease {
	f.t.Helper()
	l := f.lease(m.Queue)
	if l.ID != m.ID {
		f.t.Fatalf("leased %v, want %v", l.ID, m.ID)
	}
	return l
}

// nothing asserts that none of the queues gives a lease.
func (f *fixture) nothing(queues ...string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, grace)
	defer cancel()
	leases, err := f.Lease(ctx, request(1, queues...))
	if len(leases) > 0 {
		f.t.Fatalf("leased %v of %s (%v), want nothing", leases[0].ID, leases[0].Record.Queue, leases[0].Record.State)
	}
	f.is(err, context.DeadlineExceeded)
}

// end settles one lease.
func (f *fixture) end(s queue.Settlement) {
	f.t.Helper()
	f.ok(f.trySettle(s))
	f.balanced()
}

// trySettle returns what became of one settlement.
func (f *fixture) trySettle(s queue.Settlement) error {
	f.t.Helper()
	errs, err := f.Settle(f.ctx, []queue.Settlement{s})
	f.ok(err)
	if len(errs) != 1 {
		f.t.Fatalf("%d answers for 1 settlement", len(errs))
	}
	return errs[0]
}

// Settlements as a worker makes them.

func done(l queue.Lease) queue.Settlement {
	return queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleDone, Result: NewResult(200, "done"),
		Attempt: attempt(l, queue.Answered, 200)}
}

func dead(l queue.Lease, reason queue.Reason) queue.Settlement {
	return queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleDead, Reason: reason, Result: NewResult(500, "no"),
		Attempt: attempt(l, queue.Answered, 500)}
}

func retry(l queue.Lease, after time.Duration) queue.Settlement {
	return queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleRetry, After: after,
		Attempt: attempt(l, queue.Answered, 503)}
}

func release(l queue.Lease) queue.Settlement {
	return queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleRelease}
}

func attempt(l queue.Lease, class queue.Class, status int) *queue.Attempt {
	return &queue.Attempt{Generation: l.Record.Generation, Delivery: l.Record.Deliveries, StartedAt: time.Now(),
		Duration: time.Millisecond, Class: class, Status: status, Counted: true}
}

// get returns the record of a message.
func (f *fixture) get(m *queue.Message) *queue.Record {
	f.t.Helper()
	r, err := f.Get(f.ctx, m.ID)
	f.ok(err)
	return r
}

// state asserts the state of a message and returns its record.
func (f *fixture) state(m *queue.Message, want queue.State) *queue.Record {
	f.t.Helper()
	r := f.get(m)
	if r.State != want {
		f.t.Fatalf("state = %v, want %v", r.State, want)
	}
	return r
}

// until waits for a state and returns the record.
func (f *fixture) until(m *queue.Message, want queue.State) *queue.Record {
	f.t.Helper()
	var after queue.Revision
	for {
		r, err := f.Wait(f.ctx, m.ID, after)
		if err != nil {
			f.t.Fatalf("wait for %v: %v (record %+v)", want, err, r)
		}
		if r.State == want {
			return r
		}
		after = r.Revision
	}
}

// gone waits until a message is removed.
func (f *fixture) gone(m *queue.Message) {
	f.t.Helper()
	r, err := f.Get(f.ctx, m.ID)
	for err == nil {
		r, err = f.Wait(f.ctx, m.ID, r.Revision)
	}
	f.is(err, queue.ErrNotFound)
}

// gate changes a queue's gate.
func (f *fixture) gate(queueName string, change queue.GateChange) queue.Gate {
	f.t.Helper()
	g, err := f.SetGate(f.ctx, queueName, change)
	f.ok(err)
	return g
}

// stats returns the figures of one queue.
func (f *fixture) stats(queueName string) queue.QueueStats {
	f.t.Helper()
	s, err := f.Stats(f.ctx)
	f.ok(err)
	return s.Queues[queueName]
}

// counts asserts the counters of one queue.
func (f *fixture) counts(queueName string, want queue.Counts) {
	f.t.Helper()
	if got := f.stats(queueName).Counts; got != want {
		f.t.Fatalf("counts of %q are\n%+v, want\n%+v", queueName, got, want)
	}
}

// balanced asserts that the counters of every queue add up.
func (f *fixture) balanced() {
	f.t.Helper()
	s, err := f.Stats(f.ctx)
	f.ok(err)
	for name, q := range s.Queues {
		if d := q.Drift(); d != 0 {
			f.t.Fatalf("counts of %q drift by %d: %+v", name, d, q.Counts)
		}
	}
}

// audit recounts every queue from its records and compares the counters. Nothing may change the store meanwhile.
func (f *fixture) audit() {
	f.t.Helper()
	s, err := f.Stats(context.Background())
	f.ok(err)
	for name, q := range s.Queues {
		recount := queue.Counts{Accepted: q.Accepted, Removed: q.Removed, Overdue: q.Overdue}
		for r := range f.all(queue.Filter{Queue: name}) {
			*recount.Of(r.State)++
		}
		if recount != q.Counts || q.Drift() != 0 {
			f.t.Errorf("counters of %q say\n%+v, its records\n%+v", name, q.Counts, recount)
		}
	}
}

// all goes through every page of a list.
func (f *fixture) all(filter queue.Filter) func(yield func(*queue.Record) bool) {
	return func(yield func(*queue.Record) bool) {
		f.t.Helper()
		for {
			page, err := f.List(context.Background(), filter)
			f.ok(err)
			for _, r := range page.Records {
				if !yield(r) {
					return
				}
			}
			if filter.Cursor = page.Next; filter.Cursor == "" {
				return
			}
		}
	}
}

// ids returns the IDs of a list, in its order.
func (f *fixture) ids(filter queue.Filter) []queue.ID {
	f.t.Helper()
	var ids []queue.ID
	for r := range f.all(filter) {
		ids = append(ids, r.ID)
	}
	return ids
}

// same asserts that two lists of IDs are equal.
func (f *fixture) same(got, want []queue.ID) {
	f.t.Helper()
	if !slices.Equal(got, want) {
		f.t.Fatalf("IDs are %v, want %v", got, want)
	}
}
