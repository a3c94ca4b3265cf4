package ingress_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// failing is a store that takes nothing and reserves nothing, for a reason.
type failing struct {
	faulty
	room error
}

func (s *failing) Reserve(ctx context.Context, name string, ttl time.Duration) (queue.LeaseRef, error) {
	if s.err != nil {
		return queue.LeaseRef{}, s.err
	}
	return s.Store.Reserve(ctx, name, ttl)
}

func (s *failing) Room() error { return s.room }

// opened is a target that fails open, and what arrived at it.
func opened(arrived *[]string) ingress.Target {
	return ingress.Target{Name: "app", Queue: "app", Endpoint: true, Selectable: true, Wait: 5 * time.Second, FailOpen: true,
		Pass: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body) // a cut upload is another test's
			*arrived = append(*arrived, r.Method+" "+r.RequestURI+" "+string(body))
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, "from the app")
		})}
}

func TestARequestGoesStraightThroughWhereTheStoreProvablyTookNothing(t *testing.T) {
	unavailable := fmt.Errorf("enqueue: %w: connection refused", queue.ErrUnavailable)
	disk := &queue.FullError{Bound: "disk", Limit: 10}
	large := "POST /orders HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000)
	for name, test := range map[string]struct {
		err, room error
		raw       string
		change    func(*ingress.Target)
		status    int
		kind      string
	}{
		"unavailable, async":    {err: unavailable, raw: order + async + "\r\nabc", status: 201},
		"unavailable, held":     {err: unavailable, raw: order + "\r\nabc", status: 201},
		"no room on the disk":   {err: disk, raw: order + async + "\r\nabc", status: 201},
		"no room for its body":  {err: disk, room: disk, raw: large, status: 201},
		"honours its key":       {err: unavailable, raw: order + "Idempotency-Key: k\r\n\r\nabc", change: func(t *ingress.Target) { t.HonorsKey = true }, status: 201},
		"a keyed request":       {err: unavailable, raw: order + "Idempotency-Key: k\r\n\r\nabc", status: 503, kind: "store-unavailable"},
		"a place in order":      {err: unavailable, raw: order + "OpenHQM-Ordering-Key: k\r\n\r\nabc", status: 503, kind: "store-unavailable"},
		"a delay":               {err: unavailable, raw: order + "OpenHQM-Delay: 5\r\n\r\nabc", status: 503, kind: "store-unavailable"},
		"its body lay there":    {err: unavailable, raw: large, status: 503, kind: "store-unavailable"},
		"nobody knows":          {err: fmt.Errorf("enqueue: %w", queue.ErrOutcomeUnknown), raw: order + "\r\nabc", status: 503, kind: "outcome-unknown"},
		"a full queue":          {err: &queue.FullError{Bound: "messages", Limit: 1}, raw: order + "\r\nabc", status: 503, kind: "queue-full"},
		"a paused intake":       {err: &queue.IntakeError{Queue: "app"}, raw: order + "\r\nabc", status: 503, kind: "intake-paused"},
		"fails closed":          {err: unavailable, raw: order + "\r\nabc", change: func(t *ingress.Target) { t.FailOpen = false }, status: 503, kind: "store-unavailable"},
		"a store that is there": {raw: order + async + "\r\nabc", status: 202},
	} {
		t.Run(name, func(t *testing.T) {
			store := &failing{faulty: faulty{Store: memory.New(memory.Options{}), err: test.err}, room: test.room}
			var arrived []string
			target := opened(&arrived)
			if test.change != nil {
				test.change(&target)
			}
			f := start(t, setup{store: store, targets: []ingress.Target{target}})
			a := f.send(t, test.raw)
			if test.status != http.StatusCreated {
				if test.kind != "" {
					wantProblem(t, a, test.status, test.kind)
				} else if a.status != test.status {
					t.Errorf("status %d: %s", a.status, a.body)
				}
				if len(arrived) != 0 {
					t.Errorf("arrived: %q", arrived)
				}
			} else {
				head, body, _ := strings.Cut(test.raw, "\r\n\r\n")
				line, _, _ := strings.Cut(head, " HTTP/1.1")
				if a.status != http.StatusCreated || a.body != "from the app" || a.header.Get("OpenHQM-Bypass") != "store_down" {
					t.Errorf("answer %d %q, OpenHQM-Bypass %q", a.status, a.body, a.header.Get("OpenHQM-Bypass"))
				}
				if want := line + " " + body; len(arrived) != 1 || arrived[0] != want {
					t.Errorf("arrived: %.100q, want once %.100q", arrived, want)
				}
			}
			left := int64(0)
			if test.kind == "outcome-unknown" {
				left = store.bodies.Load() // it may be there, with its body
			}
			if got := store.bodies.Load(); got != left {
				t.Errorf("%d bodies left, want %d", got, left)
			}
		})
	}
}

