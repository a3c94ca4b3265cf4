package storetest

import (
	"cmp"
	"slices"

	"github.com/openhqm/openhqm/queue"
)

// model is what a store should hold after a sequence of operations, told again in the plainest way: one list, scanned for
// every question. It shares no rule with the transitions of package queue.
type model struct {
	messages []*modelMessage
	gates    map[string]*modelGate
	counts   map[string]queue.Counts // accepted and removed only; the rest is counted
	keys     map[[32]byte]*modelMessage
	seq      int
}

type modelMessage struct {
	*queue.Message
	state                  queue.State
	reason                 queue.Reason
	seq                    int
	turn                   int // among the ready, where a fair lane let it in
	generation, deliveries int
	attempts, crashes      int
	lease                  queue.LeaseRef
	cancelRequested        bool
}

type modelGate struct {
	held, reserved, maxLeased, leases int
	closed                            bool // the intake is paused
	turn                              int  // the priority that every eighth lease took last
}

func newModel() *model {
	return &model{gates: make(map[string]*modelGate), counts: make(map[string]queue.Counts), keys: make(map[[32]byte]*modelMessage)}
}

func (m *model) gate(name string) *modelGate {
	if m.gates[name] == nil {
		m.gates[name] = &modelGate{}
	}
	return m.gates[name]
}

func (m *model) nextSeq() int {
	m.seq++
	return m.seq
}

// add stores a message as ready, or as scheduled for a time that does not come.
func (m *model) add(msg *queue.Message, scheduled bool) *modelMessage {
	x := &modelMessage{Message: msg, state: queue.Scheduled}
	m.messages = append(m.messages, x)
	c := m.counts[msg.Queue]
	c.Accepted++
	m.counts[msg.Queue] = c
	if msg.Idempotency != nil {
		m.keys[msg.Idempotency.Scope] = x
	}
	if !scheduled {
		m.ready(x, true)
	}
	return x
}

// ready puts a message in line: at the end when fresh, else in its old place; behind its lane when that has no room.
func (m *model) ready(x *modelMessage, fresh bool) {
	if fresh && !(x.Lane.Bound == 1 && !x.Lane.Fair && x.deliveries > 0) {
		x.seq, x.turn = m.nextSeq(), 0
	}
	x.state = queue.Parked
	x.lease, x.cancelRequested = queue.LeaseRef{}, false
	if x.Lane.Bound == 0 {
		x.state = queue.Ready
	}
	m.promote(x)
	if x.state == queue.Parked {
		x.turn = 0
	}
}

// promote makes the parked of x's lane ready, the first in line first, while there is room.
func (m *model) promote(x *modelMessage) {
	for x.Lane.Bound > 0 {
		occupied := 0
		var first *modelMessage
		for _, o := range m.messages {
			if o.Queue != x.Queue || o.Lane.Bound == 0 || o.Lane.Key != x.Lane.Key {
				continue
			}
			switch {
			case o.state == queue.Dead && o.Lane.OnDead == queue.OnDeadBlock:
				return
			case o.state == queue.Ready, o.state == queue.Leased, o.state == queue.Scheduled && o.Lane.Bound == 1 && !o.Lane.Fair && o.deliveries > 0:
				occupied++
			case o.state == queue.Parked && (first == nil || o.seq < first.seq):
				first = o
			}
		}
		if first == nil || occupied >= first.Lane.Bound {
			return
		}
		first.state = queue.Ready
		if first.Lane.Fair && first != x {
			first.turn = m.nextSeq()
		}
	}
}

// finish makes a message terminal.
func (m *model) finish(x *modelMessage, s queue.State, reason queue.Reason) {
	x.state, x.reason, x.lease, x.cancelRequested = s, reason, queue.LeaseRef{}, false
	m.promote(x)
}

// back returns a leased message to the queue, as a retry in an hour, a retry at once, or a release.
func (m *model) back(x *modelMessage, later, fresh bool) {
	switch {
	case x.cancelRequested:
		m.finish(x, queue.Cancelled, "")
	case later:
		x.state, x.lease = queue.Scheduled, queue.LeaseRef{}
		m.promote(x)
	default:
		m.ready(x, fresh)
	}
}

// lose ends a lease that nobody settled.
func (m *model) lose(x *modelMessage) {
	x.crashes++
	switch {
	case x.cancelRequested:
		m.finish(x, queue.Cancelled, "")
	case x.OnLost == queue.OnLostFail:
		m.finish(x, queue.Dead, queue.ReasonUnknownOutcome)
	case x.MaxDeliveries > 0 && x.crashes >= x.MaxDeliveries:
		m.finish(x, queue.Dead, queue.ReasonPoison)
	default:
		m.ready(x, false)
	}
}

// next returns the message to lease next from a queue, or nil.
func (m *model) next(name string) *modelMessage {
	g := m.gate(name)
	ready := m.in(name, queue.Ready)
	if len(ready) == 0 || g.held > 0 || g.maxLeased > 0 && len(m.in(name, queue.Leased))+g.reserved >= g.maxLeased {
		return nil
	}
	// The waiting priorities, the most urgent first; every eighth lease is the turn of one of the others.
	var waiting []int
	for _, x := range ready {
		waiting = append(waiting, int(x.Priority))
	}
	slices.SortFunc(waiting, func(a, b int) int { return cmp.Compare(b, a) })
	waiting = slices.Compact(waiting)
	chosen := waiting[0]
	if others := waiting[1:]; (g.leases+1)%8 == 0 && len(others) > 0 {
		chosen = others[0]
		if i := slices.IndexFunc(others, func(p int) bool { return p < g.turn }); i >= 0 {
			chosen = others[i]
		}
	}
	ready = slices.DeleteFunc(ready, func(x *modelMessage) bool { return int(x.Priority) != chosen })
	return slices.MinFunc(ready, func(a, b *modelMessage) int { return cmp.Compare(cmp.Or(a.turn, a.seq), cmp.Or(b.turn, b.seq)) })
}

// granted counts a lease of a message.
func (m *model) granted(x *modelMessage) {
	g := m.gate(x.Queue)
	if g.leases++; g.leases%8 == 0 {
		g.turn = int(x.Priority)
	}
}

// remove forgets a message.
func (m *model) remove(x *modelMessage) {
	m.messages = slices.DeleteFunc(m.messages, func(o *modelMessage) bool { return o == x })
	c := m.counts[x.Queue]
	c.Removed++
	m.counts[x.Queue] = c
	m.promote(x)
}

// in returns the messages of a queue in a state; the empty name means all queues.
func (m *model) in(name string, states ...queue.State) []*modelMessage {
	var found []*modelMessage
	for _, x := range m.messages {
		if (name == "" || x.Queue == name) && slices.Contains(states, x.state) {
			found = append(found, x)
		}
	}
	return found
}

// count returns the counters of a queue.
func (m *model) count(name string) queue.Counts {
	c := m.counts[name]
	for _, x := range m.messages {
		if x.Queue == name {
			*c.Of(x.state)++
		}
	}
	return c
}
