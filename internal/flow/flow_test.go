package flow_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/flow"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

const orders = "orders"

func standard() flow.Config {
	return flow.Config{Failures: 3, Statuses: []int{502, 503, 504}, Wait: 5 * time.Second, WaitMax: 30 * time.Second, Full: 8, RetryPercent: 20}
}

// bench is a Broker with a Flow over a store, in a bubble.
type bench struct {
	*queue.Broker
	t      *testing.T
	store  queue.Store
	config flow.Config
	steps  []queue.FlowEvent
}

func inBubble(t *testing.T, f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, store: memory.New(memory.Options{}), config: standard()}
		stop := b.process()
		defer stop()
		f(b)
		stop()
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// process puts a new Broker and Flow over the store, as a restart does, and returns what ends it.
func (b *bench) process() (stop func()) {
	f := flow.New(flow.Options{Config: func(string) flow.Config { return b.config },
		Changed: func(_ string, step queue.FlowEvent, why string) {
			if why == "" {
				b.t.Error("a step without a reason")
			}
			b.steps = append(b.steps, step)
		}})
	b.Broker = queue.NewBroker(b.store, queue.BrokerOptions{Flow: f})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

func (b *bench) submit(n int) {
	for range n {
		if _, err := b.Submit(b.t.Context(), &queue.Submission{Queue: orders, Endpoint: orders,
			Request: queue.Request{Method: "PUT", Target: "/", Host: "shop"}}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// lease takes at most so many deliveries, waiting at most so long.
func (b *bench) lease(most int, within time.Duration) []*queue.Delivery {
	ctx, cancel := context.WithTimeout(b.t.Context(), within)
	defer cancel()
	got, _ := b.Lease(ctx, queue.LeaseRequest{Worker: "w", Max: most, Slots: 64, TTL: time.Hour, Queues: []queue.Want{{Queue: orders}}})
	return got
}

func (b *bench) settle(d *queue.Delivery, o queue.Outcome) {
	b.t.Helper()
	if o.StartedAt.IsZero() {
		o.StartedAt = time.Now()
	}
	if err := b.Settle(b.t.Context(), d, o); err != nil {
		b.t.Fatal(err)
	}
}

func refused() queue.Outcome {
	return queue.Outcome{Class: queue.NotSent, Err: context.DeadlineExceeded}
}

func answered(status int) queue.Outcome {
	return queue.Outcome{Class: queue.Answered, Result: &queue.Result{Status: status}}
}

// fail lets so many deliveries fail, one after another.
func (b *bench) fail(n int, o queue.Outcome) {
	b.t.Helper()
	for range n {
		got := b.lease(1, time.Hour)
		if len(got) != 1 {
			b.t.Fatal("nothing to lease")
		}
		b.settle(got[0], o)
	}
}

func (b *bench) gate() queue.Gate {
	b.t.Helper()
	stats, err := b.Stats(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return stats.Queues[orders].Gate
}

func TestBreakerOpensAfterSoManyFailuresInARow(t *testing.T) {
	for name, o := range map[string]queue.Outcome{
		"refused":    refused(),
		"unanswered": {Class: queue.Unanswered, Err: context.DeadlineExceeded},
		"503":        answered(503),
		"504":        answered(504),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.submit(20)
				b.fail(2, o)
				b.settle(b.lease(1, time.Hour)[0], answered(200))
				b.fail(2, o)
				if _, held := b.gate().Holds[queue.HoldBreaker]; held {
					t.Fatal("open, though a call between succeeded")
				}
				b.fail(1, o)
				hold, held := b.gate().Holds[queue.HoldBreaker]
				if !held || hold.Note == "" || time.Until(hold.Until) != 5*time.Second {
					t.Fatalf("hold is %+v", hold)
				}
				if got := b.lease(1, 5*time.Second-1); len(got) != 0 {
					t.Fatal("something was leased while the breaker was open")
				}
			})
		})
	}
}

func TestOnlyTroubleOfTheEndpointOpensTheBreaker(t *testing.T) {
	for name, o := range map[string]queue.Outcome{
		"404":       answered(404),
		"500":       answered(500),
		"429":       answered(429),
		"drain":     {Class: queue.Unanswered, Err: queue.ErrDraining},
		"cancelled": {Class: queue.Unanswered, Err: queue.ErrCancelRequested},
		"rejected":  {Class: queue.Rejected, Err: context.Canceled},
		"a result":  {Class: queue.Answered, Verdict: queue.VerdictResult, Result: &queue.Result{Status: 503}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.submit(20)
				b.fail(10, o)
				if len(b.steps) != 0 {
					t.Fatalf("steps %v", b.steps)
				}
			})
		})
	}
}

func TestABreakerWithoutALimitNeverOpens(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.config.Failures = 0
		b.submit(20)
		b.fail(20, refused())
		if len(b.steps) != 0 || len(b.gate().Holds) != 0 {
			t.Fatalf("steps %v, gate %+v", b.steps, b.gate())
		}
	})
}

func TestProbesComeOneByOneAndEverMoreRarely(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.submit(20)
		b.fail(3, refused())
		opened := time.Now()
		var at []time.Duration
		for range 6 {
			probe := b.lease(20, time.Hour)
			if len(probe) != 1 {
				t.Fatalf("%d probes at once", len(probe))
			}
			if more := b.lease(20, time.Millisecond); len(more) != 0 {
				t.Fatal("a second probe beside the first")
			}
			at = append(at, time.Since(opened).Round(time.Second))
			b.settle(probe[0], refused())
		}
		want := []time.Duration{5, 10, 20, 40, 70, 100}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(at, want) {
			t.Errorf("probes at %v, want %v", at, want)
		}
	})
}

