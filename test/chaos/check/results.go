package check

import (
	"math"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// end judges the state in which an accepted request was last seen.
func (c *checker) end(q *request) {
	if !q.accepted() {
		return
	}
	last := q.last()
	if !terminal(last.State) {
		c.report.violate(&c.report.Lost, "request %d (id %s) was accepted and is %q in the end, %d arrivals", q.op, q.ok[0].ID, last.State,
			len(q.calls))
		return
	}
	c.report.Terminal++
	name := last.State
	if last.Reason != "" {
		name += " " + last.Reason
	}
	c.report.Ends[name]++
	if why := c.unexplained(q, last); why != "" {
		c.report.violate(&c.report.Unexpected, "request %d (%s, id %s) ended %s: %s", q.op, q.invoke.Method, q.ok[0].ID, name, why)
	}
}

// unexplained says why an end does not follow from what happened; "" if it does.
func (c *checker) unexplained(q *request, last history.Event) string {
	var final *call
	calls := q.since(q.redriven())
	if n := len(calls); n > 0 {
		final = calls[n-1]
	}
	switch {
	case last.State == "COMPLETED":
		if final == nil {
			return "it never arrived"
		}
		if asks(last.Status) {
			return "its answer is not a result"
		}
		return ""
	case last.State == "CANCELLED" && len(q.cancels) > 0:
		if !last.Ran && len(q.calls) > 0 {
			return "it was cancelled as one that cannot have run, and it arrived"
		}
		return ""
	case last.State != "FAILED":
		return "nobody cancelled it and its deadline is far"
	}
	switch last.Reason {
	case "unknown_outcome":
		if !q.invoke.Unsafe {
			return "it may be repeated"
		}
		if final != nil && c.certain(final) && !unknowable(final.leave.Status) {
			return "its last call was answered, and nothing was near that could have hidden the answer"
		}
	case "endpoint_error":
		if !q.invoke.Unsafe || final == nil || final.leave.Status != 500 {
			return "its last answer was no 500 to a request that may not be repeated"
		}
	case "attempts_exhausted":
		if len(calls) < c.rules.MaxAttempts && !c.refusedDuring(q, last) {
			return "it arrived less often than it has attempts"
		}
	case "poison":
		if crashes := c.crashes(q); crashes < c.rules.MaxCrashes {
			return "it was not at enough crashes"
		}
	default:
		return "nothing here causes that"
	}
	return ""
}

// certain reports whether a call was answered, early enough and far from any fault.
func (c *checker) certain(k *call) bool {
	if k.leave.Outcome != history.Answered || k.leave.At-k.arrive.At >= int64(c.rules.AttemptTimeout)*3/4 {
		return false
	}
	const near = int64(2 * time.Second)
	for _, f := range c.faults {
		until := f.over
		if until < math.MaxInt64-near {
			until += near
		}
		if f.event.Fault != history.Memory && k.overlaps(f.event.At-near, until) {
			return false
		}
	}
	return true
}

// unknowable reports whether an answer leaves the outcome of a request that may not be repeated unknown.
func unknowable(status int) bool { return status == 502 || status == 504 }

// refusedDuring reports whether the endpoint was down at some time of a request's life: then calls may have been cut before
// it saw them.
func (c *checker) refusedDuring(q *request, last history.Event) bool {
	for _, f := range c.faults {
		if f.event.Fault == history.Refusing && f.event.At <= last.At && f.over >= q.invoke.At {
			return true
		}
	}
	return false
}

// crashes counts the faults that ended the process while a call of the request, or one that never arrived, may have been
// under way.
func (c *checker) crashes(q *request) (n int) {
	for _, f := range c.faults {
		if f.excuses && f.event.At >= max(q.invoke.At, q.redriven()) {
			n++
		}
	}
	return n
}

// results judges the fetched results: equal to each other within a generation, equal to an answer of the endpoint, and to
// that of the last delivery.
func (c *checker) results(q *request) {
	first := map[int]history.Event{}
	for _, e := range q.reads {
		before, seen := first[e.Generation]
		if !seen {
			first[e.Generation] = e
			continue
		}
		if before.Answer != e.Answer || before.Status != e.Status {
			c.report.violate(&c.report.Changed, "request %d (id %s): a result of generation %d was %d %s and then %d %s", q.op, e.ID, e.Generation,
				before.Status, before.Answer, e.Status, e.Answer)
		}
	}
	last := q.last()
	if last.State != "COMPLETED" {
		return
	}
	fetches := 0
	for _, e := range q.reads {
		if e.Generation == last.Generation {
			if fetches++; fetches == 1 {
				c.origin(q, e)
			}
		}
	}
	if fetches < 2 {
		c.report.violate(&c.report.Lost, "request %d (id %s) is COMPLETED, and its result was fetched %d times", q.op, last.ID, fetches)
	}
}

// noRoom reports whether the disk was full while the call was under way.
func (c *checker) noRoom(k *call) bool {
	for _, f := range c.faults {
		if f.event.Fault == history.Disk && k.overlaps(f.event.At-settleWithin, f.over) {
			return true
		}
	}
	return false
}

// origin finds the call whose answer a result is.
func (c *checker) origin(q *request, result history.Event) {
	newest := 0
	var source *call
	for _, k := range q.since(q.redriven()) {
		newest = max(newest, k.arrive.Delivery)
		whole := k.leave.Outcome == history.Answered || k.leave.Outcome == history.Cut // cut: perhaps after its last byte
		answer := k.leave.Answer
		if result.Cut {
			answer = k.leave.Prefix
		}
		if whole && answer == result.Answer && k.leave.Status == result.Status {
			source = k
		}
	}
	switch {
	case source != nil && source.leave.Fields != result.Fields:
		c.report.violate(&c.report.Corrupt, "request %d (id %s): its result has other header fields than the answer", q.op, result.ID)
	case source != nil && result.Cut && !c.noRoom(source):
		c.report.violate(&c.report.Corrupt, "request %d (id %s): only the beginning of its answer was kept, and the disk was not full", q.op, result.ID)
	case source != nil && result.Cut:
		c.report.Kinds[KindCut]++
	case source == nil:
		c.report.violate(&c.report.Corrupt, "request %d (id %s): its result %d %s is no answer of the endpoint, where it arrived %d times", q.op,
			result.ID, result.Status, result.Answer, len(q.calls))
	case source.arrive.Delivery < newest:
		c.report.violate(&c.report.Stale, "request %d (id %s): its result is that of delivery %d, after which delivery %d was made", q.op, result.ID,
			source.arrive.Delivery, newest)
	}
}
