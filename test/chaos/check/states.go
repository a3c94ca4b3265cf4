package check

import "github.com/openhqm/openhqm/test/chaos/history"

// states judges the statuses that were read of one request, in order. Two that were under way at the same time say nothing
// about each other.
func (c *checker) states(q *request) {
	for i := 1; i < len(q.statuses); i++ {
		before, after := q.statuses[i-1], q.statuses[i]
		if after.From < before.At {
			continue
		}
		if why := backwards(before, after); why != "" {
			c.report.violate(&c.report.Backwards, "request %d (id %s): %s and then %s: %s", q.op, after.ID, before.State, after.State, why)
		}
	}
}

func backwards(before, after history.Event) string {
	switch {
	case after.Revision < before.Revision:
		return "the revision fell"
	case after.Generation < before.Generation:
		return "the generation fell"
	case after.Deliveries < before.Deliveries:
		return "the deliveries fell"
	case after.Generation > before.Generation:
		return ""
	case after.Attempts < before.Attempts:
		return "the attempts fell"
	case terminal(before.State) && after.State != before.State:
		return "it left a terminal state"
	}
	return ""
}
