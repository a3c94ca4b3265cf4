package telemetry

import (
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/openhqm/openhqm/queue"
)

// MaxQueues is how many queues have metrics under their own name; further ones share the name "other". Queues come from
// the configuration, so that only a store with the leftovers of many configurations gets there.
const MaxQueues = 1000

// Metrics counts what a process does. It is a queue.Observer.
type Metrics struct {
	registry prometheus.Registerer

	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge

	publish     *prometheus.CounterVec
	consume     *prometheus.CounterVec
	wait        *prometheus.HistogramVec
	transitions *prometheus.CounterVec
	flow        *prometheus.CounterVec
	delayed     *prometheus.CounterVec

	processing [endKinds]prometheus.Observer
	failures   [failKinds]prometheus.Counter
	dead       map[queue.Reason]prometheus.Counter
	callbacks  [callbackEnds]prometheus.Counter
	predicates *prometheus.CounterVec

	routeRequests *prometheus.CounterVec
	routeDuration *prometheus.HistogramVec

	mu     sync.Mutex // of those who add to the maps below
	queues atomic.Pointer[map[string]*queueCounters]
	routes atomic.Pointer[map[string]*Route]
	meters atomic.Pointer[map[string]*RouteMeter]
}

// queueCounters are the counters of one queue, resolved.
type queueCounters struct {
	publish     [publishKinds]prometheus.Counter
	consume     prometheus.Counter
	wait        prometheus.Observer
	transitions [queue.EventRemoved + 1]prometheus.Counter // nil where the kind has a metric of its own
	flow        map[queue.FlowEvent]prometheus.Counter
	delayed     prometheus.Counter
}

// NewMetrics returns metrics that are registered with the registry, every counter of a closed set at zero.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openhqm_api_requests_total",
			Help: "HTTP requests answered, by method, name of the route or endpoint, and status.",
		}, []string{"method", "endpoint", "status"}),
		duration: prometheus.NewHistogramVec(histogram("openhqm_api_request_duration_seconds",
			"Time to answer HTTP requests, held ones and long polls included.", requestBuckets), []string{"method", "endpoint"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "openhqm_api_requests_in_flight",
			Help: "HTTP requests being answered, held ones and long polls included.",
		}),
		publish: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openhqm_queue_publish_total",
			Help: "Submits by what became of them; success means stored durably.",
		}, []string{"queue_name", "status"}),
		consume: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openhqm_queue_consume_total",
			Help: "Deliveries begun.",
		}, []string{"queue_name"}),
		wait: prometheus.NewHistogramVec(histogram("openhqm_queue_wait_seconds",
			"Time from acceptance to each delivery.", waitBuckets), []string{"queue_name"}),
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openhqm_queue_transitions_total",
			Help: "Changes of messages that neither a submit nor a worker's result made, by kind.",
		}, []string{"queue_name", "event"}),
		flow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openhqm_flow_breaker_total",
			Help: "Steps of the breakers of endpoints: opened, reopened by a probe that failed, recovered by one that succeeded, closed.",
		}, []string{"queue_name", "event"}),
		delayed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "openhqm_flow_delayed_retries_total",
			Help: "Retries that the retry budget put off.",
		}, []string{"queue_name"}),
	}
	processing := prometheus.NewHistogramVec(histogram("openhqm_worker_processing_duration_seconds",
		"Time of deliveries, by how they ended.", requestBuckets), []string{"status"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "openhqm_worker_errors_total",
		Help: "Deliveries that did not complete their message, by what was wrong.",
	}, []string{"error_type"})
	dead := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "openhqm_queue_dlq_total",
		Help: "Messages moved to the dead letter queue, by reason.",
	}, []string{"reason"})
	callbacks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "openhqm_callback_attempts_total",
		Help: "Attempts to tell a receiver that a request has finished, by what came of them.",
	}, []string{"outcome"})
	m.predicates = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "openhqm_route_predicate_errors_total",
		Help: "Requests for which the jq program of a route failed, so that the route did not take them.",
	}, []string{"route"})
	m.routeRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "openhqm_route_requests_total",
		Help: "Requests of a route that have ended, by the way that they took (straight through, through the queue, open while the store was down) and the class of their answer.",
	}, []string{"route", "path", "outcome"})
	m.routeDuration = prometheus.NewHistogramVec(histogram("openhqm_route_duration_seconds",
		"From a request of a route to its end, by the way that it took; through the queue the waiting is part of it.", waitBuckets), []string{"route", "path"})
	registry.MustRegister(m.routeRequests, m.routeDuration, m.predicates, m.requests, m.duration, m.inFlight, m.publish, m.consume, m.wait, m.transitions, m.flow,
		m.delayed, processing, failures, dead, callbacks)

	for i, name := range endNames {
		m.processing[i] = processing.WithLabelValues(name)
	}
	for i, name := range failureNames {
		m.failures[i] = failures.WithLabelValues(name)
	}
	for i, name := range callbackNames {
		m.callbacks[i] = callbacks.WithLabelValues(name)
	}
	m.dead = make(map[queue.Reason]prometheus.Counter)
	for _, reason := range queue.Reasons() {
		m.dead[reason] = dead.WithLabelValues(string(reason))
	}
	m.queues.Store(&map[string]*queueCounters{})
	m.routes.Store(&map[string]*Route{})
	m.meters.Store(&map[string]*RouteMeter{})
	return m
}

