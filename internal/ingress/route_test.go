package ingress_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/internal/telemetry"
)

func TestRequestsAreCountedUnderTheNameOfTheirEndpoint(t *testing.T) {
	registry := prometheus.NewRegistry()
	shop := passing(ingress.ModeDefault)
	shop.Name = "shop"
	hidden := ingress.Target{Name: "hidden", Queue: "hidden"}
	handler := telemetry.NewMetrics(registry).Handler(
		newHandler(t, runBroker(t, memory.New(memory.Options{})), setup{targets: []ingress.Target{shop, hidden}}))
	serve(handler, httptest.NewRequest("GET", "/", nil))
	serve(handler, post("Prefer", "respond-async"))
	for _, name := range []string{"hidden", "made-up"} {
		serve(handler, post("OpenHQM-Endpoint", name))
	}
	w, _ := serve(telemetry.MetricsHandler(registry), httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`openhqm_api_requests_total{endpoint="shop",method="GET",status="200"} 1`,
		`openhqm_api_requests_total{endpoint="shop",method="POST",status="202"} 1`,
		`openhqm_api_requests_total{endpoint="none",method="POST",status="404"} 2`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
}