// TestLimitsHoldInAProcessWhoseStoreIsDown calls an endpoint of two slots, and then one of ten calls a second.
func TestLimitsHoldInAProcessWhoseStoreIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failing{faulty: faulty{Store: memory.New(memory.Options{})}}
		broker := runBroker(t, store)
		var running, most, calls atomic.Int64
		target := opened(nil)
		target.Mode, target.Wait = ingress.ModeSync, time.Minute+time.Second/2
		target.Pass = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			calls.Add(1)
			now := running.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			time.Sleep(time.Second)
			running.Add(-1)
		})
		handler := newHandler(t, broker, setup{targets: []ingress.Target{target}})
		round := func(limits queue.Limits, n int) (took time.Duration, statuses map[int]int) {
			store.err = nil
			if _, err := broker.SetGate(t.Context(), "app", queue.GateChange{Limits: &limits}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second) // the gate is measured
			store.err = fmt.Errorf("reserve: %w", queue.ErrUnavailable)
			began := time.Now()
			answers := make(chan int, n)
			for range n {
				go func() {
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
					answers <- w.Code
				}()
			}
			statuses = make(map[int]int)
			for range n {
				statuses[<-answers]++
			}
			return time.Since(began), statuses
		}
		if took, statuses := round(queue.Limits{MaxLeased: 2}, 10); took != 5*time.Second || statuses[200] != 10 || most.Load() != 2 {
			t.Errorf("10 calls of a second through 2 slots took %v with %d at once: %v", took, most.Load(), statuses)
		}
		if took, statuses := round(queue.Limits{Rate: 10}, 20); took < 2900*time.Millisecond || took > 3100*time.Millisecond || statuses[200] != 20 {
			t.Errorf("20 calls of a second at 10 a second took %v: %v", took, statuses)
		}
		if _, statuses := round(queue.Limits{MaxLeased: 1}, 100); statuses[200] != 61 || statuses[503] != 39 {
			t.Errorf("of 100 calls that wait for a minute at most: %v", statuses)
		}
		store.err = nil
		hold := queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldOperator}}}
		if _, err := broker.SetGate(t.Context(), "app", hold); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		store.err = fmt.Errorf("reserve: %w", queue.ErrUnavailable)
		before := calls.Load()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != http.StatusServiceUnavailable || calls.Load() != before {
			t.Errorf("a held endpoint was called, or answered %d", w.Code)
		}
		store.err = nil
	})
}

// TestAPausedIntakeStandsWhileTheStoreIsDown is about requests that would go straight through: the pause is on purpose.
func TestAPausedIntakeStandsWhileTheStoreIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failing{faulty: faulty{Store: memory.New(memory.Options{})}}
		broker := runBroker(t, store)
		var arrived []string
		handler := newHandler(t, broker, setup{targets: []ingress.Target{opened(&arrived)}})
		intake := func(pause bool) {
			store.err, store.room = nil, nil
			if _, err := broker.SetGate(t.Context(), "app", queue.GateChange{Intake: &queue.IntakeChange{Pause: pause}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second) // the gate is measured
			store.err = fmt.Errorf("enqueue: %w", queue.ErrUnavailable)
		}
		post := func() int {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", "/", strings.NewReader("x"))
			r.Header.Set("Prefer", "respond-async")
			handler.ServeHTTP(w, r)
			return w.Code
		}
		intake(true)
		if got := post(); got != http.StatusServiceUnavailable || len(arrived) != 0 {
			t.Errorf("a paused intake and no store: %d, arrived %q", got, arrived)
		}
		store.room = &queue.FullError{Bound: "disk", Limit: 10}
		if got := post(); got != http.StatusServiceUnavailable || len(arrived) != 0 {
			t.Errorf("a paused intake and no room: %d, arrived %q", got, arrived)
		}
		intake(false)
		if got := post(); got != http.StatusCreated || len(arrived) != 1 {
			t.Errorf("no store: %d, arrived %q", got, arrived)
		}
		store.err = nil
	})
}

// TestABypassNeedsNoAnswerOfTheStore passes a call whose reservation the store said nothing about: unlike a message it can stand
// for nothing that runs twice.
func TestABypassNeedsNoAnswerOfTheStore(t *testing.T) {
	var arrived []string
	mute := func() queue.Store {
		return &failing{faulty: faulty{Store: memory.New(memory.Options{}), err: fmt.Errorf("reserve: %w", queue.ErrOutcomeUnknown)}}
	}
	target := opened(&arrived)
	target.Mode = ingress.ModeSync
	f := start(t, setup{store: mute(), targets: []ingress.Target{target}})
	if a := f.send(t, order+"\r\nabc"); a.status != http.StatusCreated || len(arrived) != 1 {
		t.Errorf("status %d, arrived %q", a.status, arrived)
	}
	target.FailOpen = false
	f = start(t, setup{store: mute(), targets: []ingress.Target{target}})
	if a := f.send(t, order+"\r\nabc"); a.status != http.StatusServiceUnavailable || len(arrived) != 1 {
		t.Errorf("fails closed: status %d, arrived %q", a.status, arrived)
	}
}
