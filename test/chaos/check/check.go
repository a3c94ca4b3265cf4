package check

import (
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
}

// Check judges the log of a run.
func Check(events []history.Event, rules Rules) *Report {
	c := &checker{rules: rules, requests: map[int64]*request{}, faults: readFaults(events),
		report: &Report{Seed: rules.Seed, Ends: map[string]int{}, Faults: map[string]int{}}}
	c.collect(events)
	for _, op := range c.order {
		q := c.requests[op]
		c.identity(q)
		c.arrivals(q)
		c.refusal(q)
		c.end(q)
		c.results(q)
		c.states(q)
	}
	c.judgeFaults()
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
	calls    []*call // by their arrival
	begun    int64   // the first try
	ended    int64   // the last one
	waits    []int64 // from faults to the next arrival of what they cut
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
