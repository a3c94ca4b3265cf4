package flow

import (
	"fmt"
	"slices"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// breaker is this process's copy of what the gate says of an outage, and what it counts beside. Times are of its own
// clock.
type breaker struct {
	level     int       // calls at once while the endpoint recovers; 0: the breaker is closed
	since     time.Time // when it opened
	until     time.Time // when its hold ends, or ended: calls begun before tell of the time before
	failures  int       // in a row
	successes int       // of this level
	changedAt time.Time // when this process last decided on a change
}

// verdict is what a call says of the endpoint.
type verdict uint8

const (
	neither verdict = iota // it says nothing, or only something of the request
	good
	bad
)

// judge says what a call says of the endpoint. A 500 that must not be repeated tells of the request as likely as of the
// endpoint, and 429 of its callers: neither opens the breaker, and neither shows that an outage is over.
func (c *Config) judge(call *queue.Call) verdict {
	switch {
	case call.Ours:
		return neither
	case call.Class == queue.NotSent, call.Class == queue.Unanswered:
		return bad
	case call.Class != queue.Answered:
		return neither
	case call.Verdict == queue.VerdictResult:
		return good
	case slices.Contains(c.Statuses, call.Status):
		return bad
	}
	return neither
}

// ended takes a call into account. It returns what is to change, and the step that this is, if any.
func (b *breaker) ended(c *Config, call *queue.Call, now time.Time) (queue.Advice, queue.FlowEvent) {
	if c.Failures <= 0 {
		return queue.Advice{}, ""
	}
	v := c.judge(call)
	switch {
	case v == neither:
		return queue.Advice{}, ""
	case b.level == 0 && v == good:
		b.failures = 0
		return queue.Advice{}, ""
	case b.level == 0:
		if b.failures++; b.failures < c.Failures {
			return queue.Advice{}, ""
		}
		b.since = now
		return queue.Advice{Gate: b.open(c, call, now, c.Wait)}, queue.FlowOpened
	case call.StartedAt.Before(b.until):
		return queue.Advice{}, "" // a call from before says nothing of now
	case v == bad:
		return b.failed(c, call, now)
	}
	return b.succeeded(c, now)
}

// failed ends a recovery: at once if the call was a probe, else when as many in a row failed as may run at once.
func (b *breaker) failed(c *Config, call *queue.Call, now time.Time) (queue.Advice, queue.FlowEvent) {
	b.successes = 0
	if b.failures++; b.failures < min(b.level, c.Failures) {
		return queue.Advice{}, ""
	}
	probe := b.level == 1
	// As long again as the outage has lasted: probes become rarer by themselves, and a restart changes nothing in that.
	wait := min(max(now.Sub(b.since), c.Wait), max(c.Wait, c.WaitMax))
	return queue.Advice{Gate: b.open(c, call, now, wait), Probe: probe}, queue.FlowReopened
}

// open closes the gate for some time, after which one call may pass.
func (b *breaker) open(c *Config, call *queue.Call, now time.Time, wait time.Duration) queue.GateChange {
	b.level, b.failures, b.successes = 1, 0, 0
	b.until, b.changedAt = now.Add(wait), now
	one := 1
	return queue.GateChange{Recover: &one,
		Hold: []queue.HoldChange{{Reason: queue.HoldBreaker, For: wait, Note: "calls fail, the last one with " + ending(call)}}}
}

// succeeded lets twice as many calls through at once when a whole round of them has succeeded.
func (b *breaker) succeeded(c *Config, now time.Time) (queue.Advice, queue.FlowEvent) {
	b.failures = 0
	if b.successes++; b.successes < b.level {
		return queue.Advice{}, ""
	}
	step := queue.FlowEvent("")
	if b.level == 1 {
		step = queue.FlowRecovered
	}
	b.level, b.successes, b.changedAt = 2*b.level, 0, now
	if b.level >= c.Full || fault.Planted(fault.SlowStartSkipped) {
		b.level, step = 0, queue.FlowClosed
	}
	level := b.level
	return queue.Advice{Gate: queue.GateChange{Recover: &level}}, step
}

// seen takes over what the store says, unless this process has decided on something since the store was asked.
func (b *breaker) seen(g queue.Gate, now, asked, here time.Time) {
	if asked.Before(b.changedAt) {
		return
	}
	if level := g.Recovery.MaxLeased; level != b.level {
		b.level, b.failures, b.successes = level, 0, 0
	}
	if b.level == 0 {
		return
	}
	b.since = here.Add(g.Recovery.Since.Sub(now))
	if hold, held := g.Holds[queue.HoldBreaker]; held && !hold.Until.IsZero() {
		b.until = here.Add(hold.Until.Sub(now))
	} else if !held && here.Before(b.until) {
		b.until = here // somebody has released it
	}
}

// ending says how a call ended, for people.
func ending(c *queue.Call) string {
	if c.Class == queue.Answered {
		return fmt.Sprintf("status %d", c.Status)
	}
	return c.Class.String()
}

// why gives the reason of a step, for people.
func why(step queue.FlowEvent, c *Config, call *queue.Call) string {
	switch step {
	case queue.FlowOpened:
		return fmt.Sprintf("%d calls in a row failed, the last one with %s", c.Failures, ending(call))
	case queue.FlowReopened:
		return "it is not back: " + ending(call)
	case queue.FlowRecovered:
		return "a probe succeeded"
	}
	return "the slow start is over"
}
