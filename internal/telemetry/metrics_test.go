package telemetry

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/openhqm/openhqm/queue"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// counted returns metrics that have seen one of everything.
func counted(t *testing.T) (*Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m := NewMetrics(registry)
	m.AddQueues("legacy")
	m.AddRoutes("orders")
	m.PredicateFailed("orders", nil)
	now := time.Unix(1_700_000_000, 0)
	m.Watch(Sources{
		Stats: func(context.Context) (queue.Stats, error) {
			return queue.Stats{Now: now, Bytes: 4096, Queues: map[string]queue.QueueStats{"legacy": {
				Counts: queue.Counts{Accepted: 36, Ready: 1, Parked: 2, Scheduled: 3, Leased: 4, Overdue: 1, Done: 5, Dead: 6,
					Cancelled: 7, Expired: 8},
				Gate:     queue.Gate{Holds: map[queue.HoldReason]queue.Hold{queue.HoldBreaker: {Since: now}}},
				Reserved: 1, OldestAt: now.Add(-90 * time.Second),
			}}}, nil
		},
		Active: func() int { return 4 }, Slots: func() int { return 64 }, Held: func() int { return 2 },
	})
	for _, e := range oneOfEverything() {
		m.Observe(e)
	}
	for end := range callbackEnds {
		m.Callback(end)
	}
	meter := m.RouteMeter("orders")
	meter.Count(PathDirect, 201, 2*time.Millisecond)
	meter.Count(PathOpen, 503, 2*time.Millisecond)
	meter.Count(PathQueued, 0, 2*time.Millisecond)
	m.Route("submit").Count("POST", 202, 2*time.Millisecond)
	m.Route("legacy").Count("BREW", 999, 2*time.Millisecond)
	return m, registry
}

func oneOfEverything() []queue.Event {
	event := func(kind queue.EventKind) queue.Event { return queue.Event{Kind: kind, Queue: "legacy"} }
	var all []queue.Event
	for kind := queue.EventAccepted; kind <= queue.EventRemoved; kind++ {
		all = append(all, event(kind))
	}
	for _, err := range []error{&queue.FullError{Bound: "messages"}, queue.ErrInvalid, queue.ErrKeyReused, queue.ErrUnavailable, errors.New("other")} {
		e := event(queue.EventRefused)
		e.Err = err
		all = append(all, e)
	}
	for _, reason := range queue.Reasons() {
		e := event(queue.EventSettled)
		e.State, e.Class, e.Reason, e.Status = queue.Dead, queue.Answered, reason, 500
		all = append(all, e)
	}
	return all
}

func TestMetricsAreTheGoldenOnes(t *testing.T) {
	_, registry := counted(t)
	w := httptest.NewRecorder()
	MetricsHandler(registry).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	got := w.Body.Bytes()
	golden := filepath.Join("testdata", "metrics.golden")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("/metrics changed; run go test ./internal/telemetry -update, and read the difference. Got:\n%s", got)
	}
}

func TestMetricsKeepThePrometheusRules(t *testing.T) {
	_, registry := counted(t)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestThePythonVersionsNamesAreThere(t *testing.T) {
	_, registry := counted(t)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range families {
		have[f.GetName()] = true
	}
	for _, name := range []string{"openhqm_api_requests_total", "openhqm_api_request_duration_seconds",
		"openhqm_api_requests_in_flight", "openhqm_queue_publish_total", "openhqm_queue_consume_total", "openhqm_queue_depth",
		"openhqm_queue_dlq_total", "openhqm_worker_active", "openhqm_worker_processing_duration_seconds",
		"openhqm_worker_errors_total"} {
		if !have[name] {
			t.Errorf("no metric %s", name)
		}
	}
}

func TestEventsAreCountedWhereTheyBelong(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	settled := func(state queue.State, class queue.Class, status int) queue.Event {
		return queue.Event{Kind: queue.EventSettled, Queue: "q", State: state, Class: class, Status: status}
	}
	for _, test := range []struct {
		name  string
		event queue.Event
		fails string // error_type, or none
	}{
		{"a completed message is no error", settled(queue.Done, queue.Answered, 404), ""},
		{"a retried 503 is", settled(queue.Scheduled, queue.Answered, 503), "status_5xx"},
		{"a retried 429 is", settled(queue.Scheduled, queue.Answered, 429), "status_4xx"},
		{"a body that tells of failure is", settled(queue.Scheduled, queue.Answered, 200), "status_other"},
		{"a refused connection is", settled(queue.Scheduled, queue.NotSent, 0), "not_sent"},
		{"a timeout is", settled(queue.Dead, queue.Unanswered, 0), "unanswered"},
		{"a rejection is", settled(queue.Dead, queue.Rejected, 0), "rejected"},
		{"a release is not", settled(queue.Ready, queue.NotBegun, 0), ""},
		{"a cancelled call is not", settled(queue.Cancelled, queue.Unanswered, 0), ""},
		{"a late settlement is", queue.Event{Kind: queue.EventLeaseLost, Queue: "q"}, "lease_lost"},
		{"a lapsed lease is", queue.Event{Kind: queue.EventLapsed, Queue: "q", State: queue.Ready}, "lapsed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := failuresOf(m)
			m.Observe(test.event)
			for name, count := range failuresOf(m) {
				want := 0.0
				if name == test.fails {
					want = 1
				}
				if got := count - before[name]; got != want {
					t.Errorf("openhqm_worker_errors_total{error_type=%q} rose by %v, want %v", name, got, want)
				}
			}
		})
	}
}

func failuresOf(m *Metrics) map[string]float64 {
	counts := map[string]float64{}
	for i, name := range failureNames {
		counts[name] = testutil.ToFloat64(m.failures[i])
	}
	return counts
}

