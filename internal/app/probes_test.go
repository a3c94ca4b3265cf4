package app

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestWithoutAnEndpointIngressAnswersTheProbesItself(t *testing.T) {
	p := start(t, load(t, ""), Options{Version: "1.2.3"})
	health := call(t, "GET", p.url+"/health", "")
	if health.status != http.StatusOK || health.header.Get("OpenHQM-Source") != "openhqm" {
		t.Errorf("/health: %d %v", health.status, health.header)
	}
	mentions(t, health.body, `"status":"healthy"`, `"version":"1.2.3"`, `"queue":"healthy"`)
	mentions(t, call(t, "GET", p.url+"/metrics", "").body, "openhqm_api_requests_total", `openhqm_queue_depth{queue_name="demo"} 0`)
	for _, claim := range []string{"GET /health", "GET /metrics"} {
		if claims := p.Report().Claims; !slices.Contains(claims, claim) {
			t.Errorf("%v does not name %s", claims, claim)
		}
	}
	if got := call(t, "POST", p.url+"/health", "x", "Prefer", "respond-async"); got.status != http.StatusAccepted {
		t.Errorf("POST /health: %d, want it stored", got.status)
	}

	c := load(t, "monitoring: {metrics_enabled: false}")
	p = start(t, c, Options{})
	if got := call(t, "GET", p.url+"/metrics", "", "Prefer", "respond-async"); got.status != http.StatusAccepted {
		t.Errorf("/metrics while it is disabled: %d, want it stored", got.status)
	}
	if slices.Contains(p.Report().Claims, "GET /metrics") {
		t.Error("it claims /metrics while that is disabled")
	}
}

func TestWithAnEndpointTheProbesOfIngressAreTheApplications(t *testing.T) {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("the application's " + r.URL.Path))
	}))
	t.Cleanup(application.Close)
	p := start(t, load(t, "proxy: {default_endpoint: '"+application.URL+"'}"), Options{})
	for _, path := range []string{"/health", "/metrics"} {
		if got := call(t, "GET", p.url+path, ""); got.body != "the application's "+path {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if text := p.Report().Text(); strings.Contains(text, "GET    /health") {
		t.Errorf("it claims the application's path:\n%s", text)
	}
}

func TestAReloadKeepsTheClaimsThatTakeARestart(t *testing.T) {
	p := start(t, load(t, ""), Options{})
	restart, err := p.Reload(load(t, "monitoring: {metrics_enabled: false}"))
	if err != nil || !slices.Contains(restart, "monitoring.metrics_enabled") {
		t.Fatal(restart, err)
	}
	if got := call(t, "GET", p.url+"/metrics", ""); got.status != http.StatusOK || !slices.Contains(p.Report().Claims, "GET /metrics") {
		t.Errorf("%d; claims %v", got.status, p.Report().Claims)
	}
}

func TestEveryAnswerOfTheAdminListenerBearsItsSource(t *testing.T) {
	p := start(t, load(t, "server: {api_prefix: /q}"), Options{})
	for _, test := range []struct {
		method, path string
		status       int
		mentions     []string
	}{
		{"GET", "/livez", 200, []string{"ok"}},
		{"HEAD", "/livez", 200, nil},
		{"GET", "/readyz", 200, []string{"ready"}},
		{"GET", "/health", 200, []string{`"status":"healthy"`}},
		{"GET", "/metrics", 200, []string{"openhqm_worker_slots"}},
		{"POST", "/readyz", 405, []string{"problem:method-not-allowed", "does not serve POST", "GET, HEAD"}},
		{"GET", "/", 404, []string{"problem:not-found", "/readyz", "/metrics", "/q/openapi.json", "server.port"}},
		{"GET", "/api/v1/queues", 404, []string{"problem:not-found", "/q/openapi.json"}},
		{"GET", "//q/queues", 404, []string{"problem:not-found"}},
		{"GET", "/debug/pprof/", 404, []string{"problem:not-found"}},
	} {
		got := call(t, test.method, p.admin+test.path, "")
		if got.status != test.status || got.header.Get("OpenHQM-Source") != "openhqm" || got.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s %s: %d %v, want %d and the fields of an own answer", test.method, test.path, got.status, got.header, test.status)
		}
		if test.status == 405 && got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", test.method, test.path, got.header.Get("Allow"))
		}
		mentions(t, got.body, test.mentions...)
	}

	p = start(t, load(t, "monitoring: {metrics_enabled: false}"), Options{})
	if got := call(t, "GET", p.admin+"/metrics", ""); got.status != 404 || strings.Contains(got.body, "/metrics") {
		t.Errorf("/metrics while it is disabled: %d %s", got.status, got.body)
	}
}

func TestProfilesAreServedToOperatorsOnly(t *testing.T) {
	p := start(t, load(t, "monitoring: {profiling: true}\nauth: {admin_token: known}"), Options{})
	if got := call(t, "GET", p.admin+"/debug/pprof/cmdline", ""); got.status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", got.status)
	}
	got := call(t, "GET", p.admin+"/debug/pprof/cmdline", "", "Authorization", "Bearer known")
	if got.status != http.StatusOK || got.header.Get("OpenHQM-Source") != "openhqm" {
		t.Errorf("with the token: %d %v", got.status, got.header)
	}
}
