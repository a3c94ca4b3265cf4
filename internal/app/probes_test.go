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
	mentions(t, call(t, "GET", p.url+"/metrics", "").body, "openhqm_api_requests_total")
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
