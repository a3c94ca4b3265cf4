package check

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// measure takes the times and the average number of calls.
func (c *checker) measure() {
	c.urgency()
	slices.Sort(c.waits)
	c.report.RedeliveryP50, c.report.RedeliveryP99 = quantile(c.waits, 0.50), quantile(c.waits, 0.99)
	var recoveries []int64
	for _, f := range c.faults {
		took, ok := c.recovery(f)
		if !ok {
			continue
		}
		recoveries = append(recoveries, took)
		if f.event.Fault == history.Disk && c.rules.DiskRecovery > 0 && !c.stoodStill(f.over, f.over+took) && took > int64(c.rules.DiskRecovery) {
			c.report.violate(&c.report.Unclean, "disk %d: %v until a request was accepted again", f.event.Number, time.Duration(took))
		}
	}
	slices.Sort(recoveries)
	c.report.RecoveryP50, c.report.RecoveryMax = quantile(recoveries, 0.50), quantile(recoveries, 1)

	var busy float64
	for _, k := range c.calls {
		from, to := max(k.arrive.At, c.begun), c.ended
		if k.left() {
			to = min(to, k.leave.At)
		}
		busy += max(0, float64(to-from))
	}
	if c.ended > c.begun {
		c.report.InFlight = busy / float64(c.ended-c.begun)
	}
	for _, f := range c.faults {
		if f.event.Fault == history.Term {
			c.report.Late += c.acceptedBetween(f.event.At, f.over)
		}
	}
}

// recovery is the time from the end of a fault to the next sign of life: an accepted request after a full disk, else an
// arrival.
func (c *checker) recovery(f *fault) (int64, bool) {
	if f.over == math.MaxInt64 {
		return 0, false
	}
	if f.event.Fault == history.Disk {
		next := int64(math.MaxInt64)
		for _, q := range c.requests {
			for _, e := range q.ok {
				if e.At > f.over {
					next = min(next, e.At)
				}
			}
		}
		return next - f.over, next != math.MaxInt64
	}
	i, _ := slices.BinarySearchFunc(c.calls, f.over, func(k *call, at int64) int { return int(min(1, max(-1, k.arrive.At-at))) })
	if i == len(c.calls) {
		return 0, false
	}
	return c.calls[i].arrive.At - f.over, true
}

// stoodStill reports whether the machine stood still at some time between two.
func (c *checker) stoodStill(from, to int64) bool {
	for _, f := range c.faults {
		if f.event.Fault == history.Pause && f.event.At <= to && f.over >= from {
			return true
		}
	}
	return false
}

func (c *checker) acceptedBetween(from, to int64) (n int) {
	for _, q := range c.requests {
		if q.accepted() && q.invoke.At > from && q.ok[0].At < to {
			n++
		}
	}
	return n
}

// quantile returns a quantile of sorted times, in milliseconds.
func quantile(sorted []int64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := int(math.Ceil(q*float64(len(sorted)))) - 1
	return math.Round(float64(sorted[max(0, at)])/1e4) / 100
}

// enough says what should have happened and did not.
func (c *checker) enough() {
	d, r := &c.rules.Demand, c.report
	want := func(got, least float64, what string) {
		if got < least {
			r.Missing = append(r.Missing, fmt.Sprintf("%s: %.4g, want at least %.4g", what, got, least))
		}
	}
	want(float64(r.Accepted), float64(d.Accepted), "accepted requests")
	for _, kind := range slices.Sorted(maps.Keys(d.Faults)) {
		want(float64(r.Faults[kind]), float64(d.Faults[kind]), "faults of the kind "+kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Kinds)) {
		want(float64(r.Kinds[kind]), float64(d.Kinds[kind]), kind)
	}
	want(r.InFlight, d.InFlight, "calls in flight on average")
	want(float64(r.Late), float64(d.Late), "requests accepted after a SIGTERM")
}
