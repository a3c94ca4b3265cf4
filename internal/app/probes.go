package app

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// Paths that the ingress listener answers itself while no endpoint is configured: where clients and probes of the Python
// version ask. With an endpoint they are the application's, and the admin listener alone has ours.
const (
	pathHealth  = "/health"
	pathMetrics = "/metrics"
)

// probeClaims lists what [App.withProbes] claims on the ingress listener now, for people.
func (s *snapshot) probeClaims(metrics bool) []string {
	switch {
	case s.anyEndpoint():
		return nil
	case metrics:
		return []string{"GET " + pathHealth, "GET " + pathMetrics}
	}
	return []string{"GET " + pathHealth}
}

// anyEndpoint reports whether an application of the user's own stands behind this process.
func (s *snapshot) anyEndpoint() bool {
	for _, q := range s.queues {
		if q.endpoint != nil {
			return true
		}
	}
	return false
}

// withProbes answers GET of the two paths while no endpoint is configured; everything else is next's. The paths count as
// they were sent, as those of the API do.
func (a *App) withProbes(next http.Handler, c *config.Config, replies *reply.Replies, registry *prometheus.Registry) http.Handler {
	own := map[string]http.Handler{pathHealth: telemetry.Named("health", a.health.Report())}
	if c.Monitoring.MetricsEnabled {
		own[pathMetrics] = telemetry.Named("metrics", telemetry.MetricsHandler(registry))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe, ok := own[r.URL.EscapedPath()]
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead || a.live.Load().anyEndpoint() {
			next.ServeHTTP(w, r)
			return
		}
		replies.Own(w.Header(), r, reply.About{})
		probe.ServeHTTP(w, r)
	})
}
