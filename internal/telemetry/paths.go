package telemetry

import (
	"maps"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhqm/openhqm/queue"
)

// RoutePath is a way that the requests of a route take: a closed set, a label of metrics.
type RoutePath string

// The ways.
const (
	PathDirect RoutePath = "direct" // straight through, by the mode of the route, its share or its bypass
	PathQueued RoutePath = "queued" // through the queue
	PathOpen   RoutePath = "open"   // straight through because the store was down
)

// RoutePaths returns the closed set of ways.
func RoutePaths() []RoutePath { return []RoutePath{PathDirect, PathQueued, PathOpen} }

// routeOutcomes are what requests of a route come to: the class of the status, or failed for a message that ended without being
// COMPLETED.
var routeOutcomes = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx", "failed"}

const outcomeFailed = len(routeOutcomes) - 1

// RouteMeter counts the requests of one route, on each way apart. Many goroutines may use it at once.
type RouteMeter struct {
	paths map[RoutePath]*pathMeter
}

type pathMeter struct {
	outcomes [len(routeOutcomes)]prometheus.Counter
	counts   [len(routeOutcomes)]atomic.Int64
	duration prometheus.Observer
}

// RouteMeter returns the meter of a configured route. Routes beyond MaxRoutes share one that is called "other".
func (m *Metrics) RouteMeter(name string) *RouteMeter {
	if r, ok := (*m.meters.Load())[name]; ok {
		return r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.meters.Load()
	if r, ok := known[name]; ok {
		return r
	}
	label := name
	if len(known) >= MaxRoutes {
		if r, ok := known[""]; ok {
			return r
		}
		name, label = "", "other"
	}
	r := &RouteMeter{paths: make(map[RoutePath]*pathMeter)}
	for _, path := range RoutePaths() {
		p := &pathMeter{duration: m.routeDuration.WithLabelValues(label, string(path))}
		for i, outcome := range routeOutcomes {
			p.outcomes[i] = m.routeRequests.WithLabelValues(label, string(path), outcome)
		}
		r.paths[path] = p
	}
	next := maps.Clone(known)
	next[name] = r
	m.meters.Store(&next)
	return r
}

// Count counts a request that took a way, by the status of its answer; 0: it has failed without one.
func (r *RouteMeter) Count(path RoutePath, status int, took time.Duration) {
	p, outcome := r.paths[path], outcomeFailed
	if class := status/100 - 1; status > 0 && class < outcomeFailed {
		outcome = class
	}
	p.outcomes[outcome].Inc()
	p.counts[outcome].Add(1)
	p.duration.Observe(took.Seconds())
}

// RouteCount is how many requests of a route took a way since the process started.
type RouteCount struct {
	Requests int64 // that have ended
	Errors   int64 // of them: 5xx, and failed
}

// Counts returns what the meter has counted on a way.
func (r *RouteMeter) Counts(path RoutePath) (c RouteCount) {
	p := r.paths[path]
	for i := range p.counts {
		n := p.counts[i].Load()
		c.Requests += n
		if i == outcomeFailed || routeOutcomes[i] == "5xx" {
			c.Errors += n
		}
	}
	return c
}

// ended counts a message of a route that has reached its end.
func (m *Metrics) ended(e *queue.Event) {
	r, ok := (*m.meters.Load())[e.Route]
	if !ok || !e.State.Terminal() || e.Kind == queue.EventLeaseLost || e.Kind == queue.EventRemoved {
		return
	}
	status := 0
	if e.State == queue.Done {
		status = e.Status
	}
	r.Count(PathQueued, status, time.Since(e.ID.Time()))
}
