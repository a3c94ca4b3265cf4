package ingress_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

// passing is a target with a pass-through that shows what reached it.
func passing(mode ingress.Mode) ingress.Target {
	target := app()
	target.Mode, target.MaxWait = mode, time.Minute
	target.Pass = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "passed %s %v", r.RequestURI, r.Header)
	})
	return target
}

func TestEachRequestGetsItsMode(t *testing.T) {
	const get, posted = "GET / HTTP/1.1\r\nHost: h\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"
	tests := []struct {
		name string
		mode ingress.Mode
		raw  string
		want string
	}{
		{"safe", ingress.ModeDefault, get, "sync"},
		{"unsafe", ingress.ModeDefault, posted, "auto"},
		{"an event stream", ingress.ModeDefault, posted + "Accept: text/html, text/event-stream\r\n", "sync"},
		{"an upgrade", ingress.ModeDefault, posted + "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", "sync"},
		{"an offer of h2c", ingress.ModeDefault, posted + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", "auto"},
		{"gRPC-Web", ingress.ModeDefault, posted + "Content-Type: application/grpc-web+proto\r\n", "sync"},
		{"safe, respond-async", ingress.ModeDefault, get + "Prefer: respond-async\r\n", "async"},
		{"safe, respond-async with a wait", ingress.ModeDefault, get + "Prefer: respond-async, wait=2\r\n", "auto"},
		{"safe, a wait", ingress.ModeDefault, get + "Prefer: wait=2\r\n", "sync"},
		{"unsafe, respond-async", ingress.ModeDefault, posted + "Prefer: respond-async\r\n", "async"},
		{"unsafe, no wait", ingress.ModeDefault, posted + "Prefer: wait=0\r\n", "async"},
		{"an upgrade cannot be stored", ingress.ModeDefault, posted + "Prefer: respond-async\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", "sync"},
		{"configured sync", ingress.ModeSync, posted + "Prefer: respond-async\r\n", "sync"},
		{"configured async", ingress.ModeAsync, get + "Prefer: wait=5\r\n", "async"},
		{"configured auto", ingress.ModeAuto, get, "auto"},
		{"configured sync, a wait", ingress.ModeSync, posted + "Prefer: respond-async, wait=2\r\n", "sync"},
		{"configured async, an upgrade", ingress.ModeAsync, get + "Connection: Upgrade\r\nUpgrade: websocket\r\n", "refused"},
		{"configured auto, gRPC-Web", ingress.ModeAuto, posted + "Content-Type: application/grpc-web\r\n", "refused"},
		{"configured auto, respond-async", ingress.ModeAuto, get + "Prefer: respond-async\r\n", "async"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, setup{targets: []ingress.Target{passing(test.mode)}})
			c := f.dial(t)
			c.write(test.raw + "\r\n")
			if test.want == "auto" {
				f.waitHeld(t)
				f.answers(t, f.lease(t, "app"), created())
			}
			a := c.read(test.raw[:4])
			got := map[int]string{200: "sync", 201: "auto", 202: "async", 501: "refused"}[a.status]
			if got != test.want {
				t.Errorf("status %d means %q, want %q: %s", a.status, got, test.want, a.body)
			}
		})
	}
}

func TestWithoutAPassThroughEverythingIsStored(t *testing.T) {
	f := start(t, setup{})
	c := f.dial(t)
	c.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	f.answers(t, f.lease(t, "app"), created())
	if a := c.read("GET"); a.status != 201 {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

func TestAPassedRequestLosesOnlyWhatIsNotTheClientsToSay(t *testing.T) {
	f := start(t, setup{targets: []ingress.Target{passing(ingress.ModeSync)}})
	a := f.send(t, "GET http://x/a?b HTTP/1.1\r\nHost: h\r\nOpenHQM-Delivery: 1\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: X-N\r\nX-N: 1\r\nPrefer: wait=1\r\n\r\n")
	if want := "passed /a?b map[Connection:[X-N] Prefer:[wait=1] X-N:[1]]"; a.body != want {
		t.Errorf("%q, want %q", a.body, want)
	}
	if n := f.accepted(t); n != 0 {
		t.Errorf("%d messages stored", n)
	}
}

func TestNothingIsAddedToAPassedAnswer(t *testing.T) {
	target := passing(ingress.ModeSync)
	target.Pass = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// As a reverse proxy does with an informational answer.
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		clear(w.Header())
		w.WriteHeader(http.StatusOK)
		fmt.Fprint(w, "<html>not sniffed</html>")
	})
	f := start(t, setup{targets: []ingress.Target{target}})
	c := f.dial(t)
	c.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	a := c.read("POST")
	if a.status == http.StatusEarlyHints {
		a = c.read("POST")
	}
	if _, typed := a.header["Content-Type"]; typed || !a.close || a.body != "<html>not sniffed</html>" {
		t.Errorf("%v, close %t, %q", a.header, a.close, a.body)
	}
}

