package ingress_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

func TestMain(m *testing.M) {
	// The server lingers a moment on connections that it closes.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// A fixture is the handler on a real listener over a store in memory; nothing works messages off but the test.
type fixture struct {
	broker  *queue.Broker
	store   queue.Store
	handler *ingress.Handler
	address string
}

// app is the only target: the default, selectable, without pass-through.
func app() ingress.Target {
	return ingress.Target{Name: "app", Queue: "app", Endpoint: true, Selectable: true, Wait: 5 * time.Second}
}

type setup struct {
	config  ingress.Config
	store   queue.Store // nil: memory
	targets []ingress.Target
	none    bool // no default target
	check   func(receiver string) error
}

// broker returns a running Broker over a store, and ends both with the test.
func runBroker(t testing.TB, store queue.Store) *queue.Broker {
	t.Helper()
	broker := queue.NewBroker(store, queue.BrokerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- broker.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Broker.Run: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return broker
}

func newHandler(t testing.TB, broker *queue.Broker, s setup) *ingress.Handler {
	t.Helper()
	replies, err := reply.New(reply.Config{Prefix: "/api/v1"}, reply.Options{Broker: broker, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if s.targets == nil {
		s.targets = []ingress.Target{app()}
	}
	name := s.targets[0].Name
	if s.none {
		name = ""
	}
	return ingress.New(s.config, ingress.Options{Broker: broker, Targets: ingress.NewTable(name, s.targets...), Replies: replies,
		Callback: s.check, Log: slog.New(slog.DiscardHandler)})
}

func start(t testing.TB, s setup) *fixture {
	t.Helper()
	if s.store == nil {
		s.store = memory.New(memory.Options{MaxMessages: 1000, MaxBytes: 1 << 30})
	}
	f := &fixture{store: s.store, broker: runBroker(t, s.store)}
	f.handler = newHandler(t, f.broker, s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := ingress.Server(f.handler, 64<<10, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		f.handler.EndHolds()
		server.Close()
		<-served
	})
	f.address = listener.Addr().String()
	return f
}

// conn is a raw connection to the fixture.
type conn struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

func (f *fixture) dial(t testing.TB) *conn {
	t.Helper()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &conn{Conn: c, t: t, in: bufio.NewReader(c)}
}

func (c *conn) write(raw string) {
	c.t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		c.t.Fatal(err)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
	close  bool
}

// read returns the next answer; 100 Continue is passed over.
func (c *conn) read(method string) answer {
	c.t.Helper()
	for {
		resp, err := http.ReadResponse(c.in, &http.Request{Method: method})
		if err != nil {
			c.t.Fatalf("read the answer: %v", err)
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			c.t.Fatalf("read the answer's body: %v", err)
		}
		return answer{resp.StatusCode, resp.Header, string(body), resp.Close}
	}
}

// send writes raw bytes on a connection of their own and returns the answer. Newlines of the head may be plain.
func (f *fixture) send(t testing.TB, raw string) answer {
	t.Helper()
	c := f.dial(t)
	c.write(raw)
	method, _, _ := strings.Cut(raw, " ")
	return c.read(method)
}

// lease takes the next message of the queue.
func (f *fixture) lease(t testing.TB, name string) *queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := f.broker.Lease(ctx, queue.LeaseRequest{Worker: "test", Max: 1, Slots: 1, TTL: time.Minute, Queues: []queue.Want{{Queue: name}}})
	if err != nil {
		t.Fatalf("lease: %v", err)
	}
	return got[0]
}

// answers settles a delivery with an answer.
func (f *fixture) answers(t testing.TB, d *queue.Delivery, result *queue.Result) {
	t.Helper()
	result.ReceivedAt = time.Now()
	if err := f.broker.Settle(t.Context(), d, queue.Outcome{Class: queue.Answered, Result: result, StartedAt: time.Now()}); err != nil {
		t.Fatalf("settle: %v", err)
	}
}

// accepted is how many messages were ever stored.
func (f *fixture) accepted(t testing.TB) int64 {
	t.Helper()
	stats, err := f.store.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var total queue.Counts
	for _, q := range stats.Queues {
		total.Add(q.Counts)
	}
	if total.Drift() != 0 {
		t.Errorf("drift %d", total.Drift())
	}
	return total.Accepted
}

// wantProblem checks a refusal.
func wantProblem(t testing.TB, a answer, status int, kind string, mentions ...string) {
	t.Helper()
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, Content-Type %q, want %d and a problem: %s", a.status, a.header.Get("Content-Type"), status, a.body)
	}
	if !strings.Contains(a.body, `"urn:openhqm:problem:`+kind+`"`) {
		t.Errorf("the type is not %s: %s", kind, a.body)
	}
	for _, word := range mentions {
		if !strings.Contains(a.body, word) {
			t.Errorf("the problem does not mention %q: %s", word, a.body)
		}
	}
	if a.header.Get("OpenHQM-Source") != "openhqm" || a.header.Get("Referrer-Policy") != "no-referrer" || a.header.Get("X-Correlation-ID") == "" {
		t.Errorf("an own answer without its fields: %v", a.header)
	}
}
