package check

import (
	"net/http"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// collect sorts the events by request.
func (c *checker) collect(events []history.Event) {
	open := map[int64]*call{}
	for _, e := range events {
		if e.Number > 0 && c.copies.collect(e) {
			continue
		}
		q := c.requests[e.Op]
		switch e.Kind {
		case history.Invoke:
			c.report.Attempts++
			if c.begun == 0 {
				c.begun = e.At
			}
			c.ended = e.At
			if q == nil {
				c.requests[e.Op] = &request{op: e.Op, invoke: e}
				c.order = append(c.order, e.Op)
			}
			continue
		case history.Arrive:
			k := &call{arrive: e}
			open[e.Call] = k
			c.calls = append(c.calls, k)
			if q == nil {
				c.report.violate(&c.report.Unexpected, "call %d: %s %s (id %s) arrived, which nobody sent", e.Call, e.Method, e.Target, e.ID)
				continue
			}
			q.calls = append(q.calls, k)
			continue
		case history.Leave:
			if k := open[e.Call]; k != nil {
				k.leave = e
				delete(open, e.Call)
			}
			continue
		case history.Verdict:
			if e.Error != "" {
				c.report.violate(&c.report.Unclean, "%s", e.Error)
			}
			continue
		}
		if q == nil {
			continue // faults
		}
		switch e.Kind {
		case history.OK:
			q.ok = append(q.ok, e)
		case history.Fail:
			q.failed++
		case history.Unknown:
			q.unknown++
		case history.Cancel:
			q.cancels = append(q.cancels, e)
		case history.Redrive:
			if e.Status == http.StatusOK {
				q.redrives = append(q.redrives, e)
			}
		case history.State:
			q.statuses = append(q.statuses, e)
		case history.Read:
			q.reads = append(q.reads, e)
			c.report.Fetches++
		}
	}
}

// identity: one request is one message, whatever became of its tries.
func (c *checker) identity(q *request) {
	ids := map[string]bool{}
	for _, e := range q.ok {
		ids[e.ID] = true
	}
	for _, k := range q.calls {
		ids[k.arrive.ID] = true
	}
	if len(ids) > 1 {
		c.report.violate(&c.report.Unexpected, "request %d (key %q) became %d messages", q.op, q.invoke.Key, len(ids))
	}
	if q.accepted() && q.ok[0].ID == "" {
		c.report.violate(&c.report.Unexpected, "request %d was accepted without a correlation ID", q.op)
	}
	if q.accepted() && q.invoke.Refuse {
		c.report.violate(&c.report.Unexpected, "request %d was accepted and should have been refused", q.op)
	}
}

// refusal: what was certainly refused, or never sent as a whole, does not arrive.
func (c *checker) refusal(q *request) {
	switch {
	case q.accepted():
		c.report.Accepted++
		if len(q.calls) > 0 {
			c.report.Delivered++
		}
		return
	case q.unknown > 0 && !q.invoke.Refuse, q.failed == 0 && !q.invoke.Refuse:
		c.report.Unknown++
		return
	}
	c.report.Refused++
	if len(q.calls) > 0 {
		c.report.violate(&c.report.RefusedButExecuted, "request %d was refused, and arrived %d times", q.op, len(q.calls))
	}
}