func TestAKeyOfASafeRequestIsItsEndpointsAffair(t *testing.T) {
	f := start(t, setup{})
	for range 2 {
		if a := f.send(t, "GET / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\n"+async+"\r\n"); a.status != http.StatusAccepted {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	}
	if n := f.accepted(t); n != 2 {
		t.Errorf("%d messages stored, want 2", n)
	}
	if got := f.lease(t, "app").Request().Header.Get("Idempotency-Key"); got != "k" {
		t.Errorf("stored with the key %q", got)
	}
}

func TestAPassedCallTakesASlotAndGivesItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := runBroker(t, memory.New(memory.Options{}))
		if _, err := broker.SetGate(t.Context(), "app", queue.GateChange{Limits: &queue.Limits{MaxLeased: 1}}); err != nil {
			t.Fatal(err)
		}
		target := passing(ingress.ModeSync)
		release, entered := make(chan struct{}), atomic.Int64{}
		target.Pass = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			entered.Add(1)
			<-release
			if r.URL.Path == "/panic" {
				panic(http.ErrAbortHandler)
			}
		})
		handler := newHandler(t, broker, setup{config: ingress.Config{MaxLine: 2}, targets: []ingress.Target{target}})
		reserved := func() int {
			stats, err := broker.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return stats.Queues["app"].Reserved
		}
		run := func(path string) {
			defer func() { _ = recover() }()
			serve(handler, httptest.NewRequest(http.MethodGet, path, nil))
		}
		go run("/panic")
		synctest.Wait()
		if entered.Load() != 1 || reserved() != 1 {
			t.Fatalf("%d calls, %d slots", entered.Load(), reserved())
		}
		// A long call keeps its slot: it is extended beyond its first lifetime.
		time.Sleep(2 * time.Minute)
		if reserved() != 1 {
			t.Fatalf("after two minutes %d slots", reserved())
		}
		w, took := serve(handler, httptest.NewRequest(http.MethodGet, "/second", nil))
		if w.Code != http.StatusServiceUnavailable || took != 5*time.Second || w.Header().Get("Retry-After") == "" {
			t.Errorf("while it is taken: status %d after %v, Retry-After %q; want 503 after 5s", w.Code, took, w.Header().Get("Retry-After"))
		}
		r := httptest.NewRequest(http.MethodGet, "/third", nil)
		r.Header.Set("Prefer", "wait=1")
		if w, took := serve(handler, r); w.Code != http.StatusServiceUnavailable || took != time.Second {
			t.Errorf("with wait=1: status %d after %v", w.Code, took)
		}
		go run("/a")
		go run("/b")
		synctest.Wait()
		if w, took := serve(handler, httptest.NewRequest(http.MethodGet, "/", nil)); w.Code != http.StatusServiceUnavailable || took != 0 {
			t.Errorf("beyond the line: status %d after %v, want 503 at once", w.Code, took)
		}
		close(release)
		synctest.Wait()
		if entered.Load() != 3 || reserved() != 0 {
			t.Errorf("at the end %d calls passed, %d slots taken; want 3, 0", entered.Load(), reserved())
		}
	})
}

// A call that passes through does not wait in line for an endpoint that stays closed for longer than it may wait.
func TestAPassedCallIsRefusedAtOnceWhereItsWaitIsInVain(t *testing.T) {
	for name, c := range map[string]struct {
		change queue.GateChange
		status int
		took   time.Duration
		after  string
	}{
		"closed for longer":           {queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldBreaker, For: time.Minute}}}, 503, 0, "60"},
		"closed for less":             {queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldBreaker, For: 3 * time.Second}}}, 200, 3 * time.Second, ""},
		"closed until it is released": {queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldAuth}}}, 503, 0, "*"},
		"a token that comes too late": {queue.GateChange{Limits: &queue.Limits{Rate: 1.0 / 60, Burst: 1}}, 503, 0, "60"},
		"a token that comes in time":  {queue.GateChange{Limits: &queue.Limits{Rate: 0.5, Burst: 1}}, 200, 2 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{targets: []ingress.Target{passing(ingress.ModeSync)}}, func(t *testing.T, broker *queue.Broker, handler http.Handler) {
				if _, err := broker.SetGate(t.Context(), "app", c.change); err != nil {
					t.Fatal(err)
				}
				if c.change.Limits != nil { // the first token is there
					if _, err := broker.Reserve(t.Context(), "app", time.Hour); err != nil {
						t.Fatal(err)
					}
				}
				w, took := serve(handler, httptest.NewRequest(http.MethodGet, "/", nil))
				after := w.Header().Get("Retry-After")
				if w.Code != c.status || took != c.took || c.after == "*" && after == "" || c.after != "*" && after != c.after {
					t.Errorf("status %d after %v, Retry-After %q; want %d after %v, %q: %s", w.Code, took, after, c.status, c.took, c.after, w.Body)
				}
			})
		})
	}
}
