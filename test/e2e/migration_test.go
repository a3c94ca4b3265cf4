package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// migrationConfig is one route to one endpoint, of which a share is queued.
const migrationConfig = `
proxy:
  endpoints:
    app: {url: %q}
routes:
  - {name: orders, match: {path_prefix: /}, endpoint: app, mode: auto, queue_key: "header:X-Tenant-Id", queue_percent: %d}
`

// TestTheShareThatIsQueuedIsChangedByFileCommandAndCall moves a route in front of go-httpbin through the phases of a migration,
// over a kill, and back.
func TestTheShareThatIsQueuedIsChangedByFileCommandAndCall(t *testing.T) {
	t.Parallel()
	url := "http://" + startHTTPBin(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "openhqm.yaml")
	configure := func(percent int) {
		t.Helper()
		if err := os.WriteFile(file, fmt.Appendf(nil, migrationConfig, url, percent), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure(0)
	options := []option{flags("--config", file), dataIn(filepath.Join(dir, "data"))}
	s := serve(t, options...)
	const tenants = 40
	queued := func() (n int) {
		t.Helper()
		for i := range tenants {
			got := send(t, s.address, post("/post", "x", fmt.Sprintf("X-Tenant-Id: t%d", i)))
			if got.status != http.StatusOK {
				t.Fatalf("tenant %d: status %d: %s", i, got.status, got.text())
			}
			if got.header.Get("OpenHQM-Correlation-Id") != "" {
				n++
			}
		}
		return n
	}
	command := func(args ...string) string {
		t.Helper()
		out, code := s.cli(t, args...)
		if code != 0 {
			t.Fatalf("%v ended %d: %s", args, code, out)
		}
		return out
	}
	if n := queued(); n != 0 {
		t.Errorf("phase 1: %d of %d are queued, want none", n, tenants)
	}
	mentions(t, command("route", "set", "orders", "--queue-percent", "30"), "route orders: 30 % of its keys are queued")
	some := queued()
	if some == 0 || some == tenants {
		t.Errorf("phase 2: %d of %d are queued", some, tenants)
	}
	s.kill(t)
	s = serve(t, options...)
	if n := queued(); n != some {
		t.Errorf("after a kill %d are queued, before it %d", n, some)
	}
	if got := send(t, s.admin, request{method: "PATCH", target: "/api/v1/routes/orders", body: `{"queue_percent": 70}`}); got.status != http.StatusOK {
		t.Fatalf("status %d: %s", got.status, got.text())
	}
	most := queued()
	if most < some || most == tenants {
		t.Errorf("phase 3: %d of %d are queued, before it were %d", most, tenants, some)
	}
	configure(100)
	eventually(t, 10*time.Second, func() error {
		if n := queued(); n != tenants {
			return fmt.Errorf("phase 4: %d of %d are queued", n, tenants)
		}
		return nil
	})
	mentions(t, command("route", "set", "orders", "--bypass"), "route orders: every request goes straight through (bypass)")
	if n := queued(); n != 0 {
		t.Errorf("bypassed: %d of %d are queued", n, tenants)
	}
	mentions(t, command("route", "list"), "orders", "on", "100 %, bypass off")
	mentions(t, command("route", "reset", "orders"), "route orders: 100 % of its keys are queued")
	if n := queued(); n != tenants {
		t.Errorf("reset: %d of %d are queued", n, tenants)
	}
	series := s.metric(t, "openhqm_route_requests_total")
	for _, path := range []string{"direct", "queued"} {
		if value := series[`openhqm_route_requests_total{outcome="2xx",path="`+path+`",route="orders"}`]; value == "" || value == "0" {
			t.Errorf("path %s is not counted: %v", path, series)
		}
	}
	mentions(t, command("route", "test", "/post", "-X", "POST", "-H", "X-Tenant-Id: t1", "--config", file), "mode          auto")
}

// TestBothPathsOfARouteGiveWhatNginxGives compares, at each step of a migration, what a client gets with a direct call.
func TestBothPathsOfARouteGiveWhatNginxGives(t *testing.T) {
	nginx := startNginx(t)
	s := serve(t, configured(fmt.Sprintf(migrationConfig, "http://"+nginx, 0)))
	requests := []request{
		get("/hello.txt"), get("/hello.txt", "Accept-Encoding: gzip"), get("/large.bin", "Range: bytes=100-199999"), get("/nowhere"),
		get("/empty.txt"), get("/nothing"), get("/teapot"), {method: "PUT", target: "/echo?a=//b;c", body: "12345", fields: []string{"X-Repeated: 1"}},
	}
	steps := []struct {
		args   []string // of openhqm route set orders
		queued int      // of all requests; -1: some
	}{
		{nil, 0},
		{[]string{"--queue-percent", "50"}, -1},
		{[]string{"--queue-percent", "100"}, len(requests)},
		{[]string{"--bypass"}, 0},
	}
	for _, step := range steps {
		if step.args != nil {
			if out, code := s.cli(t, append([]string{"route", "set", "orders"}, step.args...)...); code != 0 {
				t.Fatalf("%v ended %d: %s", step.args, code, out)
			}
		}
		queued := 0
		for i, r := range requests {
			direct := send(t, nginx, r)
			got := send(t, s.address, r.with(fmt.Sprintf("X-Tenant-Id: t%d", i)))
			if got.status != direct.status || !bytes.Equal(got.body, direct.body) {
				t.Errorf("%v, %s: %d with %d bytes, nginx gives %d with %d", step.args, r.target, got.status, len(got.body), direct.status, len(direct.body))
			}
			for _, name := range []string{"Etag", "Content-Type", "Content-Encoding", "Content-Range", "Last-Modified", "X-Served-By", "Vary"} {
				if !slices.Equal(got.header[name], direct.header[name]) {
					t.Errorf("%v, %s: %s is %q, nginx gives %q", step.args, r.target, name, got.header[name], direct.header[name])
				}
			}
			if got.header.Get("OpenHQM-Correlation-Id") != "" {
				queued++
			}
		}
		if queued != step.queued && (step.queued >= 0 || queued == 0 || queued == len(requests)) {
			t.Errorf("%v: %d of %d are queued", step.args, queued, len(requests))
		}
	}
}

// TestAFullDiskIsPassedWhereTheRouteFailsOpen fills the disk below the store: one route goes straight through, the other is
// refused, and both are queued again when there is room.
func TestAFullDiskIsPassedWhereTheRouteFailsOpen(t *testing.T) {
	dir := t.TempDir()
	mountTmpfs(t, dir, "size=256m")
	r := record(t, func(recorder.Arrival) recorder.Reply { return recorder.Answer(200, "ok", fixedDate) })
	s := serve(t, configured(fmt.Sprintf(`
proxy:
  endpoints:
    app: {url: %q}
routes:
  - {name: open, match: {path_prefix: /open}, endpoint: app, on_store_down: open}
  - {name: closed, match: {path_prefix: /}, endpoint: app}
`, r.URL())), dataIn(filepath.Join(dir, "data")), setting("QUEUE__EMBEDDED__MIN_FREE", "32MiB"))
	filler := filepath.Join(dir, "filler")
	fillUpTo(t, dir, filler, 8<<20)
	eventually(t, 10*time.Second, func() error {
		if got := send(t, s.address, post("/closed", "x", "Prefer: respond-async")); got.status != http.StatusServiceUnavailable {
			return fmt.Errorf("status %d with the disk full, want 503", got.status)
		}
		return nil
	})
	before := len(r.Arrivals())
	bodies := []string{"", "small", string(make([]byte, 1<<20))}
	for i, body := range bodies {
		got := send(t, s.address, post("/open", body, "Prefer: respond-async"))
		if got.status != http.StatusOK || got.text() != "ok" || got.header.Get("OpenHQM-Bypass") != "store_down" {
			t.Errorf("%d bytes: status %d, OpenHQM-Bypass %q: %s", len(body), got.status, got.header.Get("OpenHQM-Bypass"), got.text())
		}
		arrived := r.Arrivals()
		if len(arrived) != before+i+1 || string(arrived[len(arrived)-1].Body) != body {
			t.Fatalf("%d bytes: %d arrivals, want %d, the last one whole", len(body), len(arrived), before+i+1)
		}
	}
	if got := send(t, s.address, post("/open", "x", "Idempotency-Key: k")); got.status != http.StatusServiceUnavailable {
		t.Errorf("a keyed request got %d: nobody knows whether it was taken before", got.status)
	}
	if value := s.metric(t, "openhqm_route_requests_total")[`openhqm_route_requests_total{outcome="2xx",path="open",route="open"}`]; value != "3" {
		t.Errorf("%s requests are counted as gone through while the store was down, want 3", value)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/open", "/closed"} {
		eventually(t, 10*time.Second, func() error {
			if got := send(t, s.address, post(target, "x", "Prefer: respond-async")); got.status != http.StatusAccepted {
				return fmt.Errorf("%s: status %d after space came back", target, got.status)
			}
			return nil
		})
	}
}
