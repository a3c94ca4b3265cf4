package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/queue"
)

// saying is an application that answers with its name, the target and the body that it got.
func saying(t testing.TB, name string) string {
	return backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", name, r.RequestURI, body)
	})
}

func shop(t testing.TB, proxy, routes string) *config.Config {
	return load(t, "proxy: {"+proxy+"endpoints: {a: {url: '"+saying(t, "a")+"'}, b: {url: '"+saying(t, "b")+"', selectable: false}}}\nroutes:\n"+routes)
}

func TestRoutesChooseTheEndpoint(t *testing.T) {
	p := start(t, shop(t, "", `
  - {name: v2, match: {path_prefix: /v2, methods: [GET, POST]}, endpoint: b, rewrite: {strip_prefix: /v2}}
  - {name: tenant, match: {headers: {X-Tenant-Id: "~t[0-9]+"}}, endpoint: b}
  - {name: refund, match: {path: /events, jq: '.body.type == "refund"'}, endpoint: b}
  - {name: a, match: {path_prefix: /}, endpoint: a}
`), Options{})
	for _, test := range []struct {
		method, target, body string
		fields               []string
		want                 string
	}{
		{"POST", "/v2/orders?x=/v2", "hi", nil, "b /orders?x=/v2 hi"},
		{"GET", "/v2/orders", "", nil, "b /orders "},
		{"PUT", "/v2/orders", "hi", nil, "a /v2/orders hi"},
		{"POST", "/x", "hi", []string{"X-Tenant-Id", "t7"}, "b /x hi"},
		{"POST", "/x", "hi", []string{"X-Tenant-Id", "u7"}, "a /x hi"},
		{"POST", "/events", `{"type":"refund"}`, []string{"Content-Type", "application/json"}, `b /events {"type":"refund"}`},
		{"POST", "/events", `{"type":"order"}`, []string{"Content-Type", "application/json"}, `a /events {"type":"order"}`},
		{"POST", "/events", `{"type":"refund"}`, []string{"Content-Type", "text/plain"}, `a /events {"type":"refund"}`},
		{"POST", "/events", `{"type":`, []string{"Content-Type", "application/json"}, `a /events {"type":`},
		{"POST", "/v2/x", "hi", []string{"OpenHQM-Endpoint", "a"}, "a /v2/x hi"},
	} {
		if got := call(t, test.method, p.url+test.target, test.body, test.fields...); got.status != 200 || got.body != test.want {
			t.Errorf("%s %s %v: %d %q, want %q", test.method, test.target, test.fields, got.status, got.body, test.want)
		}
	}
	if got := call(t, "POST", p.url+"/v2/x", "", "OpenHQM-Endpoint", "b"); got.status != 404 {
		t.Errorf("an endpoint that only routes lead to was chosen by a request: %d %s", got.status, got.body)
	}
	large := `{"type":"refund","x":"` + strings.Repeat("x", 300<<10) + `"}`
	if got := call(t, "POST", p.url+"/events", large, "Content-Type", "application/json"); got.body != "a /events "+large {
		t.Errorf("a body beyond what a predicate sees arrived as %d bytes of %d", len(got.body), len(large))
	}
	metrics := call(t, "GET", p.admin+"/metrics", "").body
	if !strings.Contains(metrics, `openhqm_route_predicate_errors_total{route="refund"} 0`) {
		t.Error("the predicate's failures are not counted")
	}
}

