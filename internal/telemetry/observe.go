package telemetry

import "github.com/openhqm/openhqm/queue"

// Observe counts an event.
func (m *Metrics) Observe(e queue.Event) {
	if e.Route != "" {
		m.ended(&e)
	}
	q := m.queue(e.Queue)
	switch e.Kind {
	case queue.EventAccepted:
		q.publish[publishSuccess].Inc()
	case queue.EventDuplicate:
		q.publish[publishDuplicate].Inc()
	case queue.EventRefused:
		q.publish[publishOf(e.Err)].Inc()
	case queue.EventLeased:
		q.consume.Inc()
		q.wait.Observe(e.Duration.Seconds())
	case queue.EventSettled, queue.EventLeaseLost:
		m.processing[endOf(&e)].Observe(e.Duration.Seconds())
	}
	if int(e.Kind) < len(q.transitions) && q.transitions[e.Kind] != nil {
		q.transitions[e.Kind].Inc()
	}
	if e.Kind != queue.EventSettled && e.Kind != queue.EventLeaseLost && e.Kind != queue.EventLapsed {
		return
	}
	if f, ok := failureOf(&e); ok {
		m.failures[f].Inc()
	}
	if e.State == queue.Dead && e.Kind != queue.EventLeaseLost {
		if c, ok := m.dead[e.Reason]; ok {
			c.Inc()
		}
	}
}

// FlowChanged counts a step of a queue's breaker.
func (m *Metrics) FlowChanged(queueName string, step queue.FlowEvent) {
	if c, ok := m.queue(queueName).flow[step]; ok {
		c.Inc()
	}
}

// RetryDelayed counts a retry that the retry budget put off.
func (m *Metrics) RetryDelayed(queueName string) { m.queue(queueName).delayed.Inc() }

// Panicked counts a handler that panicked, beside what became of its delivery.
func (m *Metrics) Panicked(string) { m.failures[failPanic].Inc() }
