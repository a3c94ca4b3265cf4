package app

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// unreachable is a store that is not reached while it is down.
type unreachable struct {
	queue.Store
	down atomic.Bool
}

func (s *unreachable) answer() error {
	if s.down.Load() {
		return fmt.Errorf("dial: %w: connection refused", queue.ErrUnavailable)
	}
	return nil
}

func (s *unreachable) Enqueue(ctx context.Context, m []*queue.Message) ([]queue.Enqueued, error) {
	if err := s.answer(); err != nil {
		return nil, err
	}
	return s.Store.Enqueue(ctx, m)
}

func (s *unreachable) SetGate(ctx context.Context, name string, c queue.GateChange) (queue.Gate, error) {
	if err := s.answer(); err != nil {
		return queue.Gate{}, err
	}
	return s.Store.SetGate(ctx, name, c)
}

func (s *unreachable) Reserve(ctx context.Context, name string, ttl time.Duration) (queue.LeaseRef, error) {
	if err := s.answer(); err != nil {
		return queue.LeaseRef{}, err
	}
	return s.Store.Reserve(ctx, name, ttl)
}

func (s *unreachable) Stats(ctx context.Context) (queue.Stats, error) {
	if err := s.answer(); err != nil {
		return queue.Stats{}, err
	}
	return s.Store.Stats(ctx)
}

// TestARouteIsBypassedWhileTheStoreIsDown takes the store away and turns the bypass on, by the API and by the configuration.
func TestARouteIsBypassedWhileTheStoreIsDown(t *testing.T) {
	store := &unreachable{Store: memory.New(memory.Options{})}
	kept := migrating(t, "mode: default")
	with := func(change func(*config.Config)) *config.Config {
		c := *kept
		c.Queue.Type, c.Routes = "mine", append([]config.Route(nil), kept.Routes...)
		if change != nil {
			change(&c)
		}
		return &c
	}
	p := start(t, with(nil), Options{Extensions: Extensions{Stores: map[string]OpenStore{
		"mine": func(context.Context, StoreConfig) (queue.Store, error) { return store, nil }}}})
	goes := func(want int) {
		t.Helper()
		for _, method := range []string{"POST", "GET"} { // stored, and passed in any case
			got := call(t, method, p.url+"/orders", "")
			if got.status != want || want == 200 && got.body != "direct" {
				t.Errorf("%s: status %d, want %d: %s", method, got.status, want, got.body)
			}
		}
	}
	if got := call(t, "POST", p.url+"/orders", "x", "Prefer", "respond-async"); got.status != 202 {
		t.Fatalf("with the store: %d %s", got.status, got.body)
	}
	store.down.Store(true)
	defer store.down.Store(false)
	goes(503)
	turnTo(t, p, `{"bypass": true}`)
	goes(200)
	turnTo(t, p, `{"bypass": false}`)
	goes(503)
	if _, err := p.Reload(with(func(c *config.Config) { c.Routes[0].Bypass = true })); err != nil {
		t.Errorf("a reload that changes no limit: %v", err)
	}
	goes(200)
	_, err := p.Reload(with(func(c *config.Config) {
		e := c.Proxy.Endpoints["a"]
		e.Concurrency = 3
		c.Proxy.Endpoints = map[string]config.Endpoint{"a": e}
	}))
	if err == nil || !strings.Contains(err.Error(), "store the new limits") {
		t.Errorf("a reload whose limits could not be stored: %v", err)
	}
	goes(200)
}

// TestWhatIsPausedIsAHealthyProcess pauses a queue in both ways.
func TestWhatIsPausedIsAHealthyProcess(t *testing.T) {
	p := start(t, migrating(t, "mode: async"), Options{})
	for _, path := range []string{"/api/v1/queues/a/pause", "/api/v1/queues/a/intake/pause"} {
		if got := call(t, "POST", p.admin+path, "{}"); got.status != 200 {
			t.Fatal(got.body)
		}
	}
	const notices = `"notices":["queue a: its intake is paused","queue a: its deliveries are paused"]`
	await(t, "the pauses in the report", func() bool { return strings.Contains(call(t, "GET", p.admin+"/health", "").body, notices) })
	if got := call(t, "GET", p.admin+"/health", "").body; !strings.Contains(got, `"status":"healthy"`) {
		t.Error(got)
	}
	if got := call(t, "GET", p.admin+"/readyz", ""); got.status != 200 {
		t.Errorf("readiness: %d %s", got.status, got.body)
	}
}
