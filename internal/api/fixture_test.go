package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// fixture is both trees of handlers over a memory store, without a worker: tests settle by hand.
type fixture struct {
	t         *testing.T
	broker    *queue.Broker
	producer  *api.Producer
	admin     *api.Admin
	targets   *targets
	token     string
	endpoints []api.Endpoint
	routes    []api.Route
	unsaved   error // of a turned switch
}

// setup is what a test changes of the fixture.
type setup struct {
	config  api.Config
	targets targets
	caller  func(*http.Request) string
	check   func(receiver string) error // nil: no callbacks
	policy  queue.Policy
}

// app answers what is not ours.
const appStatus = http.StatusTeapot

func newFixture(t *testing.T, change ...func(*setup)) *fixture {
	t.Helper()
	s := setup{
		config:  api.Config{Prefix: "/api/v1", CORS: api.CORS{Origins: []string{"*"}, MaxAge: 10 * time.Minute}, MaxRequestSize: 1 << 20},
		targets: targets{fallback: "legacy", all: []api.Target{{Name: "legacy", Queue: "legacy", Endpoint: true, Method: "POST"}, {Name: "billing", Queue: "billing", Endpoint: true, Method: "PUT"}}},
		policy:  queue.DefaultPolicy(),
	}
	for _, f := range change {
		f(&s)
	}
	f := &fixture{t: t, targets: &s.targets}
	store := memory.New(memory.Options{MaxMessages: 1000})
	f.broker = queue.NewBroker(store, queue.BrokerOptions{Policy: func(string) queue.Policy { return s.policy }})
	log := slog.New(slog.DiscardHandler)
	replies, err := reply.New(reply.Config{Prefix: s.config.Prefix}, reply.Options{Broker: f.broker, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	f.producer = api.NewProducer(s.config, api.Options{Broker: f.broker, Replies: replies, Targets: f.targets, Log: log,
		Caller: s.caller, Callback: s.check,
		Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(appStatus) })})
	f.endpoints = []api.Endpoint{
		{Name: "billing", URL: "http://billing:8080", Queue: "billing", Selectable: true},
		{Name: "legacy", URL: "http://legacy:8080", Queue: "legacy", Default: true, Selectable: true, SecretFields: []string{"X-Shop-Key"}},
	}
	f.admin = api.NewAdmin(api.AdminConfig{Prefix: s.config.Prefix}, api.AdminOptions{Broker: f.broker, Replies: replies, Log: log,
		Token:     func() string { return f.token },
		Endpoints: func() []api.Endpoint { return f.endpoints },
		Queues:    func() []string { return []string{"billing", "legacy"} },
		Routes:    func() []api.Route { return f.routes },
		Turn:      f.turn})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.broker.Run(ctx) }()
	t.Cleanup(func() {
		f.producer.Drain()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("broker: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

// targets is a fixed set of targets.
type targets struct {
	all      []api.Target
	fallback string
}

func (t *targets) Default() (api.Target, bool) { return t.Named(t.fallback) }

func (t *targets) Named(name string) (api.Target, bool) {
	at := slices.IndexFunc(t.all, func(target api.Target) bool { return target.Name == name })
	if at < 0 {
		return api.Target{}, false
	}
	return t.all[at], true
}

func (t *targets) Names() []string {
	var names []string
	for _, target := range t.all {
		names = append(names, target.Name)
	}
	slices.Sort(names)
	return names
}

// demo is the state without an endpoint: the demo handler answers.
func demo(s *setup) {
	s.targets = targets{fallback: "demo", all: []api.Target{{Name: "demo", Queue: "demo"}}}
}

// answer is a recorded answer.
type answer struct {
	*httptest.ResponseRecorder
	t *testing.T
}

// call makes a request; fields are name, value, name, value.
func (f *fixture) call(method, target, body string, fields ...string) answer {
	f.t.Helper()
	return f.serve(f.producer, method, target, body, fields...)
}

// operate makes a request of an operator on the same machine.
func (f *fixture) operate(method, target, body string, fields ...string) answer {
	f.t.Helper()
	return f.serve(f.admin, method, target, body, fields...)
}

func (f *fixture) serve(h http.Handler, method, target, body string, fields ...string) answer {
	f.t.Helper()
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, from)
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "localhost:8001"
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	checkDescribed(f.t, r, w)
	return answer{w, f.t}
}

// wants fails the test unless the answer has the status.
func (a answer) wants(status int) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, want %d; body: %s", a.Code, status, a.Body)
	}
	return a
}

