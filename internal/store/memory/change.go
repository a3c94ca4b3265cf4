package memory

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

// insert adds a record that is new to the store. It owns the record until it returns.
func (s *Store) insert(r *queue.Record, now time.Time) *entry {
	e := &entry{record: r, line: s.line(r.Queue)}
	e.alarm.entry = e
	s.entries[r.ID] = e
	s.byID.insert(e)
	e.line.counts.Accepted++
	s.grow(e, messageSize(r.Message)+progressSize(r))
	s.open += openSize(e)
	s.attach(e, now)
	s.hold(nil, r)
	s.promote(e.line, r, now)
	return e
}

// change applies a transition to a copy of the record and puts the copy in its place, together with everything that
// follows: counters, order, lane, alarm, bodies, ticket and waiters. An error of the transition changes nothing.
func (s *Store) change(e *entry, now time.Time, transition func(*queue.Record) error) error {
	was, r := e.record, e.record.Clone()
	if err := transition(r); err != nil {
		return err
	}
	s.detach(e)
	s.open -= openSize(e)
	e.record = r
	s.attach(e, now)
	s.grow(e, progressSize(r)-progressSize(was))
	s.open += openSize(e)
	s.hold(was, r)
	if r.State != queue.Leased {
		e.onCancel = nil
	}
	if r.State.Terminal() && !was.State.Terminal() {
		s.announce(r, now)
	}
	s.promote(e.line, r, now)
	e.notify()
	return nil
}

// announce adds the callback ticket of a record that became terminal.
func (s *Store) announce(r *queue.Record, now time.Time) {
	ticket := queue.NewTicket(r, now)
	if ticket == nil || s.entries[ticket.ID] != nil {
		return
	}
	s.insert(s.newRecord(ticket, now), now)
}

// newRecord returns the record of a new message, with its place in the order if it is due.
func (s *Store) newRecord(m *queue.Message, now time.Time) *queue.Record {
	r := queue.NewRecord(m, now)
	if r.State == queue.Ready {
		r.Seq = s.nextSeq()
	}
	return r
}

// remove forgets a record.
func (s *Store) remove(e *entry, now time.Time) {
	r := e.record
	s.detach(e)
	s.alarms.set(&e.alarm, time.Time{})
	s.byID.remove(e)
	delete(s.entries, r.ID)
	e.line.counts.Removed++
	s.open -= openSize(e)
	s.bytes -= e.size
	s.hold(r, nil)
	s.promote(e.line, r, now)
	e.notify()
}

// attach enters the entry's record into the counters, its lane, the order and the alarms. A ready record whose lane has
// no room is parked.
func (s *Store) attach(e *entry, now time.Time) {
	r, l := e.record, e.line
	n := l.lane(r)
	if n != nil {
		if r.State == queue.Ready && !n.hasRoom(r, now) {
			r.Park(now)
		}
		if r.OccupiesLane() {
			n.occupied++
		}
		if r.BlocksLane() {
			n.blockers++
		}
		if n.pace != nil {
			n.pace.Count(r.State, 1)
		}
	}
	switch r.State {
	case queue.Ready:
		l.ready[r.Priority].insert(e)
		l.since.insert(e)
	case queue.Parked:
		n.parked.insert(e)
	}
	s.count(l, r.State, 1)
	s.alarms.set(&e.alarm, r.TimerAt())
	s.stirred = true
}

// detach undoes attach, alarms aside.
func (s *Store) detach(e *entry) {
	r, l := e.record, e.line
	n := l.lane(r)
	switch r.State {
	case queue.Ready:
		l.ready[r.Priority].remove(e)
		l.since.remove(e)
	case queue.Parked:
		n.parked.remove(e)
	}
	if n != nil {
		if r.OccupiesLane() {
			n.occupied--
		}
		if r.BlocksLane() {
			n.blockers--
		}
		if n.pace != nil {
			n.pace.Count(r.State, -1)
		}
	}
	s.count(l, r.State, -1)
	s.stirred = true
}

func (s *Store) count(l *line, state queue.State, by int64) {
	*l.counts.Of(state) += by
	if !state.Terminal() && !queue.Hidden(l.name) {
		s.unfinished += by
	}
}

// promote makes parked records of r's lane ready, in their order, as far as there is room.
func (s *Store) promote(l *line, r *queue.Record, now time.Time) {
	if n := l.lane(r); n != nil {
		s.pass(n, now)
	}
}

// pass makes parked records of a lane ready, in their order, as far as there is room, and finds out when to look again.
func (s *Store) pass(n *lane, now time.Time) {
	n.admitsAt = time.Time{}
	for e := n.parked.first(); e != nil && n.blockers == 0 && n.occupied < e.record.Lane.Bound && n.inPace(e.record, now); e = n.parked.first() {
		s.detach(e)
		e.record = e.record.Clone()
		e.record.Unpark(now, s.turnOf(e.record))
		s.attach(e, now)
		e.notify()
	}
	at := n.admitsAt
	if n.pace != nil && at.IsZero() {
		if idleAt, idle := n.pace.IdleAt(); idle && len(n.parked.items) == 0 {
			if at = idleAt; !at.After(now) {
				n.pace, at = nil, time.Time{}
			}
		}
	}
	s.alarms.set(&n.alarm, at)
	if n.empty() {
		delete(n.line.lanes, n.key)
	}
}

// turnOf returns the turn of a record that its lane lets in.
func (s *Store) turnOf(r *queue.Record) uint64 {
	if !r.Lane.Fair {
		return 0
	}
	return s.nextSeq()
}

// notify wakes those who wait for the entry.
func (e *entry) notify() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}
