package app

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// Paths of probes and metrics, on the admin listener. The last two ingress answers as well while no endpoint is configured:
// there clients and probes of the Python version ask. With an endpoint they are the application's.
const (
	pathLive    = "/livez"
	pathReady   = "/readyz"
	pathHealth  = "/health"
	pathMetrics = "/metrics"
)

// pathProfiles begins the paths of profiles, on the admin listener and for operators only.
const pathProfiles = "/debug/pprof/"

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
	own := a.probes(c, registry)
	delete(own, pathLive)
	delete(own, pathReady)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe, ok := own[r.URL.EscapedPath()]
		if !ok || !reads(r) || a.live.Load().anyEndpoint() {
			next.ServeHTTP(w, r)
			return
		}
		replies.Own(w.Header(), r, reply.About{})
		probe.ServeHTTP(w, r)
	})
}

// probes returns the handlers of probes and metrics, by path.
func (a *App) probes(c *config.Config, registry *prometheus.Registry) map[string]http.Handler {
	own := map[string]http.Handler{
		pathLive:   telemetry.Named("livez", a.health.Live()),
		pathReady:  telemetry.Named("readyz", a.health.Ready()),
		pathHealth: telemetry.Named("health", a.health.Report()),
	}
	if c.Monitoring.MetricsEnabled {
		own[pathMetrics] = telemetry.Named("metrics", telemetry.MetricsHandler(registry))
	}
	return own
}

// besideAPI is what the admin listener answers beside the operators' API: probes and metrics for everyone, and that there is
// nothing else.
type besideAPI struct {
	own      map[string]http.Handler // by path
	profiles http.Handler            // of what lies below pathProfiles; nil: there are none
	replies  *reply.Replies
	prefix   string // of the operators' API
}

// ServeHTTP serves GET and HEAD of the paths as they were sent.
func (b *besideAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	handler, ok := b.own[path]
	switch {
	case b.profiles != nil && strings.HasPrefix(path, pathProfiles):
		handler = b.profiles
	case !ok:
		b.replies.Problem(w, r, reply.NewProblem(reply.KindNotFound, "the admin listener has "+
			strings.Join(slices.Sorted(maps.Keys(b.own)), ", ")+" and the calls that "+b.prefix+
			"/openapi.json lists; requests for endpoints go to the ingress listener (server.port)"))
		return
	case !reads(r):
		w.Header().Set("Allow", "GET, HEAD")
		b.replies.Problem(w, r, reply.NewProblem(reply.KindMethodNotAllowed,
			"this path does not serve "+r.Method+"; it serves GET, HEAD"))
		return
	}
	b.replies.Own(w.Header(), r, reply.About{})
	handler.ServeHTTP(w, r)
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }
