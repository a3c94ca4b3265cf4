package ingress_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

const order = "POST /orders?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"

func created() *queue.Result {
	return &queue.Result{Status: 201, Proto: "HTTP/1.1", Length: -1, Body: queue.InlineBody([]byte("made")),
		Header: http.Header{"Location": {"items/7"}, "Cache-Control": {"max-age=5"}, "Set-Cookie": {"a=1", "b=2"}, "X-App": {"1"}}}
}

func TestAHeldClientGetsTheOrdinaryAnswer(t *testing.T) {
	f := start(t, setup{})
	c := f.dial(t)
	c.write(order + "\r\nabc")
	d := f.lease(t, "app")
	f.answers(t, d, created())
	a := c.read("POST")
	if a.status != 201 || a.body != "made" || a.header.Get("Location") != "items/7" || a.header.Get("Cache-Control") != "max-age=5" ||
		len(a.header["Set-Cookie"]) != 2 || a.header["Set-Cookie"][0] != "a=1" {
		t.Errorf("status %d, %v, %q", a.status, a.header, a.body)
	}
	if a.header.Get("OpenHQM-State") != "COMPLETED" || a.header.Get("OpenHQM-Correlation-Id") != d.ID.String() {
		t.Errorf("without its state and ID: %v", a.header)
	}
	for _, own := range []string{"OpenHQM-Source", "Referrer-Policy", "X-Correlation-ID", "Content-Type"} {
		if a.header.Get(own) != "" {
			t.Errorf("%s was added to the endpoint's answer", own)
		}
	}
	if a.close {
		t.Error("the connection is not kept")
	}
}

func TestAHeldAnswerSaysWhichPreferenceShapedIt(t *testing.T) {
	target := app()
	target.MaxWait = time.Minute
	f := start(t, setup{targets: []ingress.Target{target}})
	for prefer, want := range map[string]string{"wait=30": "wait=30", "wait=3600": "", "return=minimal": "", "wait=20, return=minimal": "wait=20"} {
		for _, endpoints := range []string{"", "return=minimal"} {
			c := f.dial(t)
			c.write(order + "Prefer: " + prefer + "\r\n\r\nabc")
			result := created()
			if endpoints != "" {
				result.Header.Set("Preference-Applied", endpoints)
			}
			f.answers(t, f.lease(t, "app"), result)
			got := strings.Join(c.read("POST").header["Preference-Applied"], ", ")
			if all := strings.Trim(endpoints+", "+want, ", "); got != all {
				t.Errorf("%s: applied %q, want %q", prefer, got, all)
			}
		}
	}
}

