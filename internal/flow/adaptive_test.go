package flow_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/flow"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// crowded is an application that works off so many calls at once, each in its time. More wait within it, and beyond twice that
// number it answers 429.
type crowded struct {
	mu      sync.Mutex
	bears   int
	inside  int
	working int
	line    []chan struct{} // who waits within it, in order
	service time.Duration
	vary    bool // each call takes between half and one and a half of the time

	took   []time.Duration
	failed int
}

func newCrowded(bears int, service time.Duration) *crowded {
	return &crowded{bears: bears, service: service}
}

func (a *crowded) call() (status int) {
	began := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inside >= 2*a.bears {
		a.failed++
		return 429
	}
	a.inside++
	if a.working >= a.bears {
		turn := make(chan struct{})
		a.line = append(a.line, turn)
		a.mu.Unlock()
		<-turn
		a.mu.Lock()
	} else {
		a.working++
	}
	service := a.service
	if a.vary {
		service = service/2 + rand.N(service)
	}
	a.mu.Unlock()
	time.Sleep(service)
	a.mu.Lock()
	a.working--
	a.inside--
	a.admit()
	a.took = append(a.took, time.Since(began))
	return 200
}

// admit lets in who waits while there is room.
func (a *crowded) admit() {
	for a.working < a.bears && len(a.line) > 0 {
		close(a.line[0])
		a.line = a.line[1:]
		a.working++
	}
}

// change changes the application, and forgets what was measured.
func (a *crowded) change(bears int, service time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bears, a.service = bears, service
	a.admit()
	a.took, a.failed = nil, 0
}

// measured returns how many calls a second it answered since the last change or measurement, in what time 99 of 100, and how
// many it refused.
func (a *crowded) measured(over time.Duration) (rate float64, p99 time.Duration, refused float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.took)
	n := len(a.took)
	rate, refused = float64(n)/over.Seconds(), float64(a.failed)/float64(n+a.failed)
	if n > 0 {
		p99 = a.took[n*99/100]
	}
	a.took, a.failed = nil, 0
	return rate, p99, refused
}

// pressed runs f while so many callers want an endpoint without pause, under its gate.
func pressed(t *testing.T, c flow.Config, callers int, a *crowded, f func(limit func() int)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, store: memory.New(memory.Options{}), config: c}
		stop := b.process()
		defer stop()
		limit := c.Adaptive.Within(0)
		ctx := t.Context()
		if _, err := b.SetGate(ctx, orders, queue.GateChange{Adapt: &limit}); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var calling sync.WaitGroup
		for range callers {
			calling.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					ref, err := b.Reserve(ctx, orders, time.Hour)
					if err != nil {
						return
					}
					p := queue.Passed{Class: queue.Answered, StartedAt: time.Now()}
					p.Status = a.call()
					if err := b.Passed(ctx, orders, p); err != nil {
						t.Error(err)
					}
					if err := b.Return(ctx, ref); err != nil {
						t.Error(err)
					}
					if p.Status == 429 {
						time.Sleep(100 * time.Millisecond) // who is refused comes again a little later
					}
				}
			})
		}
		f(func() int {
			stats, err := b.Stats(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return stats.Queues[orders].Gate.Adaptive
		})
		close(done)
		calling.Wait()
	})
}

func searching() flow.Config {
	c := standard()
	c.Adaptive = flow.Adaptive{Min: 1, Max: 200, Initial: 10}
	return c
}

