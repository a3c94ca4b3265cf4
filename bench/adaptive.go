package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// How the application behaves behind which the limit is looked for, and how long the limit is given to settle.
const (
	kneeService = 50 * time.Millisecond
	kneeAt      = 20
	settling    = 15 * time.Second
)

// adaptiveLimit holds the adaptive limit against the best fixed one: in front of an application whose knee is at 20 calls at once,
// and after its capacity has been halved. Fixed limits are tried one by one in the same run.
func adaptiveLimit(ctx context.Context, l *lab) error {
	for _, phase := range []struct {
		name  string
		bears int
		fixed []int
	}{{"knee at 20", kneeAt, []int{10, 15, 20, 25, 30, 40}}, {"knee at 10", kneeAt / 2, []int{5, 8, 10, 12, 15, 20}}} {
		best, limit := kneeSample{}, 0
		for _, n := range phase.fixed {
			app := newKnee(phase.bears)
			s, err := app.behind(ctx, l, 6*time.Second, func(*process) (kneeSample, error) {
				if err := rest(ctx, 2*time.Second); err != nil {
					return kneeSample{}, err
				}
				return app.sample(ctx, 3*time.Second)
			}, "CONCURRENCY="+strconv.Itoa(n))
			if err != nil {
				return err
			}
			fmt.Printf("  %s, fixed limit %d: %.0f/s, p99 %v, %.2f %% refused\n", phase.name, n, s.rate, s.p99, 100*s.refused())
			// Of limits that give nearly the same rate the fastest answer counts.
			if s.rate > 1.02*best.rate || s.rate > 0.98*best.rate && s.p99 < best.p99 {
				best, limit = s, n
			}
		}
		if err := l.adaptiveAgainst(ctx, phase.name, phase.bears, best, limit); err != nil {
			return err
		}
	}
	return nil
}

// adaptiveAgainst measures the adaptive limit after it has settled, from its start at a knee of 20, or after that was halved.
func (l *lab) adaptiveAgainst(ctx context.Context, name string, bears int, best kneeSample, limit int) error {
	app := newKnee(kneeAt)
	var settled kneeSample
	s, err := app.behind(ctx, l, 3*settling, func(product *process) (kneeSample, error) {
		if err := rest(ctx, settling); err != nil {
			return kneeSample{}, err
		}
		if bears != kneeAt {
			app.bears(bears)
			var err error
			if settled, err = app.sample(ctx, settling); err != nil {
				return kneeSample{}, err
			}
		}
		return app.sample(ctx, 5*time.Second)
	}, "ADAPTIVE__ENABLED=true")
	if err != nil {
		return err
	}
	beside := fmt.Sprintf("best fixed limit %d: %.0f/s, p99 %v", limit, best.rate, best.p99.Round(time.Millisecond))
	ratio := s.rate / best.rate
	l.report.add(figure{"adaptive", name + ": rate after 15 s", fmt.Sprintf("%.0f/s, %.0f %%", s.rate, 100*ratio), beside, ">= 90 %", ratio >= 0.9})
	l.report.add(figure{"adaptive", name + ": p99 after 15 s", s.p99.Round(time.Millisecond).String(), beside, "<= twice", s.p99 <= 2*best.p99})
	if bears != kneeAt {
		l.report.add(figure{"adaptive", "refused in the 15 s after the capacity was halved", fmt.Sprintf("%.2f %%", 100*settled.refused()),
			fmt.Sprintf("%d of %d calls", settled.refusals, settled.refusals+settled.answered), "< 1 %", settled.refused() < 0.01})
	}
	return nil
}

// knee is an application that works off so many calls at once, each in its time. More wait within it, first come first served,
// and beyond twice that number it answers 429.
type knee struct {
	mu       sync.Mutex
	capacity int
	working  int
	line     []chan struct{}
	kneeSample
	took []time.Duration
}

// kneeSample is what an application saw in some time.
type kneeSample struct {
	rate               float64
	p99                time.Duration
	answered, refusals int
}

func (s *kneeSample) refused() float64 {
	return float64(s.refusals) / float64(max(s.answered+s.refusals, 1))
}

func newKnee(bears int) *knee { return &knee{capacity: bears} }

func (k *knee) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	began := time.Now()
	k.mu.Lock()
	if k.working+len(k.line) >= 2*k.capacity {
		k.refusals++
		k.mu.Unlock()
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if k.working >= k.capacity {
		turn := make(chan struct{})
		k.line = append(k.line, turn)
		k.mu.Unlock()
		<-turn
	} else {
		k.working++
		k.mu.Unlock()
	}
	time.Sleep(kneeService)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.working--
	k.admit()
	k.answered++
	k.took = append(k.took, time.Since(began))
}

// admit lets in who waits while there is room.
func (k *knee) admit() {
	for k.working < k.capacity && len(k.line) > 0 {
		close(k.line[0])
		k.line = k.line[1:]
		k.working++
	}
}

// bears changes the capacity.
func (k *knee) bears(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.capacity = n
	k.admit()
}

// sample measures for some time from now.
func (k *knee) sample(ctx context.Context, d time.Duration) (kneeSample, error) {
	k.mu.Lock()
	k.kneeSample, k.took = kneeSample{}, nil
	k.mu.Unlock()
	if err := rest(ctx, d); err != nil {
		return kneeSample{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.kneeSample
	s.rate = float64(s.answered) / d.Seconds()
	if took := sorted(k.took); len(took) > 0 {
		s.p99 = took.at(0.99)
	}
	return s, nil
}

// behind runs the product in front of the application, with work waiting for so long, and measures.
func (k *knee) behind(ctx context.Context, l *lab, work time.Duration, measure func(*process) (kneeSample, error), keys ...string) (kneeSample, error) {
	app := httptest.NewServer(k)
	defer app.Close()
	env := []string{"OPENHQM_PROXY__DEFAULT_ENDPOINT=" + defaultQueue, "OPENHQM_PROXY__ENDPOINTS__DEFAULT__URL=" + app.URL}
	for _, key := range keys {
		env = append(env, "OPENHQM_PROXY__ENDPOINTS__DEFAULT__"+key)
	}
	product, err := l.product(ctx, "", "", env...)
	if err != nil {
		return kneeSample{}, err
	}
	defer product.stop()
	if _, err := product.operate(http.MethodPost, "/api/v1/queues/"+defaultQueue+"/pause"); err != nil {
		return kneeSample{}, err
	}
	if err := submitAll(ctx, product.addr, int(work.Seconds()*kneeAt/kneeService.Seconds())); err != nil {
		return kneeSample{}, err
	}
	if _, err := product.operate(http.MethodPost, "/api/v1/queues/"+defaultQueue+"/resume"); err != nil {
		return kneeSample{}, err
	}
	return measure(product)
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