func TestAFailureThatIsTriedAgainKeepsTheClientHeld(t *testing.T) {
	f := start(t, setup{})
	c := f.dial(t)
	c.write("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	d := f.lease(t, "app")
	if err := f.broker.Settle(t.Context(), d, queue.Outcome{Class: queue.NotBegun}); err != nil {
		t.Fatal(err)
	}
	f.answers(t, f.lease(t, "app"), created())
	if a := c.read("PUT"); a.status != 201 {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

func TestAMessageWithoutAnAnswerIsAProblem(t *testing.T) {
	tests := []struct {
		name    string
		outcome queue.Outcome
		status  int
		kind    string
	}{
		{"rejected", queue.Outcome{Class: queue.Rejected}, 502, "failed"},
		{"unknown outcome", queue.Outcome{Class: queue.Unanswered}, 504, "unknown-outcome"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, setup{})
			c := f.dial(t)
			c.write(order + "\r\nabc")
			test.outcome.StartedAt = time.Now()
			if err := f.broker.Settle(t.Context(), f.lease(t, "app"), test.outcome); err != nil {
				t.Fatal(err)
			}
			a := c.read("POST")
			wantProblem(t, a, test.status, test.kind)
			if a.header.Get("OpenHQM-State") != "FAILED" {
				t.Errorf("state %q", a.header.Get("OpenHQM-State"))
			}
		})
	}
}

func TestAFailureWithAnAnswerGivesTheAnswer(t *testing.T) {
	f := start(t, setup{})
	c := f.dial(t)
	c.write(order + "\r\nabc")
	f.answers(t, f.lease(t, "app"), &queue.Result{Status: 500, Length: -1, Body: queue.InlineBody([]byte("oops"))})
	if a := c.read("POST"); a.status != 500 || a.body != "oops" || a.header.Get("OpenHQM-State") != "FAILED" {
		t.Errorf("status %d, %q, %v", a.status, a.body, a.header)
	}
}

func TestAHeldMessageThatIsCancelledIs409(t *testing.T) {
	f := start(t, setup{})
	c := f.dial(t)
	c.write(order + "\r\nabc")
	id := f.lease(t, "app")
	if err := f.broker.Settle(t.Context(), id, queue.Outcome{Class: queue.NotBegun}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.broker.Cancel(t.Context(), id.ID, queue.CancelOptions{}); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, c.read("POST"), http.StatusConflict, "cancelled")
}

func TestAClientThatGoesWhileHeldCancelsWhatHasNotBegun(t *testing.T) {
	tests := []struct {
		name   string
		fields string
		keep   bool
		begun  bool
		want   queue.State
	}{
		{name: "not begun", want: queue.Cancelled},
		{name: "not begun, on_disconnect: keep", keep: true, want: queue.Ready},
		{name: "not begun, with a key", fields: "Idempotency-Key: k\r\n", want: queue.Ready},
		{name: "begun", begun: true, want: queue.Leased},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			target := app()
			target.KeepOnDisconnect = test.keep
			f := start(t, setup{targets: []ingress.Target{target}})
			c := f.dial(t)
			c.write(order + test.fields + "\r\nabc")
			id := f.waitHeld(t)
			if test.begun {
				f.lease(t, "app")
			}
			c.Close()
			if test.want == queue.Cancelled {
				rec, err := f.broker.Wait(t.Context(), id, queue.UntilTerminal)
				if err != nil || rec.State != queue.Cancelled || rec.MayHaveRun {
					t.Fatalf("became %v, %v", rec, err)
				}
				return
			}
			for f.handler.Held() > 0 {
				pollPause()
			}
			if rec, err := f.broker.Get(t.Context(), id); err != nil || rec.State != test.want || rec.CancelRequested {
				t.Errorf("became %v, %v; want %s", rec.State, err, test.want)
			}
		})
	}
}

// storing calls stored when a message has been stored, before anybody is told.
type storing struct {
	queue.Store
	stored func()
}

func (s storing) Enqueue(ctx context.Context, m []*queue.Message) ([]queue.Enqueued, error) {
	defer s.stored()
	return s.Store.Enqueue(ctx, m)
}

func TestAClientThatGoesWhileItsMessageIsStoredTakesItAlong(t *testing.T) {
	for _, test := range []struct {
		name, key string
		keep      bool
		want      queue.State
	}{
		{name: "alone", want: queue.Cancelled},
		{name: "on_disconnect: keep", keep: true, want: queue.Ready},
		{name: "with a key", key: "k", want: queue.Ready},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			broker := runBroker(t, storing{memory.New(memory.Options{}), leave})
			target := app()
			target.KeepOnDisconnect = test.keep
			handler := newHandler(t, broker, setup{config: ingress.Config{MaxHeldBytes: 1}, targets: []ingress.Target{target}})
			r := post().WithContext(ctx)
			if test.key != "" {
				r.Header.Set("Idempotency-Key", test.key)
			}
			serve(handler, r)
			page, err := broker.List(t.Context(), queue.Filter{})
			if err != nil || len(page.Records) != 1 || page.Records[0].State != test.want {
				t.Errorf("%v, %v; want one that is %s", page.Records, err, test.want)
			}
		})
	}
}

