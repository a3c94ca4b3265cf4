package check

import (
	"math"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// fault is one named fault and the time in which it explains a second arrival.
type fault struct {
	event      history.Event
	over       int64 // math.MaxInt64 if the log does not say
	from, to   int64 // a call under way in between may have been cut
	excuses    bool
	duplicates int
}

const (
	// settleWithin is how long after an answer its settlement may take: a fault in between still cuts the delivery.
	settleWithin = int64(time.Second)
	// flyingWithin is how long after its answer a call is counted among those in flight at a fault.
	flyingWithin = int64(250 * time.Millisecond)
	// onTheWire is how long after the end of a process the endpoint may take to see what was sent before.
	onTheWire = int64(50 * time.Millisecond)
)

// readFaults returns the faults in the order of their beginning.
func readFaults(events []history.Event) []*fault {
	var faults []*fault
	open := map[int]*fault{}
	for _, e := range events {
		switch e.Kind {
		case history.Fault:
			f := &fault{event: e, over: math.MaxInt64}
			open[e.Number] = f
			faults = append(faults, f)
		case history.Over:
			if f := open[e.Number]; f != nil {
				f.over = e.At
			}
		}
	}
	for _, f := range faults {
		f.window()
	}
	return faults
}

// window sets what the fault may explain. A SIGTERM explains nothing: what is in flight has its time to end (R14). Outages
// of the endpoint explain nothing either, because its own answers do.
func (f *fault) window() {
	f.from, f.to = f.event.At-settleWithin, f.event.At
	switch f.event.Fault {
	case history.Kill, history.Poison, history.Sync:
		f.excuses = true
		f.until(onTheWire)
	case history.Stop, history.Pause:
		f.excuses = true
		f.until(settleWithin)
	}
}

// until lets the window end so long after the fault is over.
func (f *fault) until(after int64) {
	if f.to = f.over; f.over < math.MaxInt64-after {
		f.to += after
	}
}

// cutBy returns the fault that may have cut a call; nil if there is none.
func (c *checker) cutBy(k *call) *fault {
	for _, f := range c.faults {
		if f.excuses && k.overlaps(f.from, f.to) {
			return f
		}
	}
	return nil
}

// judgeFaults counts the faults, and compares the duplicates at each with the calls that were in flight then.
func (c *checker) judgeFaults() {
	for _, f := range c.faults {
		c.report.Faults[f.event.Fault]++
		if f.event.Fault == history.Sync {
			c.acknowledged(f)
		}
		if f.duplicates == 0 {
			continue
		}
		flying := 0
		for _, k := range c.calls {
			if k.overlaps(f.event.At-flyingWithin, f.to) {
				flying++
			}
		}
		if f.duplicates > flying {
			c.report.violate(&c.report.BeyondInFlight, "%s %d: %d duplicates, with %d calls in flight", f.event.Fault, f.event.Number,
				f.duplicates, flying)
		}
	}
}

// acknowledged: what was sent after an fsync had failed must not have been accepted, because nothing can be made durable any
// more (R11). A repeat under a key may be told of its first.
func (c *checker) acknowledged(f *fault) {
	for _, op := range c.order {
		q := c.requests[op]
		for _, e := range q.ok {
			if e.Try == 1 && q.invoke.Key == "" && q.invoke.At > f.event.At && e.At < f.over {
				c.report.violate(&c.report.Unexpected, "request %d was sent after fsync had failed (sync %d), and accepted", q.op, f.event.Number)
			}
		}
	}
}
