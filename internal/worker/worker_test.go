package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/internal/worker"
	"github.com/openhqm/openhqm/queue"
)

// pool is a worker over a memory store, in a synctest bubble.
type pool struct {
	t      *testing.T
	broker *queue.Broker
	worker *worker.Worker
	stop   context.CancelFunc
	ended  chan error
}

// start runs a worker of queue q with the handler. change may replace options.
func start(t *testing.T, c worker.Config, handle queue.HandlerFunc, change func(*worker.Options)) *pool {
	t.Helper()
	store := memory.New(memory.Options{})
	policy := queue.DefaultPolicy()
	policy.RetryUnsafe = true
	broker := queue.NewBroker(store, queue.BrokerOptions{Policy: func(string) queue.Policy { return policy }})
	o := worker.Options{
		Broker:  broker,
		Queues:  func() []string { return []string{"q"} },
		Handler: func(string) (queue.Handler, bool) { return handle, true },
	}
	if change != nil {
		change(&o)
	}
	p := &pool{t: t, broker: broker, worker: worker.New(c, o), ended: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	go func() { p.ended <- p.worker.Run(ctx) }()
	living, die := context.WithCancel(context.Background())
	life := make(chan error, 1)
	go func() { life <- broker.Run(living) }()
	t.Cleanup(func() {
		stop()
		die()
		if err := <-life; err != nil {
			t.Errorf("store: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// submit adds a message to a queue.
func (p *pool) submit(name string) queue.ID {
	p.t.Helper()
	r, err := p.broker.Submit(p.t.Context(), &queue.Submission{Queue: name, Request: queue.Request{Method: "POST", Target: "/"}})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.ID
}

func (p *pool) get(id queue.ID) *queue.Record {
	p.t.Helper()
	r, err := p.broker.Get(context.Background(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// drained stops the worker and returns how long that took and what Run returned.
func (p *pool) drained() (time.Duration, error) {
	began := time.Now()
	p.stop()
	err := <-p.ended
	return time.Since(began), err
}

func answered() queue.Outcome {
	return queue.Outcome{Class: queue.Answered, Result: &queue.Result{Status: 200, Length: -1}, StartedAt: time.Now()}
}

// untilEnded works until its context ends.
func untilEnded(ctx context.Context, _ *queue.Delivery) queue.Outcome {
	<-ctx.Done()
	return queue.Outcome{Class: queue.Unanswered, Err: fmt.Errorf("cut: %w", context.Cause(ctx)), StartedAt: time.Now()}
}

func TestNeverMoreCallsThanSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots, messages = 7, 500
		var now, most, calls atomic.Int64
		p := start(t, worker.Config{Slots: slots}, func(context.Context, *queue.Delivery) queue.Outcome {
			n := now.Add(1)
			defer now.Add(-1)
			for {
				m := most.Load()
				if n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			calls.Add(1)
			time.Sleep(rand.N(100 * time.Millisecond))
			return answered()
		}, nil)
		began := time.Now()
		for range messages {
			p.submit("q")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if most.Load() != slots {
			t.Errorf("%d calls at once with %d slots", most.Load(), slots)
		}
		stats, err := p.broker.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if q := stats.Queues["q"]; q.Done != messages || calls.Load() != messages || q.Drift() != 0 {
			t.Errorf("%d done by %d calls after %s", q.Done, calls.Load(), time.Since(began))
		}
		if took, err := p.drained(); err != nil || took != 0 {
			t.Errorf("an idle worker drained in %s: %v", took, err)
		}
	})
}

func TestSlowCallIdlesNoOtherSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(map[queue.ID]bool)
		var mu sync.Mutex
		p := start(t, worker.Config{Slots: 2}, func(_ context.Context, d *queue.Delivery) queue.Outcome {
			mu.Lock()
			wait := time.Millisecond
			if slow[d.ID] {
				wait = time.Hour
			}
			mu.Unlock()
			time.Sleep(wait)
			return answered()
		}, nil)
		mu.Lock()
		slow[p.submit("q")] = true
		mu.Unlock()
		var last queue.ID
		for range 100 {
			last = p.submit("q")
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if r := p.get(last); r.State != queue.Done {
			t.Errorf("the last of 100 quick messages is %s beside a slow one", r.State)
		}
		time.Sleep(2 * time.Hour)
		if got := p.worker.Progress(); got.Running != 0 || got.Settling != 0 {
			t.Errorf("%+v after all", got)
		}
	})
}

func TestOneQueueLeavesRoomForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := make(chan struct{})
		p := start(t, worker.Config{Slots: 8}, func(ctx context.Context, d *queue.Delivery) queue.Outcome {
			select {
			case <-one:
				return answered()
			case <-ctx.Done():
				return untilEnded(ctx, d)
			}
		}, func(o *worker.Options) { o.Queues = func() []string { return []string{"a", "b"} } })
		for range 20 {
			p.submit("a")
		}
		synctest.Wait() // alone, a has every slot
		for range 20 {
			p.submit("b")
		}
		for ended := range 8 {
			stats, err := p.broker.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if a, b := stats.Queues["a"].Leased, stats.Queues["b"].Leased; a+b != 8 || ended >= 2 && (a > 6 || b > 6) {
				t.Errorf("%d and %d of 8 slots after %d calls ended", a, b, ended)
			}
			one <- struct{}{}
			synctest.Wait()
		}
	})
}

func TestCancelEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, worker.Config{}, untilEnded, nil)
		id := p.submit("q")
		synctest.Wait()
		began := time.Now()
		if _, err := p.broker.Cancel(t.Context(), id, queue.CancelOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r := p.get(id); r.State != queue.Cancelled || !r.MayHaveRun || time.Since(began) != 0 {
			t.Errorf("%s, may have run: %t, after %s", r.State, r.MayHaveRun, time.Since(began))
		}
	})
}

func TestLeaseIsRenewedWhileTheCallRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, worker.Config{LeaseTTL: 30 * time.Second}, func(ctx context.Context, _ *queue.Delivery) queue.Outcome {
			select {
			case <-ctx.Done():
				return queue.Outcome{Class: queue.Unanswered, Err: context.Cause(ctx)}
			case <-time.After(time.Hour):
				return answered()
			}
		}, nil)
		id := p.submit("q")
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if r := p.get(id); r.State != queue.Done || r.Deliveries != 1 {
			t.Errorf("%s after %d deliveries: %+v", r.State, r.Deliveries, r.LastAttempt())
		}
	})
}

// faulty is a broker whose calls can be made to fail.
type faulty struct {
	worker.Broker
	lease  func(ctx context.Context) error
	extend func(ctx context.Context) error
	settle func(ctx context.Context) error
	asked  atomic.Int64 // lease calls
}

func (f *faulty) Lease(ctx context.Context, r queue.LeaseRequest) ([]*queue.Delivery, error) {
	f.asked.Add(1)
	if f.lease != nil {
		if err := f.lease(ctx); err != nil {
			return nil, err
		}
	}
	return f.Broker.Lease(ctx, r)
}

func (f *faulty) Extend(ctx context.Context, refs []queue.LeaseRef, ttl time.Duration) ([]queue.Extended, error) {
	if f.extend != nil {
		if err := f.extend(ctx); err != nil {
			return nil, err
		}
	}
	return f.Broker.Extend(ctx, refs, ttl)
}

func (f *faulty) Settle(ctx context.Context, d *queue.Delivery, o queue.Outcome) error {
	if f.settle != nil {
		if err := f.settle(ctx); err != nil {
			return err
		}
	}
	return f.Broker.Settle(ctx, d, o)
}

func TestLateRenewalEndsTheCallBeforeTheLease(t *testing.T) {
	for name, extend := range map[string]func(context.Context) error{
		"fails":         func(context.Context) error { return queue.ErrUnavailable },
		"hangs":         func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"ignores ctx":   func(context.Context) error { time.Sleep(5 * time.Minute); return queue.ErrUnavailable },
		"lost it first": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const ttl = 30 * time.Second
				began := make(chan time.Time, 10)
				ended := make(chan time.Time, 10)
				causes := make(chan error, 10)
				f := &faulty{extend: extend}
				p := start(t, worker.Config{LeaseTTL: ttl}, func(ctx context.Context, _ *queue.Delivery) queue.Outcome {
					began <- time.Now()
					select {
					case <-ctx.Done():
					case <-time.After(2 * ttl): // nobody has ended it
					}
					causes <- context.Cause(ctx)
					ended <- time.Now()
					return queue.Outcome{Class: queue.Unanswered, Err: context.Cause(ctx), StartedAt: time.Now()}
				}, func(o *worker.Options) { f.Broker = o.Broker; o.Broker = f })
				id := p.submit("q")
				if extend == nil {
					synctest.Wait()
					r := p.get(id)
					if err := p.broker.Settle(t.Context(), &queue.Delivery{LeaseRef: queue.LeaseRef{ID: id, Token: r.LeaseToken}, Record: r}, answered()); err != nil {
						t.Fatal(err)
					}
				}
				from, to := <-began, <-ended
				if cause := <-causes; !errors.Is(cause, queue.ErrLeaseLost) {
					t.Errorf("ended by %v", cause)
				}
				if took := to.Sub(from); took >= ttl || extend != nil && took < ttl*3/4 {
					t.Errorf("ended after %s of a lease of %s", took, ttl)
				}
				p.drained() // what matters is above
				time.Sleep(10 * time.Minute)
			})
		})
	}
}

func TestPanicCostsOneDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first atomic.Bool
		var counted atomic.Int64
		p := start(t, worker.Config{Slots: 1}, func(context.Context, *queue.Delivery) queue.Outcome {
			if first.CompareAndSwap(false, true) {
				panic("s3cr3t")
			}
			return answered()
		}, func(o *worker.Options) { o.Panicked = func(string) { counted.Add(1) } })
		id, other := p.submit("q"), p.submit("q")
		time.Sleep(time.Minute)
		synctest.Wait()
		r := p.get(id)
		if r.State != queue.Done || r.Attempts != 2 || r.History[0].Class != queue.Unanswered || r.History[0].Error != "the handler panicked" {
			t.Errorf("%s after %+v", r.State, r.History)
		}
		if p.get(other).State != queue.Done || counted.Load() != 1 {
			t.Errorf("the other is %s, %d panics", p.get(other).State, counted.Load())
		}
	})
}

func TestHandlerThatEndsItsGoroutineIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first atomic.Bool
		p := start(t, worker.Config{Slots: 1}, func(context.Context, *queue.Delivery) queue.Outcome {
			if first.CompareAndSwap(false, true) {
				runtime.Goexit()
			}
			return answered()
		}, nil)
		id := p.submit("q")
		time.Sleep(time.Minute)
		synctest.Wait()
		if r := p.get(id); r.State != queue.Done {
			t.Errorf("%s after %+v", r.State, r.History)
		}
		if _, err := p.drained(); err != nil {
			t.Error(err)
		}
	})
}

func TestFailingLeaseIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		var log strings.Builder
		f := &faulty{lease: func(context.Context) error {
			if down.Load() {
				return queue.ErrUnavailable
			}
			return nil
		}}
		p := start(t, worker.Config{}, func(context.Context, *queue.Delivery) queue.Outcome { return answered() },
			func(o *worker.Options) {
				f.Broker, o.Broker, o.Log = o.Broker, f, slog.New(slog.NewTextHandler(&log, nil))
			})
		id := p.submit("q")
		time.Sleep(time.Hour)
		if n := f.asked.Load(); n < 700 || n > 1100 {
			t.Errorf("%d lease calls in an hour of trouble", n)
		}
		if p.worker.Progress().FailingSince.IsZero() {
			t.Error("trouble is not shown")
		}
		stats, err := p.broker.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !p.worker.Stalled(stats, time.Minute) {
			t.Error("no stall with a backlog and an hour of trouble")
		}
		if lines := strings.Count(log.String(), "lease failed"); lines < 50 || lines > 61 {
			t.Errorf("%d lines about it in an hour", lines)
		}
		if _, err := p.broker.Cancel(t.Context(), id, queue.CancelOptions{}); err != nil {
			t.Fatal(err)
		}
		down.Store(false)
		time.Sleep(16 * time.Second) // nothing to do, and no failure
		if !p.worker.Progress().FailingSince.IsZero() || !strings.Contains(log.String(), "lease works again") {
			t.Errorf("failing since %s:\n%s", p.worker.Progress().FailingSince, log.String())
		}
	})
}

func TestClosedStoreEndsTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{lease: func(context.Context) error { return queue.ErrClosed }}
		p := start(t, worker.Config{}, untilEnded, func(o *worker.Options) { f.Broker = o.Broker; o.Broker = f })
		if err := <-p.ended; !errors.Is(err, queue.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestWakeLooksAtTheQueuesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names atomic.Pointer[[]string]
		names.Store(&[]string{})
		p := start(t, worker.Config{}, func(context.Context, *queue.Delivery) queue.Outcome { return answered() },
			func(o *worker.Options) { o.Queues = func() []string { return *names.Load() } })
		for _, name := range []string{"a", "b"} {
			id := p.submit(name)
			synctest.Wait()
			if s := p.get(id).State; s != queue.Ready {
				t.Errorf("%s before its queue is wanted", s)
			}
			names.Store(&[]string{name})
			p.worker.Wake()
			synctest.Wait()
			if s := p.get(id).State; s != queue.Done {
				t.Errorf("%s after waking", s)
			}
		}
	})
}

func TestStallNeedsWorkThatCouldRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{lease: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }} // a loop that died
		p := start(t, worker.Config{Slots: 4}, untilEnded, func(o *worker.Options) { f.Broker = o.Broker; o.Broker = f })
		stalled := func() bool {
			stats, err := p.broker.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return p.worker.Stalled(stats, time.Minute)
		}
		time.Sleep(time.Hour)
		if stalled() {
			t.Error("stalled without work")
		}
		p.submit("other")
		p.submit("q")
		time.Sleep(30 * time.Second)
		if stalled() {
			t.Error("stalled at once")
		}
		time.Sleep(time.Hour)
		if !stalled() {
			t.Error("not stalled after an hour")
		}
		if _, err := p.broker.SetGate(t.Context(), "q", queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldPaused}}}); err != nil {
			t.Fatal(err)
		}
		if stalled() {
			t.Error("stalled behind a closed gate")
		}
	})
}
