package check

import (
	"net/http"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// arrivals judges what reached the endpoint for one request: the bytes, and how often.
func (c *checker) arrivals(q *request) {
	for i, k := range q.calls {
		c.fidelity(q, k)
		c.revived(q, k)
		if i > 0 {
			c.again(q, q.calls[i-1], k)
		}
	}
	if len(q.calls) > c.rules.MaxCrashes && q.invoke.Poison {
		c.report.violate(&c.report.Unexpected, "request %d kills its worker, and was delivered %d times, more than %d", q.op, len(q.calls),
			c.rules.MaxCrashes)
	}
}

func (c *checker) fidelity(q *request, k *call) {
	sent := &q.invoke
	switch {
	case k.arrive.Method != sent.Method || k.arrive.Target != sent.Target:
		c.report.violate(&c.report.Corrupt, "request %d was %s %s and arrived as %s %s", q.op, sent.Method, sent.Target, k.arrive.Method,
			k.arrive.Target)
	case k.arrive.Fields != sent.Fields:
		c.report.violate(&c.report.Corrupt, "request %d arrived with other header fields", q.op)
	case k.leave.Body != "" && k.leave.Body != sent.Body:
		c.report.violate(&c.report.Corrupt, "request %d arrived with another body", q.op)
	}
}

// revived judges an arrival by what may not run yet, or not any more.
func (c *checker) revived(q *request, k *call) {
	if delay := q.invoke.Delay; delay > 0 && k.arrive.At < q.invoke.At+delay {
		c.report.violate(&c.report.Early, "request %d arrived %v after it was sent, and is delayed by %v", q.op, time.Duration(k.arrive.At-q.invoke.At),
			time.Duration(delay))
	}
	for _, e := range q.cancels {
		if e.Status == http.StatusOK && e.State == "CANCELLED" && k.arrive.At > e.At {
			c.report.violate(&c.report.Unexpected, "request %d was cancelled, and arrived as call %d after that", q.op, k.arrive.Call)
		}
	}
}

// again judges an arrival that is not the first of its request.
func (c *checker) again(q *request, before, k *call) {
	if q.redrivenBetween(before, k) {
		return // a person decided
	}
	answered := before.leave.Outcome == history.Answered
	status := before.leave.Status
	same := k.arrive.Delivery == before.arrive.Delivery // not a delivery of its own: sent twice in one
	if q.invoke.Unsafe {
		if same || !answered || !asksUnsafe(status) {
			c.report.violate(&c.report.UnsafeTwice, "request %d (%s) arrived again as call %d; call %d before ended %q %d", q.op, q.invoke.Method,
				k.arrive.Call, before.arrive.Call, before.leave.Outcome, status)
		} else {
			c.report.DuplicatesByEndpoint++
		}
		return
	}
	if !same && c.asked(before) {
		c.report.DuplicatesByEndpoint++
		return
	}
	if f := c.cutBy(before); f != nil && !same {
		f.duplicates++
		c.report.DuplicatesAtFaults++
		c.waits = append(c.waits, k.arrive.At-f.event.At)
		return
	}
	c.report.violate(&c.report.DuplicatesWithoutFault, "request %d (%s) arrived again as call %d; call %d before ended %q %d, and no fault was near",
		q.op, q.invoke.Method, k.arrive.Call, before.arrive.Call, before.leave.Outcome, status)
}

// asked reports whether the endpoint itself gave reason to repeat a request that may be repeated.
func (c *checker) asked(k *call) bool {
	switch k.leave.Outcome {
	case history.Half, history.Reset, history.Hung:
		return true
	case history.Answered:
		return asks(k.leave.Status) || c.tooLate(k)
	}
	return c.tooLate(k)
}

// tooLate reports whether a call took about as long as an attempt may.
func (c *checker) tooLate(k *call) bool {
	return k.left() && k.leave.At-k.arrive.At >= int64(c.rules.AttemptTimeout)*9/10
}

// asks reports whether a status makes a request be sent again that may be repeated.
func asks(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	return asksUnsafe(status)
}

// asksUnsafe reports whether a status makes any request be sent again: it says that nothing was done.
func asksUnsafe(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	}
	return false
}