// waitHeld waits until a client is held, and returns its message.
func (f *fixture) waitHeld(t testing.TB) queue.ID {
	t.Helper()
	for {
		page, err := f.broker.List(t.Context(), queue.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if f.handler.Held() > 0 && len(page.Records) > 0 {
			return page.Records[0].ID
		}
		pollPause()
	}
}

// pollPause lets others run.
func pollPause() { <-time.After(time.Millisecond) }

func TestARepeatUnderAKeyJoinsTheWaitAndAnotherRequestIsRefused(t *testing.T) {
	f := start(t, setup{})
	first, second := f.dial(t), f.dial(t)
	first.write(order + "Idempotency-Key: \"k 1\"\r\n\r\nabc")
	f.waitHeld(t)
	second.write(order + "Idempotency-Key: k 1\r\n\r\nabc")
	for f.handler.Held() < 2 {
		pollPause()
	}
	wantProblem(t, f.send(t, order+"Idempotency-Key: k 1\r\n\r\nxyz"), http.StatusUnprocessableEntity, "key-reused")
	f.answers(t, f.lease(t, "app"), created())
	a, b := first.read("POST"), second.read("POST")
	if a.status != 201 || b.status != 201 || a.header.Get("OpenHQM-Correlation-Id") != b.header.Get("OpenHQM-Correlation-Id") {
		t.Errorf("statuses %d and %d, %v, %v", a.status, b.status, a.header, b.header)
	}
	if n := f.accepted(t); n != 1 {
		t.Errorf("%d messages stored", n)
	}
	again := f.send(t, order+async+"Idempotency-Key: k 1\r\n\r\nabc")
	if again.status != 202 || again.header.Get("OpenHQM-State") != "COMPLETED" || again.header.Get("OpenHQM-Correlation-Id") != a.header.Get("OpenHQM-Correlation-Id") {
		t.Errorf("a late repeat: %d, %v", again.status, again.header)
	}
}

func TestOnlySoManyClientsAreHeld(t *testing.T) {
	tests := []struct {
		name   string
		config ingress.Config
	}{
		{"by number", ingress.Config{MaxHeld: 1}},
		{"by bytes", ingress.Config{MaxHeldBytes: 5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, setup{config: test.config})
			c := f.dial(t)
			c.write(order + "\r\nabc")
			f.waitHeld(t)
			if a := f.send(t, order+"\r\nabc"); a.status != http.StatusAccepted {
				t.Errorf("one too many: status %d, want 202 at once", a.status)
			}
			f.answers(t, f.lease(t, "app"), created())
			if a := c.read("POST"); a.status != 201 {
				t.Errorf("the held one: status %d", a.status)
			}
		})
	}
}

func TestDrainLetsGoOfHeldClients(t *testing.T) {
	f := start(t, setup{})
	c := f.dial(t)
	c.write(order + "\r\nabc")
	f.waitHeld(t)
	f.handler.Drain()
	if a := f.send(t, order+"\r\nabc"); a.status != http.StatusAccepted || !a.close {
		t.Errorf("while draining: status %d, close %t; want 202 at once and the connection closed", a.status, a.close)
	}
	f.handler.EndHolds()
	a := c.read("POST")
	if a.status != http.StatusAccepted || a.header.Get("Location") == "" {
		t.Errorf("the held one: status %d, %v", a.status, a.header)
	}
}

// bubble runs the handler without a network, so that time can be the test's.
func bubble(t *testing.T, s setup, run func(t *testing.T, broker *queue.Broker, handler http.Handler)) {
	synctest.Test(t, func(t *testing.T) {
		broker := runBroker(t, memory.New(memory.Options{}))
		run(t, broker, newHandler(t, broker, s))
	})
}

func serve(handler http.Handler, r *http.Request) (*httptest.ResponseRecorder, time.Duration) {
	began := time.Now()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w, time.Since(began)
}

func post(fields ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader("abc"))
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

func TestHoldingEndsWithTheWaitThatApplies(t *testing.T) {
	target := app()
	target.MaxWait = time.Minute
	tests := []struct {
		name    string
		prefer  string
		want    time.Duration
		applied string
	}{
		{"the target's", "", 5 * time.Second, ""},
		{"a shorter one", "wait=2", 2 * time.Second, "wait=2"},
		{"a longer one", "wait=30", 30 * time.Second, "wait=30"},
		{"the target's bound", "wait=3600", time.Minute, ""},
		{"none", "wait=0", 0, "wait=0"},
		{"asynchronous if it takes longer", "respond-async, wait=3", 3 * time.Second, "respond-async, wait=3"},
		{"asynchronous", "respond-async", 0, "respond-async"},
		{"the first of two", "wait=1, wait=9", time.Second, "wait=1"},
		{"malformed", "wait=soon, foo;bar=\"wait=1\"", 5 * time.Second, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, setup{targets: []ingress.Target{target}}, func(t *testing.T, _ *queue.Broker, handler http.Handler) {
				w, took := serve(handler, post("Prefer", test.prefer))
				if w.Code != http.StatusAccepted || took != test.want || w.Header().Get("Preference-Applied") != test.applied {
					t.Errorf("status %d after %v, applied %q; want 202 after %v, %q", w.Code, took,
						w.Header().Get("Preference-Applied"), test.want, test.applied)
				}
			})
		})
	}
}

