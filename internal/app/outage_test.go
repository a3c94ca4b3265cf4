package app

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// TestAnOutageOfTenMinutesLosesNothingAndCallsRarely is R7 with time a hundredth of the default configuration's: the
// application is stopped for six seconds and answers 503 for six more, while 10,000 messages wait that are accepted
// before.
func TestAnOutageOfTenMinutesLosesNothingAndCallsRarely(t *testing.T) {
	const (
		messages = 10_000
		outage   = 6 * time.Second
		most     = 60 // arrivals in an outage
	)
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().String()
	if err := reserved.Close(); err != nil { // nothing listens there now: the application is stopped
		t.Fatal(err)
	}
	p := start(t, load(t, `
worker: {retry_delay_base: 10ms, retry_delay_max: 600ms}
proxy:
  default_endpoint: app
  endpoints: {app: {url: 'http://`+address+`', breaker: {wait: 50ms, wait_max: 300ms}}}
`), Options{Log: slog.New(slog.DiscardHandler)})
	counts := func() queue.Counts {
		stats, err := p.Broker().Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats.Queues["app"].Counts
	}

	over := time.After(outage)
	var submits sync.WaitGroup
	for i := range 8 {
		submits.Go(func() {
			for n := i; n < messages; n += 8 {
				if _, err := p.Broker().Submit(t.Context(), &queue.Submission{Queue: "app", Endpoint: "app", Request: queue.Request{
					Method: [...]string{"POST", "PUT"}[n/8%2], Target: fmt.Sprintf("/%d", n), Host: "app", Scheme: "http"}}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	submits.Wait()
	<-over
	if c := counts(); c.Unfinished() != messages {
		t.Fatalf("after the first outage: %+v", c)
	}

	var broken atomic.Bool
	var refused, served atomic.Int64
	broken.Store(true)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	application := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			refused.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		served.Add(1)
		_, _ = io.WriteString(w, r.URL.Path)
	})}
	go func() { _ = application.Serve(l) }()
	t.Cleanup(func() { _ = application.Close() })
	<-time.After(outage)
	broken.Store(false)
	if n := refused.Load(); n == 0 || n > most {
		t.Errorf("%d arrivals while the application answered 503, want 1 to %d", n, most)
	}
	if c := counts(); c.Unfinished() != messages {
		t.Fatalf("after the second outage: %+v", c)
	}

	deadline, tick := time.After(3*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for counts().Unfinished() > 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not all answered: %+v, gate %+v", counts(), gateOf(t, p, "app"))
		}
	}
	if c := counts(); c.Done != messages || c.Dead != 0 || c.Drift() != 0 {
		t.Errorf("counts are %+v", c)
	}
	if n := served.Load(); n != messages {
		t.Errorf("%d answers for %d messages", n, messages)
	}
	if g := gateOf(t, p, "app"); len(g.Holds) != 0 || g.Recovery.MaxLeased != 0 {
		t.Errorf("the gate is still %+v", g)
	}
}

func TestABreakerThatIsSwitchedOffIsOpened(t *testing.T) {
	const with = "proxy: {default_endpoint: a, endpoints: {a: {url: 'http://127.0.0.1:1', breaker: {wait: 1h, wait_max: 1h}}}}"
	p := start(t, load(t, with), Options{Log: slog.New(slog.DiscardHandler)})
	for range 5 {
		p.submit(t, "/")
	}
	await(t, "the breaker to open", func() bool {
		_, open := gateOf(t, p, "a").Holds[queue.HoldBreaker]
		return open && gateOf(t, p, "a").Recovery.MaxLeased == 1
	})
	if _, err := p.Reload(load(t, "proxy: {default_endpoint: a, endpoints: {a: {url: 'http://127.0.0.1:1', breaker: {failures: 0}}}}")); err != nil {
		t.Fatal(err)
	}
	await(t, "the gate to open", func() bool {
		g := gateOf(t, p, "a")
		return len(g.Holds) == 0 && g.Recovery == queue.Recovery{}
	})
}

func TestPassedCallsAreRefusedWhileTheBreakerIsOpen(t *testing.T) {
	p := start(t, load(t, "proxy: {wait: 100ms, default_endpoint: a, endpoints: {a: {url: 'http://127.0.0.1:1', breaker: {wait: 1h, wait_max: 1h}}}}"),
		Options{Log: slog.New(slog.DiscardHandler)})
	for i := range 5 {
		if got := call(t, "GET", p.url+"/", ""); got.status != http.StatusBadGateway {
			t.Fatalf("call %d: %d %s", i, got.status, got.body)
		}
	}
	got := call(t, "GET", p.url+"/", "")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("while the breaker is open: %d %v %s", got.status, got.header, got.body)
	}
}