// into reads the answer's JSON, strictly.
func (a answer) into(v any) {
	a.t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		a.t.Fatalf("answer %s: %v", a.Body, err)
	}
}

// problem reads a problem document and checks what every one of them has.
func (a answer) problem(kind string) map[string]any {
	a.t.Helper()
	if got := a.Header().Get("Content-Type"); got != "application/problem+json" {
		a.t.Fatalf("Content-Type %q, want a problem document; body: %s", got, a.Body)
	}
	var p map[string]any
	a.into(&p)
	if p["type"] != "urn:openhqm:problem:"+kind {
		a.t.Fatalf("type %v, want %s; detail: %v", p["type"], kind, p["detail"])
	}
	if p["detail"] == "" || p["status"] != float64(a.Code) {
		a.t.Fatalf("problem %v: want a detail and the status %d", p, a.Code)
	}
	return p
}

// submit stores an envelope and returns its ID.
func (f *fixture) submit(envelope string, fields ...string) queue.ID {
	f.t.Helper()
	a := f.call("POST", "/api/v1/submit", envelope, fields...).wants(http.StatusAccepted)
	var accepted client.Accepted
	a.into(&accepted)
	id, err := queue.ParseID(accepted.CorrelationID)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *fixture) record(id queue.ID) *queue.Record {
	f.t.Helper()
	rec, err := f.broker.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return rec
}

// lease takes the next delivery of a queue.
func (f *fixture) lease(queueName string) *queue.Delivery {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Second)
	defer cancel()
	deliveries, err := f.broker.Lease(ctx, queue.LeaseRequest{Worker: "test", Max: 1, Slots: 1, TTL: time.Hour,
		Queues: []queue.Want{{Queue: queueName}}})
	if err != nil {
		f.t.Fatalf("lease: %v", err)
	}
	return deliveries[0]
}

// settle ends a delivery.
func (f *fixture) settle(d *queue.Delivery, o queue.Outcome) {
	f.t.Helper()
	if o.StartedAt.IsZero() {
		o.StartedAt, o.Duration = time.Now(), 12*time.Millisecond
	}
	if err := f.broker.Settle(f.t.Context(), d, o); err != nil {
		f.t.Fatalf("settle: %v", err)
	}
}

// answered is an outcome with an answer.
func answered(status int, body string, fields ...string) queue.Outcome {
	h := http.Header{}
	for i := 0; i+1 < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return queue.Outcome{Class: queue.Answered, Result: &queue.Result{Status: status, Proto: "HTTP/1.1", Header: h,
		Body: queue.InlineBody([]byte(body)), Length: int64(len(body)), ReceivedAt: time.Now(), Duration: 12 * time.Millisecond}}
}

// finish submits an empty payload and answers it.
func (f *fixture) finish(o queue.Outcome) queue.ID {
	f.t.Helper()
	id := f.submit(`{"payload":{}}`)
	f.settle(f.lease("legacy"), o)
	return id
}

func (f *fixture) accepted() int64 {
	f.t.Helper()
	stats, err := f.broker.Stats(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	var all queue.Counts
	for _, q := range stats.Queues {
		all.Add(q.Counts)
	}
	return all.Accepted
}

func bodyOf(t *testing.T, b queue.Body) string {
	t.Helper()
	r, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// turn turns the switch of a route.
func (f *fixture) turn(name string, p *ingress.Position) error {
	r := &f.routes[slices.IndexFunc(f.routes, func(r api.Route) bool { return r.Name == name })]
	if r.TurnedAt = time.Now(); p == nil {
		p, r.TurnedAt = &r.Configured, time.Time{}
	}
	r.Live = *p
	return f.unsaved
}