func TestAClosedEndpointIsNotWaitedFor(t *testing.T) {
	for name, limits := range map[string]*queue.Limits{"alone": nil, "with a rate, while something waits": {Rate: 10, Burst: 1}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{}, func(t *testing.T, broker *queue.Broker, handler http.Handler) {
				hold := []queue.HoldChange{{Reason: queue.HoldPaused}}
				if _, err := broker.SetGate(t.Context(), "app", queue.GateChange{Limits: limits, Hold: hold}); err != nil {
					t.Fatal(err)
				}
				if limits != nil {
					serve(handler, post("Prefer", "respond-async"))
				}
				time.Sleep(2 * time.Second) // the counters are measured each second
				w, took := serve(handler, post())
				if w.Code != http.StatusAccepted || took != 0 || len(w.Header().Get("Retry-After")) != 2 {
					t.Errorf("status %d after %v, Retry-After %q; want 202 at once, to come back in a minute", w.Code, took, w.Header().Get("Retry-After"))
				}
			})
		})
	}
}

func TestAnAnswerThatWouldComeTooLateIsNotWaitedFor(t *testing.T) {
	for waiting, want := range map[int]time.Duration{3: 5 * time.Second, 10: 0} { // at one a second, for up to 5 s
		t.Run(fmt.Sprint(waiting, " ahead"), func(t *testing.T) {
			bubble(t, setup{}, func(t *testing.T, broker *queue.Broker, handler http.Handler) {
				if _, err := broker.SetGate(t.Context(), "app", queue.GateChange{Limits: &queue.Limits{Rate: 1, Burst: 1}}); err != nil {
					t.Fatal(err)
				}
				for range waiting {
					serve(handler, post("Prefer", "respond-async"))
				}
				time.Sleep(2 * time.Second) // the counters are measured each second
				if w, took := serve(handler, post()); w.Code != http.StatusAccepted || took != want {
					t.Errorf("status %d after %v, want 202 after %v", w.Code, took, want)
				}
			})
		})
	}
}

func TestATokenThatExpiresBoundsTheDeadline(t *testing.T) {
	target := app()
	target.ForwardsAuthorization = true
	bubble(t, setup{targets: []ingress.Target{target}}, func(t *testing.T, broker *queue.Broker, handler http.Handler) {
		tests := []struct {
			name, authorization string
			want                time.Duration
		}{
			{"in an hour", jwt(time.Now().Add(time.Hour)), time.Hour},
			{"after the policy's deadline", jwt(time.Now().Add(48 * time.Hour)), 24 * time.Hour},
			{"already", jwt(time.Now().Add(-time.Hour)), 24 * time.Hour},
			{"no token", "Basic eA==", 24 * time.Hour},
			{"no claims", "Bearer a.b.c", 24 * time.Hour},
		}
		for _, test := range tests {
			w, _ := serve(handler, post("Prefer", "respond-async", "Authorization", test.authorization))
			id, err := queue.ParseID(w.Header().Get("OpenHQM-Correlation-Id"))
			if err != nil {
				t.Fatal(err)
			}
			rec, err := broker.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Until(rec.DeadlineAt).Round(time.Second); got != test.want {
				t.Errorf("%s: deadline in %v, want %v", test.name, got, test.want)
			}
			if shown := rec.DeadlineAt.UTC().Format("2006-01-02T15:04:05"); !strings.Contains(w.Body.String(), `"expires_at":"`+shown) {
				t.Errorf("%s: the 202 does not show %s: %s", test.name, shown, w.Body)
			}
		}
	})
}

// jwt is a token without a valid signature.
func jwt(expires time.Time) string {
	claims := fmt.Sprintf(`{"sub":"x","exp":%d}`, expires.Unix())
	return "Bearer e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}
