package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// switched are two routes, of which one queues nothing.
func switched() []api.Route {
	all := ingress.Position{QueuePercent: 100}
	return []api.Route{
		{Name: "orders", Mode: "auto", Endpoints: []string{"billing", "legacy"}, Live: all, Configured: all,
			Counts: map[telemetry.RoutePath]telemetry.RouteCount{telemetry.PathDirect: {Requests: 9, Errors: 1}, telemetry.PathQueued: {Requests: 7}}},
		{Name: "live", Mode: "sync", Endpoints: []string{"legacy"}, Live: all, Configured: all},
	}
}

func TestTheSwitchOfARouteIsTurnedAndReset(t *testing.T) {
	f := newFixture(t)
	f.routes = switched()
	var r client.Route
	f.operate("PATCH", "/api/v1/routes/orders", `{"queue_percent": 25}`).wants(200).into(&r)
	want(t, r.RoutePosition, client.RoutePosition{QueuePercent: 25})
	want(t, r.Configured, client.RoutePosition{QueuePercent: 100})
	want(t, r.ChangedAt != nil, true)
	want(t, r.Direct, client.RouteCount{Requests: 9, Errors: 1})
	want(t, r.Queued, client.RouteCount{Requests: 7})
	r = client.Route{}
	f.operate("PATCH", "/api/v1/routes/orders", `{"bypass": true}`).wants(200).into(&r)
	want(t, r.RoutePosition, client.RoutePosition{QueuePercent: 25, Bypass: true})
	f.operate("PATCH", "/api/v1/routes/live", `{"bypass": true}`).wants(200)

	f.unsaved = errors.New("no space left on device")
	f.operate("PATCH", "/api/v1/routes/orders", `{"bypass": false}`).wants(200).into(&r)
	want(t, r.Warning, "it holds until this process ends: no space left on device")
	f.unsaved = nil
	r = client.Route{}
	f.operate("POST", "/api/v1/routes/orders/reset", "").wants(200).into(&r)
	want(t, r.RoutePosition, r.Configured)
	want(t, r.ChangedAt, nil)

	for body, why := range map[string]string{`{"queue_percent": 101}`: "want 0 to 100", `{"queue_percent": -1}`: "want 0 to 100",
		`{}`: "give queue_percent, bypass or both"} {
		p := f.operate("PATCH", "/api/v1/routes/orders", body).wants(400).problem("bad-parameter")
		want(t, strings.Contains(p["detail"].(string), why), true)
	}
	f.operate("PATCH", "/api/v1/routes/orders", `{"percent": 1}`).wants(400).problem("bad-json")
	f.operate("PATCH", "/api/v1/routes/live", `{"queue_percent": 1}`).wants(400).problem("bad-parameter")
	p := f.operate("PATCH", "/api/v1/routes/order", `{"queue_percent": 1}`).wants(404).problem("not-found")
	want(t, strings.Contains(p["detail"].(string), "configured are: orders, live"), true)
	f.operate("POST", "/api/v1/routes/order/reset", "").wants(404)
}
