package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Broker is the policy over a store, and the only holder of policy: what a message is bound to at submit, what an outcome
// means, when a failed message is tried again and when it is dead. Ingress, API and worker speak to it, never to a store.
type Broker struct {
	store    Store
	policy   func(queue string) Policy
	observer Observer
	flow     Flow
	homes    sync.Map // queue name -> Home
	sample   atomic.Pointer[sample]
}

// BrokerOptions are what a Broker is made of beside its store. The zero value is usable.
type BrokerOptions struct {
	// Policy returns the policy of a queue, and for "" the default one. It is called for each submit and settlement, so
	// that a reload takes effect at once. nil: DefaultPolicy.
	Policy func(queue string) Policy
	// Observer sees every change. nil: nobody.
	Observer Observer
	// Flow slows queues down by what came of their calls. nil: nothing does.
	Flow Flow
}

// NewBroker returns a Broker over the store. The caller runs it with Run and closes the store afterwards.
func NewBroker(store Store, o BrokerOptions) *Broker {
	if o.Policy == nil {
		defaults := DefaultPolicy()
		o.Policy = func(string) Policy { return defaults }
	}
	if o.Observer == nil {
		o.Observer = ObserverFunc(func(Event) {})
	}
	if o.Flow == nil {
		o.Flow = noFlow{}
	}
	b := &Broker{store: store, policy: o.Policy, observer: o.Observer, flow: o.Flow}
	b.sample.Store(&sample{})
	return b
}

// Run makes happen what time brings, and measures how fast queues drain. It returns when ctx ends, or with the store's
// error.
func (b *Broker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var measuring sync.WaitGroup
	measuring.Go(func() { b.measure(ctx) })
	err := b.store.Run(ctx, b.observer.Observe)
	cancel()
	measuring.Wait()
	return err
}

// Capabilities says what the store does and promises.
func (b *Broker) Capabilities() Capabilities { return b.store.Capabilities() }

// Bodies returns the store's place for the bodies of requests. Unlike those of results, they are refused with ErrFull
// when the store has no room for more.
func (b *Broker) Bodies() BodyStore { return uploads{b.store, b.store.Room} }

// Room is [Store].Room.
func (b *Broker) Room() error { return b.store.Room() }

// LastGate returns the gate of a queue as the last measurement found it, at most a second ago while the store answers, and
// the store's clock at this moment: what there is to go by while the store cannot be reached.
func (b *Broker) LastGate(queue string) (Gate, time.Time) {
	s := b.sample.Load()
	return s.stats.Queues[queue].Gate, s.now()
}

// Get returns the record. ErrGone where the ID's own time is older than the retention of results (R15), else ErrNotFound.
func (b *Broker) Get(ctx context.Context, id ID) (*Record, error) {
	r, err := b.store.Get(ctx, id)
	return r, b.gone(id, err)
}

// Wait is [Store].Wait with the errors of Get.
func (b *Broker) Wait(ctx context.Context, id ID, after Revision) (*Record, error) {
	r, err := b.store.Wait(ctx, id, after)
	return r, b.gone(id, err)
}

func (b *Broker) gone(id ID, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if keep := b.policy("").KeepResult; keep > 0 && time.Since(id.Time()) > keep {
		return ErrGone
	}
	return err
}

// Position is [Store].Position.
func (b *Broker) Position(ctx context.Context, id ID) (int64, error) {
	return b.store.Position(ctx, id)
}

// List is [Store].List.
func (b *Broker) List(ctx context.Context, f Filter) (Page, error) { return b.store.List(ctx, f) }

// Purge is [Store].Purge.
func (b *Broker) Purge(ctx context.Context, f Filter) (Purged, error) { return b.store.Purge(ctx, f) }

// Stats is [Store].Stats.
func (b *Broker) Stats(ctx context.Context) (Stats, error) {
	asked := time.Now()
	stats, err := b.store.Stats(ctx)
	if err == nil {
		for name, q := range stats.Queues {
			b.flow.Seen(name, q.Gate, stats.Now, asked)
		}
	}
	return stats, err
}

// SetGate is [Store].SetGate.
func (b *Broker) SetGate(ctx context.Context, queue string, c GateChange) (Gate, error) {
	asked := time.Now()
	g, err := b.store.SetGate(ctx, queue, c)
	if err == nil {
		b.flow.Seen(queue, g, b.sample.Load().now(), asked)
	}
	return g, err
}

// Reserve is [Store].Reserve.
func (b *Broker) Reserve(ctx context.Context, queue string, ttl time.Duration) (LeaseRef, error) {
	return b.store.Reserve(ctx, queue, ttl)
}

// Return is [Store].Return.
func (b *Broker) Return(ctx context.Context, ref LeaseRef) error { return b.store.Return(ctx, ref) }

// Cancel is [Store].Cancel.
func (b *Broker) Cancel(ctx context.Context, id ID, o CancelOptions) (*Record, error) {
	r, err := b.store.Cancel(ctx, id, o)
	if err == nil {
		b.observer.Observe(Event{Kind: EventCancelled, ID: id, Queue: r.Queue, Endpoint: r.Endpoint, Route: r.Route, State: r.State})
	}
	return r, b.gone(id, err)
}

