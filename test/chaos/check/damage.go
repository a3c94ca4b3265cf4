package check

import (
	"maps"
	"net/http"
	"slices"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// damaged is what was seen of the damaged copies of a data directory, by the number of their fault.
type damaged map[int]*copied

// copied is one damaged copy.
type copied struct {
	what   string
	said   []string // what the product said of it
	told   bool     // whoever started it was told, without asking `openhqm store check`
	refuse bool     // it did not start on it
	states map[int64]history.Event
	reads  map[int64][]history.Event
}

// collect takes what belongs to a damaged copy, and reports whether it does.
func (d *damaged) collect(e history.Event) bool {
	k := (*d)[e.Number]
	if e.Kind == history.Fault && e.Fault == history.Damage {
		if *d == nil {
			*d = damaged{}
		}
		(*d)[e.Number] = &copied{what: e.Error, states: map[int64]history.Event{}, reads: map[int64][]history.Event{}}
		return true
	}
	if k == nil {
		return false
	}
	switch e.Kind {
	case history.Said:
		k.said = append(k.said, e.Error)
		k.told = k.told || e.Outcome != Checked
		k.refuse = k.refuse || e.Outcome == Refused
	case history.State:
		k.states[e.Op] = e
	case history.Read:
		k.reads[e.Op] = append(k.reads[e.Op], e)
	}
	return true
}

// Outcomes of a Said: the product did not start; only the offline check said something.
const (
	Refused = "refused"
	Checked = "check"
)

// judgeDamage compares what was read of each damaged copy with what was read before: wrong bytes may never come out, and what
// is gone or has gone back must have been said (R12).
func (c *checker) judgeDamage() {
	for _, n := range slices.Sorted(maps.Keys(c.copies)) {
		k := c.copies[n]
		if len(k.said) > 0 {
			c.report.Kinds[KindReported]++
		}
		if k.refuse {
			c.report.Kinds[KindRefused]++
			continue
		}
		for _, op := range c.order {
			if q := c.requests[op]; q.accepted() {
				c.beside(q, k)
			}
		}
	}
}

// beside judges what a damaged copy tells of one request.
func (c *checker) beside(q *request, k *copied) {
	was, is := q.last(), k.states[q.op]
	if !terminal(was.State) || len(q.reads) == 0 {
		return // judged already
	}
	c.report.Kinds[KindDamaged]++
	asked := is.Kind != "" && is.State != "" // else its status was an error that says so
	if asked && is.State != was.State && !k.told {
		c.report.violate(&c.report.Unnoticed, "%s: request %d was %s and is %s, and nothing was said", k.what, q.op, was.State, is.State)
	}
	before := q.reads[len(q.reads)-1]
	for _, e := range k.reads[q.op] {
		same := e.Answer == before.Answer && e.Status == before.Status && e.Fields == before.Fields
		if !same && e.Status < http.StatusInternalServerError && !(asked && is.State != was.State) {
			c.report.violate(&c.report.Corrupt, "%s: the result of request %d was %d %s and is %d %s", k.what, q.op, before.Status, before.Answer,
				e.Status, e.Answer)
		}
	}
}
