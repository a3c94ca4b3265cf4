package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// CheckTimeout is how long a probe waits for all of its checks together.
const CheckTimeout = 2 * time.Second

// Components of the health report; the Python version's words.
const (
	ComponentAPI   = "api"
	ComponentQueue = "queue"
	ComponentCache = "cache" // where results are read from
)

// Check asks one component. Its error says in plain words what is wrong; it may be shown to anybody who reaches the admin
// listener, so it holds no secret.
type Check struct {
	Component string
	Ask       func(context.Context) error
}

// Health answers the probes.
type Health struct {
	version string
	checks  []Check
	notices func() []string
	state   atomic.Pointer[string] // why the process is not ready whatever the checks say; nil: it may be
}

// NewHealth returns the probes of a process that is starting: not ready until SetReady.
func NewHealth(version string, checks ...Check) *Health {
	h := &Health{version: version, checks: checks}
	h.SetNotReady("starting")
	return h
}

// Notice names what the report tells of beside its checks: what people did on purpose, which leaves the process healthy and
// ready. It is called before the probes serve.
func (h *Health) Notice(notices func() []string) { h.notices = notices }

// SetReady lets the checks decide.
func (h *Health) SetReady() { h.state.Store(nil) }

// SetNotReady makes the process not ready, with the reason in plain words.
func (h *Health) SetNotReady(why string) { h.state.Store(&why) }

// Live is /livez: 200 while the process can answer at all. A store that is down does not make it 503, because a restart
// would not bring the store back.
func (h *Health) Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok")
	})
}

// Ready is /readyz: 200, or 503 with a line for everything that is wrong.
func (h *Health) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := h.state.Load(); why != nil {
			writeText(w, http.StatusServiceUnavailable, "not ready: "+*why)
			return
		}
		var lines []string
		for i, err := range h.ask(r.Context()) {
			if err != nil {
				lines = append(lines, "not ready: "+h.checks[i].Component+": "+err.Error())
			}
		}
		if len(lines) > 0 {
			slices.Sort(lines)
			writeText(w, http.StatusServiceUnavailable, strings.Join(lines, "\n"))
			return
		}
		writeText(w, http.StatusOK, "ready")
	})
}

// report is the body of /health: the contract of the Python version, and what is wrong in plain words.
type report struct {
	Status     string            `json:"status"` // healthy or degraded
	Version    string            `json:"version"`
	Timestamp  time.Time         `json:"timestamp"`
	Components map[string]string `json:"components"` // healthy or unhealthy
	Problems   []string          `json:"problems,omitempty"`
	Notices    []string          `json:"notices,omitempty"` // what people did on purpose, and is no problem
}

// Report is /health: always 200, with the state of each component.
func (h *Health) Report() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rep := report{Status: "healthy", Version: h.version, Timestamp: time.Now().UTC(),
			Components: map[string]string{ComponentAPI: "healthy", ComponentQueue: "healthy", ComponentCache: "healthy"}}
		wrong := func(component, problem string) {
			rep.Status, rep.Components[component] = "degraded", "unhealthy"
			rep.Problems = append(rep.Problems, component+": "+problem)
		}
		if why := h.state.Load(); why != nil {
			wrong(ComponentAPI, *why)
		}
		for i, err := range h.ask(r.Context()) {
			if err != nil {
				wrong(h.checks[i].Component, err.Error())
			}
		}
		slices.Sort(rep.Problems)
		if h.notices != nil {
			rep.Notices = h.notices()
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(rep) // the prober has gone
	})
}

var errNoAnswer = errors.New("no answer within " + CheckTimeout.String())

// ask runs the checks at the same time, and gives up on those that do not answer in time.
func (h *Health) ask(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	type answer struct {
		i   int
		err error
	}
	answers := make(chan answer, len(h.checks))
	errs := make([]error, len(h.checks))
	for i, c := range h.checks {
		errs[i] = errNoAnswer
		go func() { answers <- answer{i, c.Ask(ctx)} }()
	}
	for range h.checks {
		select {
		case a := <-answers:
			errs[a.i] = a.err
		case <-ctx.Done():
			return errs
		}
	}
	return errs
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the prober has gone
}

// MetricsHandler is /metrics. Metrics that cannot be gathered are left out rather than fail the scrape.
func MetricsHandler(gatherer prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true, MaxRequestsInFlight: 4,
	})
}