func TestWithoutARouteTheDefaultOr404(t *testing.T) {
	routes := "  - {name: v2, match: {path_prefix: /v2}, endpoint: b}\n"
	p := start(t, shop(t, "", routes), Options{})
	got := call(t, "POST", p.url+"/x", "")
	if got.status != 404 || !strings.Contains(got.body, "no route takes the request") || !strings.Contains(got.body, "OpenHQM-Endpoint") {
		t.Errorf("%d %s", got.status, got.body)
	}
	p = start(t, shop(t, "default_endpoint: a, ", routes), Options{})
	if got := call(t, "POST", p.url+"/x", "hi"); got.body != "a /x hi" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestARouteSetsModeAndTerms(t *testing.T) {
	p := start(t, shop(t, "default_endpoint: a, ", `
  - name: jobs
    match: {path: /jobs}
    endpoint: a
    mode: async
    priority: 7
    max_age: 1h
    ordering: {header: X-Account-Id}
    on_disconnect: keep
  - {name: keyed, match: {path: /keyed}, endpoint: a, require_idempotency_key: true}
  - {name: fair, match: {path: /fair}, endpoint: a, mode: async, fairness: {header: X-Tenant-Id, concurrency: 3, rate: 30/m, burst: 4}, delay: 1h}
  - {name: passed, match: {path: /passed}, endpoint: a, mode: sync}
`), Options{})
	record := func(path string, fields ...string) *queue.Record {
		t.Helper()
		got := call(t, "POST", p.url+path, "x", fields...)
		if got.status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		id, err := queue.ParseID(got.header.Get("OpenHQM-Correlation-Id"))
		if err != nil {
			t.Fatal(err)
		}
		rec, err := p.Broker().Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	m := record("/jobs", "X-Account-Id", "acc").Message
	if m.Route != "jobs" || m.Priority != 7 || m.Lane != (queue.Lane{Key: "acc", Bound: 1}) || m.Deadline.Sub(m.AcceptedAt).Round(time.Minute) != time.Hour {
		t.Errorf("%+v", m)
	}
	if m := record("/jobs", "OpenHQM-Priority", "2").Message; m.Priority != 2 {
		t.Errorf("priority %d for a request that asks for 2", m.Priority)
	}
	m = record("/fair", "X-Tenant-Id", "t").Message
	if m.Lane != (queue.Lane{Key: "t", Bound: 3, Fair: true, Rate: 0.5, Burst: 4}) || m.NotBefore.Sub(m.AcceptedAt).Round(time.Minute) != time.Hour {
		t.Errorf("%+v", m)
	}
	if got := call(t, "POST", p.url+"/fair", "x", "OpenHQM-Ordering-Key", "k"); got.status != 400 || !strings.Contains(got.body, "fairness") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := call(t, "POST", p.url+"/keyed", "x"); got.status != 400 || !strings.Contains(got.body, "Idempotency-Key") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := call(t, "POST", p.url+"/passed", "x"); got.status != 200 || got.header.Get("OpenHQM-Correlation-Id") != "" {
		t.Errorf("mode sync stored the request: %d %v", got.status, got.header)
	}
}

func TestEqualRequestsWithinTheWindowAreOne(t *testing.T) {
	p := start(t, shop(t, "default_endpoint: a, ", `
  - {name: hooks, match: {path_prefix: /hooks}, endpoint: a, mode: async, dedupe: {by: body, window: 1s}}
`), Options{})
	id := func(path, body string, fields ...string) string {
		t.Helper()
		got := call(t, "POST", p.url+path, body, fields...)
		if got.status != http.StatusAccepted {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return got.header.Get("OpenHQM-Correlation-Id")
	}
	first := id("/hooks", "x")
	if again := id("/hooks", "x"); again != first {
		t.Errorf("the same request became another message: %s and %s", first, again)
	}
	for _, other := range []string{id("/hooks", "y"), id("/hooks/2", "x"), id("/hooks?a", "x"), id("/hooks", "x", "Idempotency-Key", "k")} {
		if other == first {
			t.Error("another request was taken for the same one")
		}
	}
	await(t, "the end of the window", func() bool { return id("/hooks", "x") != first })
}

func TestWeightsShareAKeyOut(t *testing.T) {
	p := start(t, shop(t, "default_endpoint: a, ", `
  - {name: split, match: {path: /split}, weights: {a: 50, b: 50}, weight_key: "header:X-Tenant-Id"}
`), Options{})
	counts := map[string]int{}
	for i := range 40 {
		tenant := fmt.Sprint("t", i)
		got := call(t, "POST", p.url+"/split", "x", "X-Tenant-Id", tenant).body
		if again := call(t, "POST", p.url+"/split", "x", "X-Tenant-Id", tenant).body; again != got {
			t.Errorf("%s went to %q and to %q", tenant, got, again)
		}
		counts[got[:1]]++
	}
	if counts["a"] < 8 || counts["b"] < 8 {
		t.Errorf("shares %v of 40 keys by half and half", counts)
	}
}

// TestRoutesOfAMountedConfigMapAreReloadedLive changes the file as Kubernetes does: a new directory, and a symbolic link that
// is swapped.
func TestRoutesOfAMountedConfigMapAreReloadedLive(t *testing.T) {
	a, b := saying(t, "a"), saying(t, "b")
	dir := t.TempDir()
	mount := func(version, endpoint string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "openhqm.yaml"), "proxy: {default_endpoint: a, endpoints: {a: {url: '"+a+"'}, b: {url: '"+b+"'}}}\n"+
			"routes: [{name: x, match: {path: /x}, endpoint: "+endpoint+"}]")
		if err := os.Symlink(version, filepath.Join(dir, "next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
	}
	var refused atomic.Int32
	mount("1", "a")
	path := filepath.Join(dir, "data", "openhqm.yaml")
	p := start(t, loadFile(t, path), Options{
		Log: slog.New(slog.DiscardHandler),
		Reread: func() (*config.Config, []config.Note, error) {
			c, notes, err := config.Load(config.Options{Path: path, Backends: Extensions{}.Backends()})
			if err != nil {
				refused.Add(1)
			}
			return c, notes, err
		},
	})
	if got := call(t, "POST", p.url+"/x", "").body; got != "a /x " {
		t.Fatal(got)
	}
	mount("2", "nowhere") // changes nothing
	await(t, "the refusal", func() bool { return refused.Load() > 0 })
	mount("3", "b")
	await(t, "the new route", func() bool {
		got := call(t, "POST", p.url+"/x", "").body
		if got != "a /x " && got != "b /x " {
			t.Errorf("meanwhile: %q", got)
		}
		return got == "b /x "
	})
}

func TestARoutesTargetIsTheEndpointsWithItsOwnTerms(t *testing.T) {
	c := shop(t, "default_endpoint: a, ", "  - {name: r, endpoint: a, wait: 3s, on_disconnect: keep, mode: auto}\n  - {name: s, endpoint: a}\n")
	made, err := (&builder{}).build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer made.closeWhatIsNotIn(nil)
	of := func(i int) ingress.Target {
		t.Helper()
		plain, _ := made.table.Named("a")
		action, err := routeAction(c, &c.Routes[i], made.table)
		if err != nil || len(action.Choices) != 1 || action.Choices[0].Queue != plain.Queue {
			t.Fatalf("%+v %v", action, err)
		}
		return action.Choices[0]
	}
	if got := of(0); got.Wait != 3*time.Second || !got.KeepOnDisconnect || got.Mode != ingress.ModeAuto {
		t.Errorf("%+v", got)
	}
	if got := of(1); got.Wait != c.Proxy.Wait.Std() || got.KeepOnDisconnect || got.Mode != ingress.ModeDefault {
		t.Errorf("%+v", got)
	}
}

func TestARouteTakesTheModeOfTheProxyOrItsOwn(t *testing.T) {
	c := shop(t, "default_endpoint: a, mode: sync, on_disconnect: keep, ", "  - {name: r, endpoint: a}\n  - {name: s, endpoint: a, mode: default, on_disconnect: cancel}\n")
	made, err := (&builder{}).build(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer made.closeWhatIsNotIn(nil)
	for i, want := range []ingress.Target{{Mode: ingress.ModeSync, KeepOnDisconnect: true}, {Mode: ingress.ModeDefault}} {
		action, err := routeAction(c, &c.Routes[i], made.table)
		if err != nil {
			t.Fatal(err)
		}
		if got := action.Choices[0]; got.Mode != want.Mode || got.KeepOnDisconnect != want.KeepOnDisconnect {
			t.Errorf("route %d: mode %s, keep %t", i, got.Mode, got.KeepOnDisconnect)
		}
	}
}

func TestRouteTestSaysWhereARequestGoesAndMasksSecrets(t *testing.T) {
	c := load(t, "proxy: {endpoints: {a: {url: 'http://a/base?api_key=s3cret', auth_type: custom, auth_header_name: X-Gate, auth_token: s3cret}}}\n"+
		"routes: [{name: r, match: {headers: {X-Api-Key: s3cret}}, endpoint: a}, {name: s, match: {path: /x}, endpoint: a, rewrite: {path: /y}, mode: async, priority: 4}]")
	ask := func(fields ...string) *RouteTest {
		t.Helper()
		r, err := http.NewRequest("POST", "http://h/x?q=1", strings.NewReader("hi"))
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI = "/x?q=1"
		for i := 0; i < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		got, err := TestRoute(c, Extensions{}, r)
		if err != nil {
			t.Fatal(err)
		}
		if text := got.Text() + fmt.Sprint(got); strings.Contains(text, "s3cret") {
			t.Errorf("a secret is shown: %s", text)
		}
		return got
	}
	got := ask()
	if got.Route != "s" || got.Mode != "async" || got.Priority != 4 || got.URL != "http://a/base/y?api_key=***&q=1" || got.Header.Get("X-Gate") != "***" ||
		len(got.Verdicts) != 2 || got.Verdicts[0].Why != "no header X-Api-Key with the right value" {
		t.Errorf("%+v", got)
	}
	if got := ask("X-Api-Key", "s3cret"); got.Route != "r" || got.Mode != "auto" {
		t.Errorf("%+v", got)
	}
	if got := ask("Openhqm-Endpoint", "b"); got.Status != 404 || got.Refusal == "" {
		t.Errorf("%+v", got)
	}
}

func TestAKeyCountsForItsRouteWhicheverEndpointItChooses(t *testing.T) {
	a, b := saying(t, "a"), saying(t, "b")
	with := func(weights string) *config.Config {
		return load(t, "proxy: {endpoints: {a: {url: '"+a+"'}, b: {url: '"+b+"'}}}\n"+
			"routes: [{name: r, match: {path: /x}, weights: "+weights+", mode: async}, {name: s, endpoint: a, mode: async}]")
	}
	p := start(t, with("{a: 1, b: 0}"), Options{})
	id := func(path string) string {
		t.Helper()
		return call(t, "POST", p.url+path, "x", "Idempotency-Key", "k").header.Get("OpenHQM-Correlation-Id")
	}
	first := id("/x")
	if _, err := p.Reload(with("{a: 0, b: 1}")); err != nil {
		t.Fatal(err)
	}
	if again := id("/x"); again != first {
		t.Errorf("the repeat went to the other endpoint as %s; the first was %s", again, first)
	}
	if other := id("/y"); other == first {
		t.Error("the key counts for another route too")
	}
}

func TestASubmitThatNamesNoEndpointGoesByTheRoutes(t *testing.T) {
	p := start(t, shop(t, "", `
  - {name: paths, match: {methods: [PUT], path_prefix: /v2}, endpoint: b, rewrite: {strip_prefix: /v2}, mode: sync}
  - {name: payload, match: {jq: '.body.type == "refund" and .metadata.tenant == 7'}, endpoint: b, dedupe: {by: body}, max_age: 1h}
  - {name: header, match: {headers: {X-To: b}}, endpoint: b}
`), Options{})
	submit := func(envelope string) (answer, *queue.Record) {
		t.Helper()
		got := call(t, "POST", p.url+"/api/v1/submit", envelope, "Content-Type", "application/json")
		if got.status != http.StatusAccepted {
			return got, nil
		}
		id, err := queue.ParseID(got.header.Get("OpenHQM-Correlation-Id"))
		if err != nil {
			t.Fatal(err)
		}
		rec, err := p.Broker().Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return got, rec
	}
	for _, test := range []struct{ envelope, queue, route, target string }{
		{`{"payload": 1, "metadata": {"method": "PUT", "path": "/v2/x?y=1"}}`, "b", "paths", "/x?y=1"},
		{`{"payload": {"type": "refund"}, "metadata": {"tenant": 7}}`, "b", "payload", "/"},
		{`{"payload": 1, "headers": {"x-to": "b"}}`, "b", "header", "/"},
		{`{"payload": 1, "headers": {"x-to": "b"}, "metadata": {"endpoint": "a"}}`, "a", "", "/"},
	} {
		got, rec := submit(test.envelope)
		if rec == nil || rec.Queue != test.queue || rec.Route != test.route || rec.Request.Target != test.target {
			t.Errorf("%s: %d %s, %+v", test.envelope, got.status, got.body, rec)
		}
	}
	if got, _ := submit(`{"payload": 1}`); got.status != 404 || !strings.Contains(got.body, "metadata.endpoint") {
		t.Errorf("no route and no default: %d %s", got.status, got.body)
	}
	if got, _ := submit(`{"payload": 1, "metadata": {"endpoint": "b"}}`); got.status != 404 {
		t.Errorf("an endpoint that cannot be named: %d %s", got.status, got.body)
	}
	_, first := submit(`{"payload": {"type": "refund", "id": 1}, "metadata": {"tenant": 7}}`)
	_, again := submit(`{"payload": {"type": "refund", "id": 1}, "metadata": {"tenant": 7, "try": 2}}`)
	_, other := submit(`{"payload": {"type": "refund", "id": 2}, "metadata": {"tenant": 7}}`)
	if first.ID != again.ID || first.ID == other.ID || first.Deadline.Sub(first.AcceptedAt).Round(time.Minute) != time.Hour {
		t.Errorf("%+v\n%+v\n%+v", first, again, other)
	}
}