// TestTheLimitFindsTheKneeAndFollowsIt is the bar in the time of a bubble: an application with its knee at 20 calls at once,
// whose capacity is then halved, and comes back.
func TestTheLimitFindsTheKneeAndFollowsIt(t *testing.T) {
	for name, vary := range map[string]bool{"each call takes the same": false, "calls differ": true} {
		t.Run(name, func(t *testing.T) {
			const service = 50 * time.Millisecond
			a := newCrowded(20, service)
			a.vary = vary
			pressed(t, searching(), 100, a, func(limit func() int) {
				settled := func(bears int, refusals float64) {
					t.Helper()
					time.Sleep(15 * time.Second)
					if _, _, refused := a.measured(15 * time.Second); refused > refusals {
						t.Errorf("%d at once: %.2f %% were refused on the way, want at most %.2f %%", bears, 100*refused, 100*refusals)
					}
					time.Sleep(60 * time.Second) // with probes
					rate, p99, refused := a.measured(60 * time.Second)
					best := float64(bears) / service.Seconds()
					fixed := service // the p99 of the best fixed limit
					if vary {
						fixed = service * 3 / 2
					}
					if rate < 0.9*best || p99 > 2*fixed || refused > 0.001 {
						t.Errorf("%d at once: %.0f/s of %.0f/s, p99 %v, %.2f %% refused, the limit is %d", bears, rate, best, p99, 100*refused, limit())
					}
				}
				settled(20, 0.01)
				a.change(10, service)
				settled(10, 0.01)
				a.change(20, service)
				settled(20, 0.01)
			})
		})
	}
}

func TestAnApplicationThatBecomesSlowerForGoodIsNotTakenForACrowdedOne(t *testing.T) {
	a := newCrowded(20, 50*time.Millisecond)
	pressed(t, searching(), 100, a, func(limit func() int) {
		time.Sleep(15 * time.Second)
		a.change(20, 200*time.Millisecond)
		time.Sleep(2 * time.Minute)
		a.change(20, 200*time.Millisecond)
		time.Sleep(time.Minute)
		if rate, _, _ := a.measured(time.Minute); rate < 90 {
			t.Errorf("%.0f/s of 100/s, the limit is %d", rate, limit())
		}
	})
}

func TestAnApplicationThatTakesOneCallAtATimeIsNotCrowded(t *testing.T) {
	a := newCrowded(1, 50*time.Millisecond)
	pressed(t, searching(), 50, a, func(limit func() int) {
		time.Sleep(time.Minute)
		a.change(1, 50*time.Millisecond)
		time.Sleep(time.Minute)
		if rate, p99, _ := a.measured(time.Minute); limit() > 3 || rate < 18 || p99 > 150*time.Millisecond {
			t.Errorf("%.1f/s of 20/s, p99 %v, the limit is %d", rate, p99, limit())
		}
	})
}

func TestTheLimitDoesNotGrowWhereNobodyAsksForMore(t *testing.T) {
	c := searching()
	a := newCrowded(1000, 50*time.Millisecond)
	pressed(t, c, 5, a, func(limit func() int) {
		time.Sleep(time.Minute)
		if got := limit(); got != c.Adaptive.Initial {
			t.Errorf("5 calls at once moved the limit from %d to %d", c.Adaptive.Initial, got)
		}
	})
}

func TestTheLimitStaysWithinItsBounds(t *testing.T) {
	c := searching()
	c.Adaptive.Min, c.Adaptive.Max = 4, 12
	a := newCrowded(20, 50*time.Millisecond)
	pressed(t, c, 100, a, func(limit func() int) {
		time.Sleep(15 * time.Second)
		if got := limit(); got != 12 {
			t.Errorf("the limit is %d, want the most, 12", got)
		}
		a.change(1, 50*time.Millisecond)
		time.Sleep(15 * time.Second)
		if got := limit(); got != 4 {
			t.Errorf("the limit is %d, want the least, 4", got)
		}
	})
}

func TestAdaptiveWithin(t *testing.T) {
	on := flow.Adaptive{Min: 4, Max: 50, Initial: 10}
	for _, test := range []struct {
		config      flow.Adaptive
		found, want int
	}{{flow.Adaptive{}, 7, 0}, {on, 0, 10}, {on, 7, 7}, {on, 2, 4}, {on, 90, 50}, {flow.Adaptive{Max: 5, Initial: 10}, 0, 5}} {
		if got := test.config.Within(test.found); got != test.want {
			t.Errorf("%+v: %d is %d, want %d", test.config, test.found, got, test.want)
		}
	}
}
