package ingress_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/queue"
)

func TestACapturedRequestAsksByFieldsThatAreNotForwarded(t *testing.T) {
	f := start(t, setup{})
	at := time.Now().Add(2 * time.Hour).UTC().Truncate(time.Second)
	for _, test := range []struct {
		fields string
		check  func(t *testing.T, r *queue.Record)
	}{
		{"OpenHQM-Priority: 7\r\n", func(t *testing.T, r *queue.Record) { same(t, r.Priority, uint8(7)) }},
		{"OpenHQM-Timeout: 2.5\r\n", func(t *testing.T, r *queue.Record) { same(t, r.AttemptTimeout, 2500*time.Millisecond) }},
		{"openhqm-timeout:  1m30s \r\n", func(t *testing.T, r *queue.Record) { same(t, r.AttemptTimeout, 90*time.Second) }},
		{"OpenHQM-Delay: 90\r\n", func(t *testing.T, r *queue.Record) {
			same(t, r.State, queue.Scheduled)
			same(t, r.NotBefore.Sub(r.AcceptedAt), 90*time.Second)
		}},
		{"OpenHQM-Delay: 0\r\n", func(t *testing.T, r *queue.Record) { same(t, r.State, queue.Ready) }},
		{"OpenHQM-Not-Before: " + at.Format(time.RFC3339) + "\r\nOpenHQM-Delay: 1s\r\n", func(t *testing.T, r *queue.Record) {
			same(t, r.NotBefore.UTC(), at)
		}},
		{"OpenHQM-Not-Before: " + at.Format(http.TimeFormat) + "\r\n", func(t *testing.T, r *queue.Record) { same(t, r.NotBefore.UTC(), at) }},
		{"OpenHQM-Max-Age: 10m\r\nOpenHQM-Deadline: " + at.Format(time.RFC3339) + "\r\n", func(t *testing.T, r *queue.Record) {
			same(t, r.Deadline.Sub(r.AcceptedAt), 10*time.Minute)
		}},
		{"OpenHQM-Max-Age: 1000h\r\n", func(t *testing.T, r *queue.Record) { same(t, r.Deadline.Sub(r.AcceptedAt), 24*time.Hour) }},
		{"OpenHQM-Deadline: " + at.Format(http.TimeFormat) + "\r\n", func(t *testing.T, r *queue.Record) { same(t, r.Deadline.UTC(), at) }},
		{"OpenHQM-Ordering-Key: account 7, ä\r\n", func(t *testing.T, r *queue.Record) {
			same(t, r.Lane, queue.Lane{Key: "account 7, ä", Bound: 1})
		}},
		{"", func(t *testing.T, r *queue.Record) {
			same(t, r.Lane, queue.Lane{})
			same(t, r.Priority, uint8(0))
			same(t, r.NotBefore.IsZero(), true)
		}},
	} {
		t.Run(strings.TrimSpace(test.fields), func(t *testing.T) {
			a := f.send(t, order+async+test.fields+"\r\nabc")
			if a.status != http.StatusAccepted {
				t.Fatalf("status %d: %s", a.status, a.body)
			}
			id, err := queue.ParseID(a.header.Get("OpenHQM-Correlation-Id"))
			if err != nil {
				t.Fatal(err)
			}
			record, err := f.broker.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			test.check(t, record)
			for name := range record.Request.Header {
				if strings.HasPrefix(name, "Openhqm-") {
					t.Errorf("%s is stored with the request", name)
				}
			}
		})
	}
}