func TestAFailedProbeCostsNoAttempt(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.submit(1)
		for range 12 { // three open the breaker, the others are probes: four attempts are allowed
			b.fail(1, answered(503))
		}
		stats, err := b.Stats(b.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if q := stats.Queues[orders]; q.Dead != 0 || q.Unfinished() != 1 {
			t.Errorf("counts are %+v", q.Counts)
		}
	})
}

func TestSlowStartDoublesTheCallsAtOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		time.Sleep(300 * time.Millisecond) // away from the full seconds, at which the gate is read: here both would be one moment
		b.submit(100)
		b.fail(3, refused())
		var at []int
		for range 5 {
			round := b.lease(16, time.Hour)
			at = append(at, len(round))
			for _, d := range round {
				b.settle(d, answered(200))
			}
		}
		if !slices.Equal(at, []int{1, 2, 4, 16, 16}) {
			t.Errorf("calls at once: %v", at)
		}
		if !slices.Equal(b.steps, []queue.FlowEvent{queue.FlowOpened, queue.FlowRecovered, queue.FlowClosed}) {
			t.Errorf("steps %v", b.steps)
		}
		if g := b.gate(); g.Recovery != (queue.Recovery{}) {
			t.Errorf("gate %+v", g)
		}
	})
}

func TestARelapseInTheSlowStartClosesTheEndpointAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.submit(100)
		b.fail(3, refused())
		b.settle(b.lease(1, time.Hour)[0], answered(200))
		pair := b.lease(2, time.Hour)
		b.settle(pair[0], answered(503))
		if _, held := b.gate().Holds[queue.HoldBreaker]; held {
			t.Fatal("one failure of two closed it")
		}
		b.settle(pair[1], answered(503))
		if g := b.gate(); g.Holds[queue.HoldBreaker].Until.IsZero() || g.Recovery.MaxLeased != 1 {
			t.Fatalf("gate %+v", g)
		}
	})
}

func TestCallsFromBeforeTheOutageSayNothingOfItsEnd(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.submit(20)
		before := b.lease(2, time.Hour)
		began := time.Now()
		b.fail(3, refused())
		time.Sleep(6 * time.Second)
		late := answered(200)
		late.StartedAt = began
		b.settle(before[0], late)
		if g := b.gate(); g.Recovery.MaxLeased != 1 {
			t.Errorf("a success from before began the slow start: %+v", g)
		}
		lost := refused()
		lost.StartedAt = began
		b.settle(before[1], lost)
		if g := b.gate(); len(g.Holds) != 0 {
			t.Errorf("a failure from before closed it again: %+v", g)
		}
	})
}

func TestAnOpenBreakerIsTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, store: memory.New(memory.Options{}), config: standard()}
		stop := b.process()
		b.submit(20)
		b.fail(3, refused())
		opened := time.Now()
		stop()

		stop = b.process()
		for _, want := range []time.Duration{5, 10, 20, 40} {
			probe := b.lease(20, time.Hour)
			if len(probe) != 1 || time.Since(opened).Round(time.Second) != want*time.Second {
				t.Fatalf("%d probes after %v, want one after %d s", len(probe), time.Since(opened), want)
			}
			b.settle(probe[0], refused())
		}
		stop()

		stop = b.process()
		b.settle(b.lease(20, time.Hour)[0], answered(200))
		stop()

		stop = b.process()
		if n := len(b.lease(20, time.Hour)); n != 2 {
			t.Errorf("%d calls at once after a restart in the slow start, want 2", n)
		}
		stop()
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAReleasedBreakerSendsItsProbeAtOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.submit(20)
		b.fail(3, refused())
		if _, err := b.SetGate(b.t.Context(), orders, queue.GateChange{Release: []queue.HoldReason{queue.HoldBreaker}}); err != nil {
			t.Fatal(err)
		}
		probe := b.lease(20, time.Millisecond)
		if len(probe) != 1 {
			t.Fatalf("%d probes", len(probe))
		}
		b.settle(probe[0], answered(200))
		if g := b.gate(); g.Recovery.MaxLeased != 2 {
			t.Errorf("gate %+v", g)
		}
	})
}

func TestPassedCallsOpenTheBreakerAndEndTheOutage(t *testing.T) {
	inBubble(t, func(b *bench) {
		pass := func(p queue.Passed) {
			t.Helper()
			p.StartedAt = time.Now()
			if err := b.Passed(b.t.Context(), orders, p); err != nil {
				t.Fatal(err)
			}
		}
		pass(queue.Passed{Class: queue.NotSent})
		pass(queue.Passed{Class: queue.Answered, Status: 502})
		pass(queue.Passed{Class: queue.Unanswered, Ours: true})
		pass(queue.Passed{Class: queue.Answered, Status: 503, RetryAfter: time.Second})
		g := b.gate()
		if _, held := g.Holds[queue.HoldBreaker]; !held || g.Recovery.MaxLeased != 1 {
			t.Fatalf("gate %+v", g)
		}
		if _, held := g.Holds[queue.HoldCooldown]; !held {
			t.Fatalf("gate %+v", g)
		}
		ref, err := b.Reserve(b.t.Context(), orders, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		pass(queue.Passed{Class: queue.Answered, Status: 200})
		if g := b.gate(); g.Recovery.MaxLeased != 2 {
			t.Fatalf("gate %+v", g)
		}
		if err := b.Return(b.t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		pass(queue.Passed{Class: queue.Answered, Status: 200, LimitReset: time.Minute})
		if hold := b.gate().Holds[queue.HoldCooldown]; time.Until(hold.Until) != time.Minute {
			t.Fatalf("hold %+v", hold)
		}
	})
}
