package ingress_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// sink is a ResponseWriter that costs nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// stub answers Enqueue at once, so that only the handler and the Broker are measured.
type stub struct{ queue.Store }

func (stub) Enqueue(_ context.Context, m []*queue.Message) ([]queue.Enqueued, error) {
	return []queue.Enqueued{{ID: m[0].ID}}, nil
}

// upload1KiB is a 1 KiB POST with the fields of an ordinary client.
func upload1KiB() (*http.Request, *bytes.Reader) {
	body := bytes.NewReader(make([]byte, 1024))
	return &http.Request{
		Method: http.MethodPost, RequestURI: "/orders?x=1", URL: &url.URL{Path: "/orders", RawQuery: "x=1"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "localhost:8000", RemoteAddr: "127.0.0.1:50000", ContentLength: 1024, Body: io.NopCloser(body),
		Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"bench/1"}, "Content-Type": {"application/json"}, "Content-Length": {"1024"},
			"Prefer": {"respond-async"}},
	}, body
}

func BenchmarkAsync(b *testing.B) {
	stores := map[string]func() queue.Store{
		"no store": func() queue.Store { return stub{memory.New(memory.Options{})} },
		"memory":   func() queue.Store { return memory.New(memory.Options{}) },
	}
	for _, name := range []string{"no store", "memory"} {
		b.Run(name, func(b *testing.B) {
			broker := queue.NewBroker(stores[name](), queue.BrokerOptions{})
			handler := newHandler(b, broker, setup{})
			r, body := upload1KiB()
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(make([]byte, 1024)) // the handler keeps what it read
				w := &sink{header: make(http.Header, 16)}
				handler.ServeHTTP(w, r)
				if w.status != http.StatusAccepted {
					b.Fatalf("status %d", w.status)
				}
			}
		})
	}
}

// BenchmarkHeld measures a held request whose answer is there as soon as it is asked for.
func BenchmarkHeld(b *testing.B) {
	broker := runBroker(b, memory.New(memory.Options{}))
	handler := newHandler(b, broker, setup{targets: []ingress.Target{app()}})
	ctx, cancel := context.WithCancel(context.Background())
	worker := make(chan struct{})
	go func() {
		defer close(worker)
		for {
			got, err := broker.Lease(ctx, queue.LeaseRequest{Max: 1, Slots: 1, TTL: time.Minute, Queues: []queue.Want{{Queue: "app"}}})
			if err != nil {
				return
			}
			result := &queue.Result{Status: 200, Length: -1, Body: queue.InlineBody([]byte("ok")), ReceivedAt: time.Now()}
			if err := broker.Settle(ctx, got[0], queue.Outcome{Class: queue.Answered, Result: result}); err != nil {
				return
			}
		}
	}()
	r, body := upload1KiB()
	r.Header.Del("Prefer")
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(make([]byte, 1024))
		w := &sink{header: make(http.Header, 16)}
		handler.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
	}
	cancel()
	<-worker
}

// BenchmarkPass measures what surrounds a call that passes straight through.
func BenchmarkPass(b *testing.B) {
	broker := runBroker(b, memory.New(memory.Options{}))
	target := app()
	target.Pass = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	handler := newHandler(b, broker, setup{targets: []ingress.Target{target}})
	r, _ := upload1KiB()
	r.Method = http.MethodGet
	r.Header.Del("Prefer")
	b.ReportAllocs()
	for b.Loop() {
		w := &sink{header: make(http.Header, 16)}
		handler.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("status %d", w.status)
		}
	}
}