func same[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAFieldThatAsksWhatCannotBeIsRefusedByName(t *testing.T) {
	f := start(t, setup{})
	for _, test := range []struct{ fields, names, remedy string }{
		{"OpenHQM-Priority: 10", "OpenHQM-Priority", "0 to 9"},
		{"OpenHQM-Priority: -1", "OpenHQM-Priority", "0 to 9"},
		{"OpenHQM-Priority: high", "OpenHQM-Priority", "0 to 9"},
		{"OpenHQM-Priority:", "OpenHQM-Priority", "0 to 9"},
		{"OpenHQM-Priority: 1\r\nOpenHQM-Priority: 1", "OpenHQM-Priority", "more than once"},
		{"OpenHQM-Timeout: 0", "OpenHQM-Timeout", "above 0"},
		{"OpenHQM-Timeout: NaN", "OpenHQM-Timeout", "above 0"},
		{"OpenHQM-Timeout: 1e300", "OpenHQM-Timeout", "at most 316224000"},
		{"OpenHQM-Delay: -1s", "OpenHQM-Delay", "0 or more"},
		{"OpenHQM-Delay: 90000h", "OpenHQM-Delay", "at most 316224000"},
		{"OpenHQM-Delay: soon", "OpenHQM-Delay", "such as"},
		{"OpenHQM-Not-Before: tomorrow", "OpenHQM-Not-Before", "RFC 3339"},
		{"OpenHQM-Max-Age: 0", "OpenHQM-Max-Age", "above 0"},
		{"OpenHQM-Deadline: 7", "OpenHQM-Deadline", "RFC 3339"},
		{"OpenHQM-Deadline: 2020-01-01T00:00:00Z", "OpenHQM-Deadline", "later"},
		{"OpenHQM-Ordering-Key:", "OpenHQM-Ordering-Key", "1 to 512"},
		{"OpenHQM-Ordering-Key: " + strings.Repeat("k", 513), "OpenHQM-Ordering-Key", "1 to 512"},
		{"OpenHQM-Ordering-Key: \xff", "OpenHQM-Ordering-Key", "1 to 512"},
	} {
		wantProblem(t, f.send(t, order+async+test.fields+"\r\n\r\nabc"), 400, "bad-parameter", test.names, test.remedy)
	}
	wantProblem(t, f.send(t, order+async+"OpenHQM-Delay: 2h\r\nOpenHQM-Max-Age: 1h\r\n\r\nabc"), 400, "invalid-message", "not_before", "later deadline")
	wantProblem(t, f.send(t, order+async+"OpenHQM-Delay: 25h\r\n\r\nabc"), 400, "invalid-message", "not_before", "queue.max_age")
	if n := f.accepted(t); n != 0 {
		t.Errorf("%d refused requests were stored", n)
	}
	// It may repeat one that came in time.
	if a := f.send(t, order+async+"OpenHQM-Deadline: 2020-01-01T00:00:00Z\r\nIdempotency-Key: k\r\n\r\nabc"); a.status != http.StatusAccepted {
		t.Errorf("a repeat after its deadline: status %d: %s", a.status, a.body)
	}
}

func TestARequestThatPassesThroughAsksNothingOfTheQueue(t *testing.T) {
	target := app()
	target.Pass = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(name, "Openhqm-") {
				t.Errorf("%s is passed on", name)
			}
		}
	})
	f := start(t, setup{targets: []ingress.Target{target}})
	for _, field := range []string{"Priority: 1", "Timeout: 1", "Delay: 1", "Not-Before: 2020-01-01T00:00:00Z", "Max-Age: 1",
		"Deadline: 2999-01-01T00:00:00Z", "Ordering-Key: k"} {
		name, _, _ := strings.Cut(field, ":")
		wantProblem(t, f.send(t, "GET /x HTTP/1.1\r\nHost: a\r\nOpenHQM-"+field+"\r\n\r\n"), 400, "bad-parameter", "OpenHQM-"+name, "respond-async")
	}
	if a := f.send(t, "GET /x HTTP/1.1\r\nHost: a\r\nOpenHQM-Unknown: 1\r\n\r\n"); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	if a := f.send(t, "GET /x HTTP/1.1\r\nHost: a\r\nPrefer: respond-async\r\nOpenHQM-Priority: 3\r\n\r\n"); a.status != http.StatusAccepted {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

func TestARequestThatIsNotDueIsNotHeld(t *testing.T) {
	f := start(t, setup{})
	a := f.send(t, order+"OpenHQM-Delay: 1h\r\n\r\nabc")
	if a.status != http.StatusAccepted || a.header.Get("Retry-After") != "60" {
		t.Errorf("status %d, Retry-After %q, want 202 at once and to come back later", a.status, a.header.Get("Retry-After"))
	}
}

func TestTermsOfATarget(t *testing.T) {
	target := app()
	target.Terms = ingress.Terms{RequireKey: true, CallerHeader: "X-Tenant", Ordering: ingress.KeySource{Header: "X-Account"}, OnDead: queue.OnDeadBlock}
	target.Pass = http.NotFoundHandler()
	f := start(t, setup{targets: []ingress.Target{target}})
	wantProblem(t, f.send(t, order+async+"\r\nabc"), 400, "bad-parameter", "Idempotency-Key", "require_idempotency_key")
	wantProblem(t, f.send(t, order+async+"Idempotency-Key: \"\"\r\n\r\nabc"), 400, "bad-parameter", "Idempotency-Key")
	wantProblem(t, f.send(t, "POST /stream HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nContent-Length: 0\r\n\r\n"), 400, "bad-parameter", "Idempotency-Key")
	if a := f.send(t, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"); a.status != http.StatusNotFound {
		t.Errorf("a safe request needs no key: status %d", a.status)
	}
	const keyed = "Idempotency-Key: k\r\n"
	wantProblem(t, f.send(t, order+async+keyed+"X-Tenant: a\r\nX-Tenant: b\r\n\r\nabc"), 400, "bad-parameter", "X-Tenant", "more than once")
	wantProblem(t, f.send(t, order+async+keyed+"X-Tenant: "+strings.Repeat("t", 201)+"\r\n\r\nabc"), 400, "bad-parameter", "X-Tenant", "200 bytes")
	wantProblem(t, f.send(t, order+async+keyed+"X-Account: "+strings.Repeat("t", 513)+"\r\n\r\nabc"), 400, "bad-parameter", "X-Account", "512 bytes")
	wantProblem(t, f.send(t, order+async+keyed+"X-Account: 7\r\nOpenHQM-Ordering-Key: 8\r\n\r\nabc"), 400, "bad-parameter", "X-Account", "leave one")
	if n := f.accepted(t); n != 0 {
		t.Fatalf("%d refused requests were stored", n)
	}

	one := f.send(t, order+async+keyed+"X-Tenant: one\r\nX-Account: 7\r\n\r\nabc")
	two := f.send(t, order+async+keyed+"X-Tenant: two\r\nOpenHQM-Ordering-Key: 8\r\n\r\nabc")
	again := f.send(t, order+async+keyed+"X-Tenant: one\r\nX-Account: 7\r\n\r\nabc")
	const id = "OpenHQM-Correlation-Id"
	if one.header.Get(id) == "" || one.header.Get(id) == two.header.Get(id) || one.header.Get(id) != again.header.Get(id) {
		t.Errorf("a key is its caller's own: %s, %s, %s", one.header.Get(id), two.header.Get(id), again.header.Get(id))
	}
	first := f.lease(t, "app").Record
	same(t, first.Caller, "one")
	same(t, first.Lane, queue.Lane{Key: "7", Bound: 1, OnDead: queue.OnDeadBlock})
	same(t, first.Request.Header.Get("X-Tenant")+first.Request.Header.Get("X-Account"), "one7")
	second := f.lease(t, "app").Record
	same(t, second.Lane, queue.Lane{Key: "8", Bound: 1, OnDead: queue.OnDeadBlock})
}