// Redrive puts a dead message back, with the deadline of its queue's policy unless one is given. An edited request is
// checked as a submit is. ErrInvalid where the original may be repeated when its outcome is unknown and the edit may not:
// that was decided when the message was accepted.
func (b *Broker) Redrive(ctx context.Context, id ID, d Redrive) (*Record, error) {
	was, err := b.store.Get(ctx, id)
	if err != nil {
		return nil, b.gone(id, err)
	}
	p := b.policy(was.Queue)
	if d.Request != nil {
		if err := d.Request.validate(); err != nil {
			return nil, err
		}
		if was.OnLost == OnLostRedeliver && !p.mayRepeat(d.Request) {
			return nil, invalid("the request may be repeated, and a %s may not; submit it as a new request", d.Request.Method)
		}
	}
	if d.Deadline == 0 {
		d.Deadline = p.MaxAge
	}
	r, err := b.store.Redrive(ctx, id, d)
	if err == nil {
		b.observer.Observe(Event{Kind: EventRedriven, ID: id, Queue: r.Queue, Endpoint: r.Endpoint, State: r.State})
	}
	return r, b.gone(id, err)
}

func (b *Broker) home(queue string) Home {
	if h, ok := b.homes.Load(queue); ok {
		return h.(Home)
	}
	h := HomeOf(queue)
	b.homes.Store(queue, h)
	return h
}

// measure samples the counters each second.
func (b *Broker) measure(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		if stats, err := b.Stats(ctx); err == nil {
			b.sample.Store(b.sample.Load().next(stats))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sampleEvery is how often the drain rate is measured; half of what was measured 10 samples ago is forgotten.
const (
	sampleEvery = time.Second
	sampleDecay = 0.93
)

// sample is what the last measurement found.
type sample struct {
	stats Stats
	at    time.Time          // when it was taken, by this process's clock
	rates map[string]float64 // finished per second, by queue
}

// now is the store's clock at this moment, reckoned from when the sample was taken; before the first one, this process's.
func (s *sample) now() time.Time {
	if s.at.IsZero() {
		return time.Now()
	}
	return s.stats.Now.Add(time.Since(s.at))
}

func (s *sample) next(stats Stats) *sample {
	n := &sample{stats: stats, at: time.Now(), rates: maps.Clone(s.rates)}
	if n.rates == nil {
		n.rates = make(map[string]float64)
	}
	for name, q := range stats.Queues {
		before, ok := s.stats.Queues[name]
		seconds := stats.Now.Sub(s.stats.Now).Seconds()
		if !ok || seconds <= 0 {
			continue
		}
		rate := float64(finished(q.Counts)-finished(before.Counts)) / seconds
		old, known := n.rates[name]
		switch {
		case !known && rate > 0:
			n.rates[name] = rate
		case known && (rate > 0 || q.Unfinished() > 0):
			n.rates[name] = old*sampleDecay + rate*(1-sampleDecay)
		}
	}
	return n
}

func finished(c Counts) int64 { return c.Accepted - c.Unfinished() }

// Drain estimates a queue's progress.
type Drain struct {
	Depth   int64
	Running int64
	Rate    float64       // finished per second; 0 if nothing was measured
	Pace    float64       // what estimates go by: Rate within the queue's limit, or that limit; 0 if neither is known
	Wait    time.Duration // until a message accepted now would start; 0: at once, or unknown
	Hold    HoldReason    // what keeps the queue closed, or ""
	Closed  time.Duration // until the hold ends, which is part of Wait; 0 if it has no end of its own
	Endless bool          // the hold has no end of its own: Wait begins when somebody releases it
}

// Drain returns the estimate for a queue, from counters at most a second old.
func (b *Broker) Drain(queue string) Drain {
	s := b.sample.Load()
	return drainOf(s.stats.Queues[queue], s.now(), s.rates[queue])
}

// drainOf estimates from the counters of a queue and what was measured of it.
func drainOf(q QueueStats, now time.Time, rate float64) Drain {
	d := Drain{Depth: q.Depth(), Running: q.Leased, Rate: rate, Pace: rate}
	if limit := q.Gate.Limits.Rate; limit > 0 && (rate == 0 || rate > limit) {
		d.Pace = limit
	}
	if d.Pace > 0 {
		d.Wait = seconds(float64(d.Depth) / d.Pace)
	}
	if reason, hold, closed := q.Gate.Closed(now); closed {
		d.Hold, d.Endless = reason, hold.Until.IsZero()
		if !d.Endless {
			d.Closed = hold.Until.Sub(now)
			d.Wait += d.Closed
		}
	}
	return d
}

func seconds(s float64) time.Duration {
	const limit = 24 * time.Hour
	if s > limit.Seconds() {
		return limit
	}
	return time.Duration(s * float64(time.Second))
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
