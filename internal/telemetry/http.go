package telemetry

import (
	"io"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MaxRoutes is how many routes and endpoints have metrics under their own name; further ones share the name "other".
const MaxRoutes = 1000

// unrouted is the label of requests that nobody claimed with SetRoute.
const unrouted = "none"

// Route counts the requests of one route or endpoint.
type Route struct {
	metrics *Metrics
	name    string
	methods [len(methods)]atomic.Pointer[methodCounters]
}

// methodCounters are the counters of one route and method, resolved as they are first needed.
type methodCounters struct {
	duration prometheus.Observer
	statuses [statusOther - minStatus + 1]atomic.Pointer[counterBox]
}

// counterBox lets a counter, an interface, be stored atomically.
type counterBox struct{ prometheus.Counter }

// Route returns the counters of a route or endpoint. The name is a label value: it comes from the code or from the
// configuration, never from a request.
func (m *Metrics) Route(name string) *Route {
	if r, ok := (*m.routes.Load())[name]; ok {
		return r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.routes.Load()
	if r, ok := known[name]; ok {
		return r
	}
	if len(known) >= MaxRoutes {
		if r, ok := known[""]; ok {
			return r
		}
		name = ""
	}
	r := &Route{metrics: m, name: name}
	if name == "" {
		r.name = "other"
	}
	next := maps.Clone(known)
	next[name] = r
	m.routes.Store(&next)
	return r
}

// Count counts one answered request.
func (r *Route) Count(method string, status int, took time.Duration) {
	i := methodIndex(method)
	c := r.methods[i].Load()
	if c == nil {
		c = &methodCounters{duration: r.metrics.duration.WithLabelValues(methods[i], r.name)}
		if !r.methods[i].CompareAndSwap(nil, c) {
			c = r.methods[i].Load()
		}
	}
	c.duration.Observe(took.Seconds())
	s := statusIndex(status)
	counter := c.statuses[s].Load()
	if counter == nil {
		counter = &counterBox{r.metrics.requests.WithLabelValues(methods[i], r.name, statusLabel(s))}
		c.statuses[s].Store(counter)
	}
	counter.Inc()
}

// Handler counts the requests of a listener. A handler below names the route or endpoint with [SetRoute].
func (m *Metrics) Handler(next http.Handler) http.Handler {
	none := m.Route(unrouted)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, route: none}
		started := time.Now()
		m.inFlight.Inc()
		defer func() {
			m.inFlight.Dec()
			rec.route.Count(r.Method, rec.final(), time.Since(started))
		}()
		next.ServeHTTP(rec, r)
	})
}

// SetRoute names the route or endpoint that answers a request. It does nothing where no [Metrics.Handler] is above.
func SetRoute(w http.ResponseWriter, name string) {
	for {
		switch v := w.(type) {
		case *recorder:
			v.route = v.route.metrics.Route(name)
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return
		}
	}
}

// Named makes a handler count under the name of its route, where a [Metrics.Handler] is above.
func Named(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(w, route)
		next.ServeHTTP(w, r)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	route  *Route
	status int
}

// final returns the status that the client saw; net/http sends 200 for a handler that wrote nothing.
func (r *recorder) final() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// WriteHeader remembers the final status; 101 is final, other informational ones are not (RFC 9110 15.2).
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// ReadFrom keeps the fast path of net/http for whole bodies.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) { return io.Copy(r.ResponseWriter, src) }

// Flush is for those who do not use an http.ResponseController.
func (r *recorder) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
