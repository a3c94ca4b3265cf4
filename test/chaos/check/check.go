package check

import (
	"slices"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// Rules are what the judgement depends on beside the log: the configuration of the product and the size of the run.
type Rules struct {
	Seed           uint64
	AttemptTimeout time.Duration // of one call
	MaxAttempts    int           // counted attempts before a message is dead
	MaxCrashes     int           // deliveries that ended in a crash before a message is poison
	DiskRecovery   time.Duration // how long it may take to accept again once the disk has space
	Demand         Demand
}

// Demand is how much has to happen for a run to prove something. Zero demands nothing.
type Demand struct {
	Accepted int
	Faults   map[string]int // by kind
	InFlight float64        // calls on average
	Late     int            // accepted after a SIGTERM
	Kinds    map[string]int // of requests, by the words of Report.Kinds
}

// Check judges the log of a run.
func Check(events []history.Event, rules Rules) *Report {
	c := &checker{rules: rules, requests: map[int64]*request{}, faults: readFaults(events),
		waited: map[bool][]int64{}, report: &Report{Seed: rules.Seed, Ends: map[string]int{}, Faults: map[string]int{}, Kinds: map[string]int{}}}
	c.collect(events)
	for _, op := range c.order {
		q := c.requests[op]
		c.kinds(q)
		c.identity(q)
		c.arrivals(q)
		c.refusal(q)
		c.end(q)
		c.results(q)
		c.states(q)
	}
	c.judgeFaults()
	c.judgeDamage()
	c.measure()
	c.enough()
	c.report.conclude()
	return c.report
}

type checker struct {
	rules    Rules
	requests map[int64]*request
	order    []int64 // of the requests, by their first try
	faults   []*fault
	calls    []*call          // by their arrival
	begun    int64            // the first try
	ended    int64            // the last one
	waits    []int64          // from faults to the next arrival of what they cut
	waited   map[bool][]int64 // from the 202 to the first arrival: the most urgent, and those that are not urgent at all
	copies   damaged
	report   *Report
}

// request is everything the log tells of one request of the producer.
type request struct {
	op       int64
	invoke   history.Event // the first try
	ok       []history.Event
	failed   int
	unknown  int
	calls    []*call
	statuses []history.Event
	reads    []history.Event
	cancels  []history.Event
	redrives []history.Event // those that were done
}

// since returns the calls after a time.
func (q *request) since(at int64) []*call {
	i := slices.IndexFunc(q.calls, func(k *call) bool { return k.arrive.At >= at })
	if i < 0 {
		return nil
	}
	return q.calls[i:]
}

// redriven returns when the last generation began; 0 for the first one.
func (q *request) redriven() int64 {
	if len(q.redrives) == 0 {
		return 0
	}
	return q.redrives[len(q.redrives)-1].From
}

// redrivenBetween reports whether a person put the request back between two calls.
func (q *request) redrivenBetween(before, k *call) bool {
	return slices.ContainsFunc(q.redrives, func(e history.Event) bool { return e.From > before.arrive.At && e.From <= k.arrive.At })
}

func (q *request) accepted() bool { return len(q.ok) > 0 }

// last returns the last status that was read; its zero value if none was.
func (q *request) last() history.Event {
	if len(q.statuses) == 0 {
		return history.Event{}
	}
	return q.statuses[len(q.statuses)-1]
}

// call is one arrival and how it ended.
type call struct {
	arrive history.Event
	leave  history.Event // its zero value if it never ended
}

func (k *call) left() bool { return k.leave.Kind != "" }

// overlaps reports whether the call was under way at some time between two.
func (k *call) overlaps(from, to int64) bool {
	return k.arrive.At <= to && (!k.left() || k.leave.At >= from)
}

// terminal reports whether a status word is final.
func terminal(state string) bool {
	switch state {
	case "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED":
		return true
	}
	return false
}
