package ingress_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// faulty is a store whose Enqueue can be held back or fail.
type faulty struct {
	queue.Store
	gate   chan struct{} // closed: go on; nil: at once
	err    error
	bodies atomic.Int64 // staged and not discarded
}

func (s *faulty) Enqueue(ctx context.Context, m []*queue.Message) ([]queue.Enqueued, error) {
	if s.gate != nil {
		<-s.gate
	}
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Enqueue(ctx, m)
}

func (s *faulty) CreateBody(ctx context.Context) (queue.BodyWriter, error) {
	s.bodies.Add(1)
	return s.Store.CreateBody(ctx)
}

func (s *faulty) DiscardBody(ctx context.Context, b queue.Body) error {
	s.bodies.Add(-1)
	return s.Store.DiscardBody(ctx, b)
}

func TestA202IsSentOnlyAfterTheMessageIsStored(t *testing.T) {
	store := &faulty{Store: memory.New(memory.Options{}), gate: make(chan struct{})}
	f := start(t, setup{store: store})
	c := f.dial(t)
	c.write(order + async + "\r\nabc")
	answered := make(chan answer, 1)
	go func() { answered <- c.read("POST") }()
	pollPause()
	select {
	case a := <-answered:
		t.Fatalf("answered %d before the store did", a.status)
	default:
	}
	close(store.gate)
	a := <-answered
	if a.status != http.StatusAccepted {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if f.accepted(t) != 1 {
		t.Error("not stored")
	}
	id := a.header.Get("OpenHQM-Correlation-Id")
	want := map[string]string{
		"Location": "/api/v1/response/" + id + "/raw", "Cache-Control": "no-store", "OpenHQM-Source": "openhqm", "OpenHQM-State": "PENDING",
		"Referrer-Policy": "no-referrer", "X-Correlation-ID": id, "OpenHQM-Durability": "memory", "Preference-Applied": "respond-async",
		"Content-Type": "application/json",
	}
	for name, value := range want {
		if a.header.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, a.header.Get(name), value)
		}
	}
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestARefusedRequestLeavesNothingBehind(t *testing.T) {
	large := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000)
	tests := []struct {
		name   string
		err    error
		status int
		kind   string
		left   int64
	}{
		{"full", &queue.FullError{Bound: "messages", Limit: 10}, 503, "queue-full", 0},
		{"paused", &queue.IntakeError{Queue: "q", Note: "release 7"}, 503, "intake-paused", 0},
		{"unavailable", fmt.Errorf("enqueue: %w: connection refused at 10.0.0.7", queue.ErrUnavailable), 503, "store-unavailable", 0},
		{"outcome unknown", fmt.Errorf("enqueue: %w", queue.ErrOutcomeUnknown), 503, "outcome-unknown", 1},
		{"closed", queue.ErrClosed, 503, "stopping", 0},
		{"anything else", fmt.Errorf("disk on fire at /secret"), 500, "internal", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := &faulty{Store: memory.New(memory.Options{}), err: test.err}
			f := start(t, setup{store: store})
			a := f.send(t, large)
			wantProblem(t, a, test.status, test.kind)
			if strings.Contains(a.body, "10.0.0.7") || strings.Contains(a.body, "secret") {
				t.Errorf("the details are shown: %s", a.body)
			}
			if (test.status == 503) != (a.header.Get("Retry-After") != "") {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
			if named := a.header.Get("OpenHQM-Correlation-Id") != ""; named != (test.kind == "outcome-unknown") {
				t.Errorf("names a message: %t", named)
			}
			if left := store.bodies.Load(); left != test.left {
				t.Errorf("%d bodies left, want %d", left, test.left)
			}
		})
	}
}

func TestALargeUploadIsRefusedByItsHeadWhileTheQueueIsFull(t *testing.T) {
	f := start(t, setup{store: &faulty{Store: memory.New(memory.Options{}), err: &queue.FullError{Bound: "bytes", Limit: 10}}})
	wantProblem(t, f.send(t, order+async+"\r\nabc"), http.StatusServiceUnavailable, "queue-full", "10 bytes")
	c := f.dial(t)
	c.write("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n")
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503 without an upload", resp.StatusCode)
	}
}
