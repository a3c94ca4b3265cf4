package telemetry

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhqm/openhqm/queue"
)

// scrapeTimeout is how long a scrape waits for the store's counters.
const scrapeTimeout = 2 * time.Second

// Sources are what gauges are read from at each scrape. A nil function leaves its gauges out.
type Sources struct {
	Stats func(context.Context) (queue.Stats, error)
	// Queues returns the configured queues: their gauges are there, at zero, before the store knows the queue.
	Queues func() []string
	// Active returns how many deliveries this process works on, Slots how many it could.
	Active func() int
	Slots  func() int
	// Held returns how many captured requests wait for their answer with the connection open.
	Held func() int
}

// Watch registers gauges that read the sources at each scrape.
func (m *Metrics) Watch(s Sources) {
	simple := func(read func() int, name, help string) {
		if read != nil {
			m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
				func() float64 { return float64(read()) }))
		}
	}
	simple(s.Active, "openhqm_worker_active", "Deliveries that this process works on.")
	simple(s.Slots, "openhqm_worker_slots", "Deliveries that this process could work on at once.")
	simple(s.Held, "openhqm_api_held_requests", "Captured requests that wait for their answer with the connection open.")
	if s.Stats != nil {
		m.registry.MustRegister(newStatsCollector(s.Stats, s.Queues))
	}
}

// statsCollector turns the counters of the store into metrics. The store's own counters outlive the process, so that
// openhqm_queue_accepted_total and openhqm_queue_removed_total do not start again at zero.
type statsCollector struct {
	stats  func(context.Context) (queue.Stats, error)
	queues func() []string // nil: only those of the store
	errors prometheus.Counter

	depth, oldest, inFlight, reserved, drift, messages, holds, intake, adaptive, recovery, accepted, removed, bytes *prometheus.Desc
}

func newStatsCollector(stats func(context.Context) (queue.Stats, error), queues func() []string) *statsCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	const queueName = "queue_name"
	return &statsCollector{
		stats:  stats,
		queues: queues,
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "openhqm_queue_stats_errors_total",
			Help: "Scrapes without queue gauges, because the store did not give its counters.",
		}),
		depth:    desc("openhqm_queue_depth", "Messages that could run now if there were room: ready, parked and overdue.", queueName),
		oldest:   desc("openhqm_queue_oldest_age_seconds", "How long the oldest ready message has been ready; 0 if none is.", queueName),
		inFlight: desc("openhqm_queue_in_flight", "Messages with a worker, over all processes.", queueName),
		reserved: desc("openhqm_queue_reserved", "Pass-through calls that hold a slot of the queue's limit.", queueName),
		drift:    desc("openhqm_queue_drift", "How far the counts of messages are from adding up; always 0.", queueName),
		messages: desc("openhqm_queue_messages", "Messages by stored state.", queueName, "state"),
		holds:    desc("openhqm_queue_holds", "1 while the queue is held for this reason.", queueName, "reason"),
		intake:   desc("openhqm_queue_intake_paused", "1 while an operator lets no new messages in.", queueName),
		adaptive: desc("openhqm_queue_adaptive_limit", "Calls at once that the endpoint was found to bear; 0 where that is not looked for.", queueName),
		recovery: desc("openhqm_queue_recovery_limit", "Calls at once that an endpoint is given after an outage; 0 when it is not recovering from one.", queueName),
		accepted: desc("openhqm_queue_accepted_total", "Messages ever accepted, by the store's own count.", queueName),
		removed:  desc("openhqm_queue_removed_total", "Messages removed by retention or purge, by the store's own count.", queueName),
		bytes:    desc("openhqm_store_bytes", "Bytes of all records and bodies, approximately."),
	}
}

// Describe implements prometheus.Collector.
func (c *statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.depth, c.oldest, c.inFlight, c.reserved, c.drift, c.messages, c.holds, c.intake, c.adaptive, c.recovery,
		c.accepted, c.removed, c.bytes} {
		ch <- d
	}
	c.errors.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c *statsCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	stats, err := c.stats(ctx)
	if err != nil {
		c.errors.Inc()
	}
	c.errors.Collect(ch)
	if err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.bytes, float64(stats.Bytes))
	for i, name := range c.names(stats) {
		if i == MaxQueues {
			break
		}
		q := stats.Queues[name]
		gauge(c.depth, float64(q.Depth()), name)
		gauge(c.inFlight, float64(q.Leased), name)
		gauge(c.reserved, float64(q.Reserved), name)
		gauge(c.drift, float64(q.Drift()), name)
		gauge(c.oldest, oldestAge(q, stats.Now), name)
		for _, s := range queue.States() {
			gauge(c.messages, float64(*q.Of(s)), name, s.String())
		}
		for _, reason := range queue.HoldReasons() {
			gauge(c.holds, held(q.Gate, reason, stats.Now), name, string(reason))
		}
		gauge(c.intake, paused(q.Gate, stats.Now), name)
		gauge(c.adaptive, float64(q.Gate.Adaptive), name)
		gauge(c.recovery, float64(q.Gate.Recovery.MaxLeased), name)
		ch <- prometheus.MustNewConstMetric(c.accepted, prometheus.CounterValue, float64(q.Accepted), name)
		ch <- prometheus.MustNewConstMetric(c.removed, prometheus.CounterValue, float64(q.Removed), name)
	}
}

// names returns the queues that are configured and those that the store knows, sorted.
func (c *statsCollector) names(stats queue.Stats) []string {
	names := slices.Collect(maps.Keys(stats.Queues))
	if c.queues != nil {
		names = append(names, c.queues()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func oldestAge(q queue.QueueStats, now time.Time) float64 {
	if q.OldestAt.IsZero() {
		return 0
	}
	return max(0, now.Sub(q.OldestAt).Seconds())
}

func held(g queue.Gate, reason queue.HoldReason, now time.Time) float64 {
	h, ok := g.Holds[reason]
	if ok && (h.Until.IsZero() || now.Before(h.Until)) {
		return 1
	}
	return 0
}

func paused(g queue.Gate, now time.Time) float64 {
	if _, ok := g.IntakePaused(now); ok {
		return 1
	}
	return 0
}