// Buckets in seconds. The classic ones are for those who cannot yet store the native ones, which every histogram has too.
var (
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	waitBuckets    = []float64{.001, .005, .025, .1, .5, 1, 5, 15, 60, 300, 1800, 7200, 21600, 86400}
)

func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// Describe registers what the binary is and how its runtime fares.
func (m *Metrics) Describe(version string) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "openhqm_build_info",
		Help: "Always 1; the labels say which binary this is.",
	}, []string{"version", "goversion"})
	info.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// AddQueues makes the counters of the named queues appear at zero before anything happens.
func (m *Metrics) AddQueues(names ...string) {
	for _, name := range names {
		m.queue(name)
	}
}

// AddRoutes makes the counters of the named routes appear at zero.
func (m *Metrics) AddRoutes(names ...string) {
	for _, name := range names {
		m.predicates.WithLabelValues(name)
	}
}

// PredicateFailed counts a request for which the program of a route failed.
func (m *Metrics) PredicateFailed(route string, _ error) { m.predicates.WithLabelValues(route).Inc() }

// queue returns the counters of a queue. One that is known costs a look-up in a map that never changes.
func (m *Metrics) queue(name string) *queueCounters {
	if c, ok := (*m.queues.Load())[name]; ok {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.queues.Load()
	if c, ok := known[name]; ok {
		return c
	}
	label := name
	if len(known) >= MaxQueues {
		if c, ok := known[otherQueues]; ok {
			return c
		}
		name, label = otherQueues, "other"
	}
	c := m.newQueue(label)
	next := maps.Clone(known)
	next[name] = c
	m.queues.Store(&next)
	return c
}

// otherQueues stands for the queues beyond MaxQueues; no queue has this name.
const otherQueues = ""

func (m *Metrics) newQueue(label string) *queueCounters {
	c := &queueCounters{consume: m.consume.WithLabelValues(label), wait: m.wait.WithLabelValues(label),
		delayed: m.delayed.WithLabelValues(label), flow: make(map[queue.FlowEvent]prometheus.Counter)}
	for _, step := range queue.FlowEvents() {
		c.flow[step] = m.flow.WithLabelValues(label, string(step))
	}
	for i, status := range publishNames {
		c.publish[i] = m.publish.WithLabelValues(label, status)
	}
	for _, kind := range transitions {
		c.transitions[kind] = m.transitions.WithLabelValues(label, kind.String())
	}
	return c
}
