package app

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	wire "github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/config"
)

// migrating is a configuration with one route to an application that says whether a request came through the queue.
func migrating(t testing.TB, route string) *config.Config {
	url := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		path := "direct"
		if r.Header.Get("OpenHQM-Delivery") != "" {
			path = "queued"
		}
		if string(body) == "fail" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, path)
	})
	return load(t, "proxy: {endpoints: {a: {url: '"+url+"', max_retries: 0}}}\nroutes:\n  - {name: orders, endpoint: a, queue_key: 'header:X-Tenant-Id', "+route+"}\n")
}

// shares sends one request for each of so many tenants and returns the ways that they went.
func shares(t testing.TB, p *process, tenants int) map[string]string {
	t.Helper()
	ways := make(map[string]string)
	for i := range tenants {
		tenant := fmt.Sprint("tenant-", i)
		got := call(t, "POST", p.url+"/orders", "x", "X-Tenant-Id", tenant)
		if got.status != 200 {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		ways[tenant] = got.body
	}
	return ways
}

func queuedOf(ways map[string]string) (n int) {
	for _, way := range ways {
		if way == "queued" {
			n++
		}
	}
	return n
}

// turnTo changes the route as an operator does.
func turnTo(t testing.TB, p *process, change string) wire.Route {
	t.Helper()
	got := call(t, "PATCH", p.admin+"/api/v1/routes/orders", change)
	var r wire.Route
	if err := json.Unmarshal([]byte(got.body), &r); err != nil || got.status != 200 {
		t.Fatalf("%s: %d %s", change, got.status, got.body)
	}
	return r
}

func TestAShareOfARouteIsQueuedAndChangedLive(t *testing.T) {
	p := start(t, migrating(t, "queue_percent: 30"), Options{})
	third := shares(t, p, 100)
	if n := queuedOf(third); n < 20 || n > 40 {
		t.Errorf("%d of 100 tenants are queued at 30 %%", n)
	}
	turnTo(t, p, `{"queue_percent": 60}`)
	most := shares(t, p, 100)
	if n := queuedOf(most); n < 50 || n > 70 {
		t.Errorf("%d of 100 tenants are queued at 60 %%", n)
	}
	for tenant, way := range third {
		if way == "queued" && most[tenant] != "queued" {
			t.Errorf("%s was queued at 30 %% and is not at 60 %%", tenant)
		}
	}
	turnTo(t, p, `{"queue_percent": 0}`)
	if n := queuedOf(shares(t, p, 20)); n != 0 {
		t.Errorf("%d are queued at 0 %%", n)
	}
	// What only the queue has is not taken away.
	if got := call(t, "POST", p.url+"/orders", "x", "OpenHQM-Priority", "5").body; got != "queued" {
		t.Errorf("a request that asks for a priority went %s", got)
	}
	if got := call(t, "POST", p.url+"/orders", "x", "Prefer", "respond-async"); got.status != 200 || got.body != "direct" {
		t.Errorf("a preference for 202 outside of the share: %d %s", got.status, got.body)
	}
	turnTo(t, p, `{"queue_percent": 100}`)
	if n := queuedOf(shares(t, p, 20)); n != 20 {
		t.Errorf("%d of 20 are queued at 100 %%", n)
	}
	r := turnTo(t, p, `{"bypass": true}`)
	if n := queuedOf(shares(t, p, 20)); n != 0 {
		t.Errorf("%d are queued while the route is bypassed", n)
	}
	if r.Configured.QueuePercent != 30 || r.ChangedAt == nil {
		t.Errorf("the route shows %+v", r)
	}
}

func TestBothPathsOfARouteAreCountedSideBySide(t *testing.T) {
	p := start(t, migrating(t, "queue_percent: 50"), Options{})
	ways := shares(t, p, 40)
	for tenant := range ways {
		if got := call(t, "POST", p.url+"/orders", "fail", "X-Tenant-Id", tenant); got.status != 500 {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
	}
	queued := int64(queuedOf(ways))
	r := turnTo(t, p, `{"queue_percent": 50}`)
	if want := (wire.RouteCount{Requests: 2 * queued, Errors: queued}); r.Queued != want {
		t.Errorf("queued %+v, want %+v", r.Queued, want)
	}
	direct := 40 - queued
	if want := (wire.RouteCount{Requests: 2 * direct, Errors: direct}); r.Direct != want {
		t.Errorf("direct %+v, want %+v", r.Direct, want)
	}
	text := call(t, "GET", p.admin+"/metrics", "").body
	for _, line := range []string{
		fmt.Sprintf(`openhqm_route_requests_total{outcome="2xx",path="direct",route="orders"} %d`, direct),
		fmt.Sprintf(`openhqm_route_requests_total{outcome="5xx",path="direct",route="orders"} %d`, direct),
		fmt.Sprintf(`openhqm_route_requests_total{outcome="2xx",path="queued",route="orders"} %d`, queued),
		fmt.Sprintf(`openhqm_route_requests_total{outcome="failed",path="queued",route="orders"} %d`, queued),
		fmt.Sprintf(`openhqm_route_duration_seconds_count{path="direct",route="orders"} %d`, 2*direct),
		fmt.Sprintf(`openhqm_route_duration_seconds_count{path="queued",route="orders"} %d`, 2*queued),
	} {
		if !strings.Contains(text, line) {
			t.Errorf("/metrics does not have %s", line)
		}
	}
}

// TestTheLaterWordCounts turns a switch, restarts, and changes the configuration.
func TestTheLaterWordCounts(t *testing.T) {
	dir := t.TempDir()
	kept := func(route string) *config.Config {
		c := migrating(t, route)
		c.Queue.Type, c.Queue.Embedded.Dir = "embedded", dir
		return c
	}
	p := start(t, kept("queue_percent: 30"), Options{})
	percent := func(p *process, want int) {
		t.Helper()
		routes := p.App.routes()
		if len(routes) != 1 || routes[0].Live.QueuePercent != want {
			t.Errorf("the routes stand so: %+v, want %d %% queued", routes, want)
		}
	}
	if r := turnTo(t, p, `{"queue_percent": 60}`); r.Warning != "" {
		t.Error(r.Warning)
	}
	reload := func(p *process, c *config.Config) {
		t.Helper()
		if _, err := p.Reload(c); err != nil {
			t.Fatal(err)
		}
	}
	reload(p, kept("queue_percent: 30, priority: 3"))
	percent(p, 60) // another key changed
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p = start(t, kept("queue_percent: 30"), Options{})
	percent(p, 60)
	reload(p, kept("queue_percent: 40"))
	percent(p, 40)
	turnTo(t, p, `{"queue_percent": 90}`)
	if got := call(t, "POST", p.admin+"/api/v1/routes/orders/reset", ""); got.status != 200 {
		t.Fatal(got.body)
	}
	percent(p, 40)
	turnTo(t, p, `{"queue_percent": 90}`)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p = start(t, kept("queue_percent: 100"), Options{}) // changed while it was down
	percent(p, 100)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}

	// What the configuration has overtaken does not come back with an older value of it, while it serves or over a restart.
	p = start(t, kept("queue_percent: 30"), Options{})
	turnTo(t, p, `{"queue_percent": 60, "bypass": true}`)
	reload(p, kept("queue_percent: 40"))
	if r := turnTo(t, p, `{"bypass": true}`); r.QueuePercent != 40 || !r.Bypass {
		t.Errorf("after one of two keys changed: %+v", r)
	}
	turnTo(t, p, `{"queue_percent": 60}`)
	reload(p, kept("queue_percent: 50"))
	reload(p, kept("queue_percent: 40"))
	percent(p, 40)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	for _, configured := range []int{50, 40} {
		p = start(t, kept(fmt.Sprint("queue_percent: ", configured)), Options{})
		percent(p, configured)
		if r := p.App.routes()[0]; !r.Live.Bypass {
			t.Error("the bypass, whose key did not change, is off")
		}
		if err := p.end(); err != nil {
			t.Fatal(err)
		}
	}

	file := filepath.Join(dir, switchesFile)
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), kept(""), Options{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "correct or remove "+file) {
		t.Errorf("a broken file of switches: %v", err)
	}
}

func TestASwitchThatCannotBeKeptSaysSo(t *testing.T) {
	p := start(t, migrating(t, "queue_percent: 30"), Options{})
	if r := turnTo(t, p, `{"queue_percent": 60}`); !strings.Contains(r.Warning, "no data directory") || r.QueuePercent != 60 {
		t.Errorf("turned without a directory: %+v", r)
	}
}