func TestEveryDeadMessageIsCountedOnce(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	for _, e := range []queue.Event{
		{Kind: queue.EventSettled, State: queue.Dead, Reason: queue.ReasonEndpointError},
		{Kind: queue.EventLapsed, State: queue.Dead, Reason: queue.ReasonPoison},
		{Kind: queue.EventLeaseLost, State: queue.Dead, Reason: queue.ReasonEndpointError},
	} {
		m.Observe(e)
	}
	for reason, c := range m.dead {
		want := 0.0
		if reason == queue.ReasonEndpointError || reason == queue.ReasonPoison {
			want = 1
		}
		if got := testutil.ToFloat64(c); got != want {
			t.Errorf("%s: %v, want %v", reason, got, want)
		}
	}
}

func TestForeignMethodsShareOneLabel(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	for i := range 100 {
		m.Route("r").Count(fmt.Sprintf("M%d", i), 200, 0)
	}
	if n := testutil.CollectAndCount(m.requests); n != 1 {
		t.Errorf("%d series, want 1", n)
	}
}

func TestQueuesBeyondTheLimitShareOneLabel(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	for i := range MaxQueues + 50 {
		m.Observe(queue.Event{Kind: queue.EventLeased, Queue: fmt.Sprintf("q%d", i)})
	}
	if n := testutil.CollectAndCount(m.consume); n != MaxQueues+1 {
		t.Errorf("%d series, want %d", n, MaxQueues+1)
	}
	if got := testutil.ToFloat64(m.consume.WithLabelValues("other")); got != 50 {
		t.Errorf("other counts %v, want 50", got)
	}
}

func TestAConfiguredQueueHasItsGaugesBeforeItsFirstMessage(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	m.Watch(Sources{
		Stats: func(context.Context) (queue.Stats, error) {
			return queue.Stats{Queues: map[string]queue.QueueStats{"used": {Counts: queue.Counts{Accepted: 1, Ready: 1}}}}, nil
		},
		Queues: func() []string { return []string{"used", "fresh"} },
	})
	w := httptest.NewRecorder()
	MetricsHandler(registry).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{`openhqm_queue_depth{queue_name="fresh"} 0`, `openhqm_queue_depth{queue_name="used"} 1`,
		`openhqm_queue_oldest_age_seconds{queue_name="fresh"} 0`, `openhqm_queue_messages{queue_name="fresh",state="dead"} 0`,
		`openhqm_queue_accepted_total{queue_name="fresh"} 0`} {
		if strings.Count(w.Body.String(), line+"\n") != 1 {
			t.Errorf("want one line %s in:\n%s", line, w.Body)
		}
	}
}

func TestAScrapeWithoutAStoreServesTheRest(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	m.Watch(Sources{Stats: func(context.Context) (queue.Stats, error) { return queue.Stats{}, queue.ErrUnavailable }})
	w := httptest.NewRecorder()
	MetricsHandler(registry).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(body, "openhqm_queue_stats_errors_total 1") || strings.Contains(body, "openhqm_queue_depth{") {
		t.Errorf("status %d, body:\n%s", w.Code, body)
	}
}

func TestRequestsAreCountedUnderTheNameOfTheirRoute(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := testutil.ToFloat64(m.inFlight); got != 1 {
			t.Errorf("%v requests in flight, want 1", got)
		}
		SetRoute(w, "submit")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/anything?x=1", nil))
	if got := testutil.ToFloat64(m.requests.WithLabelValues("POST", "submit", "202")); got != 1 {
		t.Errorf("counted %v times, want once", got)
	}
	if got := testutil.ToFloat64(m.inFlight); got != 0 {
		t.Errorf("%v requests in flight at the end", got)
	}
}

// BenchmarkSubmitIsCounted is all the counting that one submit costs.
func BenchmarkSubmitIsCounted(b *testing.B) {
	m := NewMetrics(prometheus.NewRegistry())
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		SetRoute(w, "submit")
		m.Observe(queue.Event{Kind: queue.EventAccepted, Queue: "legacy"})
		w.WriteHeader(http.StatusAccepted)
	}))
	w, r := &discard{}, httptest.NewRequest("POST", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

type discard struct{}

func (*discard) Header() http.Header         { return nil }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (*discard) WriteHeader(int)             {}

func TestAMessageOfARouteIsCountedOnceItHasEnded(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	r := m.RouteMeter("orders")
	for _, e := range []queue.Event{
		{Kind: queue.EventSettled, State: queue.Done, Status: 200},
		{Kind: queue.EventSettled, State: queue.Done, Status: 503},
		{Kind: queue.EventSettled, State: queue.Dead, Status: 500},
		{Kind: queue.EventSettled, State: queue.Scheduled, Status: 500}, // goes on
		{Kind: queue.EventLeaseLost, State: queue.Done, Status: 200},    // was not applied
		{Kind: queue.EventLapsed, State: queue.Dead},
		{Kind: queue.EventLapsed, State: queue.Ready},
		{Kind: queue.EventExpired, State: queue.Expired},
		{Kind: queue.EventCancelled, State: queue.Cancelled},
		{Kind: queue.EventCancelled, State: queue.Leased}, // is being aborted
		{Kind: queue.EventRemoved, State: queue.Done},
	} {
		for _, route := range []string{"orders", "of another configuration", ""} {
			e.Route, e.Queue, e.ID = route, "legacy", queue.NewID(0, time.Now())
			m.Observe(e)
		}
	}
	if got, want := r.Counts(PathQueued), (RouteCount{Requests: 6, Errors: 5}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}
