package memory

import (
	"container/heap"
	"time"
)

// alarm is the one moment at which Run has to look at an entry, a reservation or a lane.
type alarm struct {
	at    time.Time
	index int // place in the heap, from 1; 0: not in it
	entry *entry
	slot  *slot
	lane  *lane
}

// alarms is a heap, the earliest first.
type alarms []*alarm

// Len implements heap.Interface.
func (h alarms) Len() int { return len(h) }

// Less implements heap.Interface.
func (h alarms) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

// Swap implements heap.Interface.
func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (h *alarms) Push(x any) {
	a := x.(*alarm)
	*h = append(*h, a)
	a.index = len(*h)
}

// Pop implements heap.Interface.
func (h *alarms) Pop() any {
	old := *h
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	a.index = 0
	return a
}

// set moves an alarm; the zero time takes it out.
func (h *alarms) set(a *alarm, at time.Time) {
	switch {
	case at.IsZero():
		if a.index > 0 {
			heap.Remove(h, a.index-1)
		}
	case a.index == 0:
		a.at = at
		heap.Push(h, a)
	default:
		a.at = at
		heap.Fix(h, a.index-1)
	}
}

// next returns the earliest moment; zero if there is none.
func (h alarms) next() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return h[0].at
}

// due calls visit with every alarm whose time has come, in no order. Its cost is their number.
func (h alarms) due(now time.Time, visit func(*alarm)) {
	var walk func(i int)
	walk = func(i int) {
		if i >= len(h) || h[i].at.After(now) {
			return
		}
		visit(h[i])
		walk(2*i + 1)
		walk(2*i + 2)
	}
	walk(0)
}

// earlier returns the earlier of two moments, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
