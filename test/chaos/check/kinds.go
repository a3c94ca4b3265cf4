package check

import (
	"slices"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// What may be special about an accepted request or its result: the words of Report.Kinds.
const (
	KindSubmit    = "submitted in an envelope"
	KindUrgent    = "urgent"
	KindDelayed   = "delayed"
	KindCancelled = "cancelled"
	KindRedriven  = "redriven"
	KindFields    = "with header fields"
	KindCut       = "answers cut by a full disk"
	KindDamaged   = "messages read beside damage"
	KindRefused   = "damaged directories that were refused"
	KindReported  = "damaged directories of which something was said"
)

// kinds counts what is special about a request.
func (c *checker) kinds(q *request) {
	if !q.accepted() {
		return
	}
	count := func(is bool, kind string) {
		if is {
			c.report.Kinds[kind]++
		}
	}
	count(q.invoke.Via == history.Submit, KindSubmit)
	count(q.invoke.Priority > 0, KindUrgent)
	count(q.invoke.Delay > 0, KindDelayed)
	count(q.invoke.Fields != "", KindFields)
	count(q.last().State == "CANCELLED", KindCancelled)
	count(len(q.redrives) > 0, KindRedriven)
	if q.invoke.Delay == 0 && !q.invoke.Poison && len(q.calls) > 0 && (q.invoke.Priority == 0 || q.invoke.Priority == 9) {
		urgent := q.invoke.Priority == 9
		c.waited[urgent] = append(c.waited[urgent], max(0, q.calls[0].arrive.At-q.ok[0].At))
	}
}

const (
	// enoughUrgent is how many requests of each priority say something of their waits.
	enoughUrgent = 50
	// sameWait is within what two waits are the same.
	sameWait = 100 // ms
)

// urgency compares how long the most urgent requests waited with how long those did that are not urgent.
func (c *checker) urgency() {
	for _, waits := range c.waited {
		slices.Sort(waits)
	}
	r := c.report
	r.UrgentP50, r.NormalP50 = quantile(c.waited[true], 0.5), quantile(c.waited[false], 0.5)
	if len(c.waited[true]) >= enoughUrgent && len(c.waited[false]) >= enoughUrgent && r.UrgentP50 > r.NormalP50+sameWait {
		r.violate(&r.Unexpected, "urgent requests waited %.0f ms, others %.0f ms", r.UrgentP50, r.NormalP50)
	}
}
