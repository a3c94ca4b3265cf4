package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// watched is a store that tells what it is asked, and when it is closed.
type watched struct {
	queue.Store
	mu     sync.Mutex
	closed bool
	late   []string           // calls after the close
	fail   func(string) error // what a call returns instead of being done
}

func (s *watched) enter(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.late = append(s.late, name)
	}
	if s.fail != nil {
		return s.fail(name)
	}
	return nil
}

func (s *watched) Enqueue(ctx context.Context, m []*queue.Message) ([]queue.Enqueued, error) {
	if err := s.enter("enqueue"); err != nil {
		return nil, err
	}
	return s.Store.Enqueue(ctx, m)
}

func (s *watched) Settle(ctx context.Context, all []queue.Settlement) ([]error, error) {
	if err := s.enter("settle"); err != nil {
		return nil, err
	}
	return s.Store.Settle(ctx, all)
}

func (s *watched) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.Store.Close()
}

func (s *watched) extension() Extensions {
	return Extensions{Stores: map[string]OpenStore{"watched": func(context.Context, StoreConfig) (queue.Store, error) {
		s.Store = memory.New(memory.Options{})
		return s, nil
	}}}
}

func TestDrainGoesInOrder(t *testing.T) {
	arrived, release := make(chan string, 10), make(chan struct{})
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.URL.Path
		<-release
		_, _ = io.WriteString(w, "done")
	})
	store := &watched{}
	c := load(t, "proxy: {default_endpoint: '"+app+"', wait: 30s}\nworker: {grace: 20s, concurrency: 2}")
	c.Queue.Type, c.Worker.DrainLag = "watched", c.Worker.Grace/20
	p := start(t, c, Options{Extensions: store.extension()})

	held := make(chan answer, 1)
	passed := make(chan answer, 1)
	go func() { got, _ := tryCall(context.Background(), "POST", p.url+"/held", "x"); held <- got }()
	if got := <-arrived; got != "/held" {
		t.Fatal(got)
	}
	go func() { got, _ := tryCall(context.Background(), "GET", p.url+"/passed", ""); passed <- got }()
	if got := <-arrived; got != "/passed" {
		t.Fatal(got)
	}

	p.stop()
	await(t, "readiness off", func() bool { return call(t, "GET", p.admin+"/readyz", "").status == 503 })
	if got := call(t, "GET", p.admin+"/livez", ""); got.status != 200 {
		t.Errorf("/livez while draining: %d", got.status)
	}
	late := call(t, "POST", p.url+"/late", "x", "Prefer", "respond-async")
	if late.status != 202 {
		t.Errorf("a submit within the lag: %d %s", late.status, late.body)
	}
	close(release)
	if got := <-held; got.status != 200 || got.body != "done" {
		t.Errorf("the held client got %d %q, not the answer that was on its way", got.status, got.body)
	}
	if got := <-passed; got.status != 200 || got.body != "done" {
		t.Errorf("the call that passed through got %d %q", got.status, got.body)
	}
	if err := p.end(); err != nil {
		t.Errorf("a drain ended with %v", err)
	}
	if !store.closed || len(store.late) > 0 {
		t.Errorf("closed: %t, calls after that: %v", store.closed, store.late)
	}
	if _, err := tryCall(t.Context(), "GET", p.admin+"/livez", ""); err == nil {
		t.Error("the admin listener still answers")
	}
}

// TestAHeldClientGetsAnAnswerThatComesAfterTheLag lets a call end when nothing is leased any more: the listener waits for it.
func TestAHeldClientGetsAnAnswerThatComesAfterTheLag(t *testing.T) {
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	app := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "done")
	})
	c := load(t, "proxy: {default_endpoint: '"+app+"', wait: 30s}\nworker: {grace: 20s}")
	c.Worker.DrainLag = 0
	p := start(t, c, Options{})
	held := make(chan answer, 1)
	go func() { got, _ := tryCall(context.Background(), "POST", p.url+"/held", "x"); held <- got }()
	<-arrived
	p.stop()
	select {
	case got := <-held:
		t.Errorf("the held client was let go with %d while its call went on", got.status)
		close(release)
	case <-time.After(300 * time.Millisecond):
		close(release)
		if got := <-held; got.status != 200 || got.body != "done" {
			t.Errorf("the held client got %d %q, not the answer that was on its way", got.status, got.body)
		}
	}
	if err := p.end(); err != nil {
		t.Errorf("a drain ended with %v", err)
	}
}

