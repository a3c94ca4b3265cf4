package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/issuer"
)

// tokenConfig is an endpoint behind an issuer of tokens, in YAML; more is put into the endpoint.
func tokenConfig(app string, i *issuer.Issuer, secret, more string) string {
	return fmt.Sprintf("proxy: {default_endpoint: a, endpoints: {a: {url: '%s', auth_type: oauth2, oauth2: {token_url: '%s', client_id: '%s', client_secret: '%s'}%s}}}",
		app, i.URL(), i.ID, secret, more)
}

func TestAnOldTokenCostsAQueuedRequestNothingAndASecond401Holds(t *testing.T) {
	i := issuer.Start(false)
	defer i.Close()
	var deny atomic.Bool
	var arrivals atomic.Int32
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		arrivals.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err != nil || deny.Load() || !i.Takes(r) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	p := start(t, load(t, tokenConfig(app, i, i.Secret, ", max_retries: 0")), Options{})
	for n, old := range []bool{false, true} {
		if old {
			i.Revoke()
		}
		arrivals.Store(0)
		id := p.submit(t, "/order")
		if word := p.wait(t, id); word != "COMPLETED" {
			t.Fatalf("ended %s", word)
		}
		record := recordOf(t, p, id)
		if record.Attempts != 1 || record.Result.Status != 200 || int(arrivals.Load()) != n+1 || len(i.Tokens()) != n+1 {
			t.Errorf("old token %t: %d attempts, %d, %d arrivals, %d tokens", old, record.Attempts, record.Result.Status, arrivals.Load(), len(i.Tokens()))
		}
	}
	deny.Store(true)
	arrivals.Store(0)
	p.submit(t, "/order")
	await(t, "the hold", func() bool { _, held := gateOf(t, p, "a").Holds[queue.HoldAuth]; return held })
	if n := arrivals.Load(); n != 2 {
		t.Errorf("%d arrivals before the hold", n)
	}
}

func recordOf(t *testing.T, p *process, id string) *queue.Record {
	t.Helper()
	parsed, err := queue.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Broker().Get(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestATokenEndpointThatIsDownIsSaidAndCostsNoAttempt(t *testing.T) {
	i := issuer.Start(false)
	defer i.Close()
	i.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if !i.Takes(r) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	log := &lines{}
	p := start(t, load(t, tokenConfig(app, i, i.Secret, ", max_retries: 0, breaker: {failures: 0}")), Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	id := p.submit(t, "/order")
	const text = "no access token from "
	await(t, "the log", func() bool { return log.has("access token of the endpoint not fetched") && log.has(text) })
	await(t, "the explanation", func() bool {
		got := call(t, "GET", p.admin+"/api/v1/messages/"+id+"/explain", "")
		return strings.Contains(got.body, text) && strings.Contains(got.body, "it answered 503")
	})
	i.Answer(nil)
	if word := p.wait(t, id); word != "COMPLETED" {
		t.Fatalf("ended %s", word)
	}
	if r := recordOf(t, p, id); r.Attempts != 1 || r.Deliveries < 2 {
		t.Errorf("%d attempts in %d deliveries", r.Attempts, r.Deliveries)
	}
	for _, secret := range append(i.Tokens(), i.Secret) {
		if log.has(secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