func TestAPassedCallThatOutlivesTheGracePeriodIsToldSo(t *testing.T) {
	arrived := make(chan struct{}, 1)
	app := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	p := start(t, load(t, "proxy: {default_endpoint: '"+app+"'}\nworker: {grace: 1s}"), Options{})
	passed := make(chan answer, 1)
	go func() { got, _ := tryCall(context.Background(), "GET", p.url+"/passed", ""); passed <- got }()
	<-arrived
	if err := p.end(); err != nil {
		t.Errorf("a drain ended with %v", err)
	}
	got := <-passed
	if got.status != http.StatusBadGateway || got.header.Get("OpenHQM-Source") != "openhqm" {
		t.Errorf("%d %v, want the own answer of a call that was ended", got.status, got.header)
	}
	mentions(t, got.body, "endpoint-failed", `"class":"unanswered"`, "process is stopping")
}

func TestEveryAnswerClosesItsConnectionWhileDraining(t *testing.T) {
	c := load(t, "worker: {grace: 20s}")
	c.Worker.DrainLag = c.Worker.Grace / 20
	p := start(t, c, Options{})
	lasting := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	t.Cleanup(lasting.CloseIdleConnections)
	paths := []string{"/api/v1/openapi.json", "/api/v1/status/" + p.submit(t, "/x"), "/health"}
	closes := func(path string) bool {
		resp, err := lasting.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.Close
	}
	for _, path := range paths {
		if closes(path) {
			t.Errorf("%s closes its connection before the drain", path)
		}
	}
	p.stop()
	await(t, "readiness off", func() bool { return call(t, "GET", p.admin+"/readyz", "").status == 503 })
	for _, path := range paths {
		if !closes(path) {
			t.Errorf("%s keeps its connection while draining", path)
		}
	}
}

func TestHeldClientsGetTheirReceiptWhenNothingCanFinish(t *testing.T) {
	arrived := make(chan struct{}, 10)
	app := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // before that a server does not see its client go
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	c := load(t, "proxy: {default_endpoint: '"+app+"', wait: 60s}\nworker: {grace: 500ms}")
	p := start(t, c, Options{})
	held := make(chan answer, 1)
	go func() { got, _ := tryCall(context.Background(), "PUT", p.url+"/held", "x"); held <- got }()
	<-arrived
	stream := make(chan error, 1)
	id := p.submit(t, "/other")
	go func() {
		_, err := tryCall(context.Background(), "GET", p.url+"/api/v1/events/"+id, "")
		stream <- err
	}()
	started := time.Now()
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took > 8*time.Second {
		t.Errorf("the drain took %s", took)
	}
	if got := <-held; got.status != 202 {
		t.Errorf("held client: %d %q", got.status, got.body)
	}
	<-stream
}

func TestAnInterruptLeavesTheLagOut(t *testing.T) {
	c := load(t, "")
	c.Worker.DrainLag, c.Worker.Grace = c.Worker.Lease, c.Worker.Lease // 30 s each
	a, err := New(t.Context(), c, Options{Log: slog.New(slog.DiscardHandler), Announce: func(Report) {}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("signal: %w", Interrupted{}))
	started := time.Now()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestABrokenStoreEndsTheProcess(t *testing.T) {
	broken := errors.New("sync failed: input/output error")
	var mu sync.Mutex
	fails := false
	store := &watched{fail: func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		if fails && name == "enqueue" {
			return broken
		}
		return nil
	}}
	c := load(t, "")
	c.Queue.Type = "watched"
	p := start(t, c, Options{Extensions: store.extension()})
	mu.Lock()
	fails = true
	mu.Unlock()
	got, err := tryCall(t.Context(), "POST", p.url+"/x", "x", "Prefer", "respond-async")
	if err == nil && got.status < 500 {
		t.Errorf("a request that was not stored got %d", got.status)
	}
	if err := <-p.ended; !errors.Is(err, broken) || !strings.Contains(err.Error(), "store is broken") {
		t.Errorf("the process ended with %v", err)
	} else {
		p.ended <- err
	}
}

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}
