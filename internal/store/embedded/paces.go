package embedded

import (
	"container/heap"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/openhqm/openhqm/queue"
)

// pace is the rate of one lane at work, in memory: after a start nothing is known of what was sent, and it begins empty. It is
// forgotten once it has its burst again and nothing of the lane is ready or leased.
type pace struct {
	queue.Pace
	laneID
	at    time.Time // when Run looks at the lane
	index int       // in the heap, from 1; 0: not in it
}

// paces are the lanes with a rate that are at work, and those that wait for time to pass, the earliest first.
type paces struct {
	byLane map[laneID]*pace
	due    paceHeap
}

type paceHeap []*pace

// Len implements heap.Interface.
func (h paceHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h paceHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

// Swap implements heap.Interface.
func (h paceHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (h *paceHeap) Push(x any) {
	p := x.(*pace)
	*h = append(*h, p)
	p.index = len(*h)
}

// Pop implements heap.Interface.
func (h *paceHeap) Pop() any {
	old := *h
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	p.index = 0
	return p
}

// look makes Run look at the lane at a time; zero: not at all.
func (s *paces) look(p *pace, at time.Time) {
	switch {
	case at.IsZero():
		if p.index > 0 {
			heap.Remove(&s.due, p.index-1)
		}
	case p.index == 0:
		p.at = at
		heap.Push(&s.due, p)
	default:
		p.at = at
		heap.Fix(&s.due, p.index-1)
	}
}

// next returns when Run has to look at a lane; never if it has not.
func (s *paces) next() time.Time {
	if len(s.due) == 0 {
		return never
	}
	return s.due[0].at
}

// pace returns the pace of a record's lane, which has a rate. The record counts as it stands in the lane.
func (u *unit) pace(l *lane, r *queue.Record) *pace {
	s := u.s
	p := s.paces.byLane[l.laneID]
	if p == nil {
		p = &pace{Pace: *queue.NewPace(r.Lane, s.opened), laneID: l.laneID}
		leased := 0
		for _, held := range s.leases {
			if held.rec != nil && held.rec.Queue == l.queue && held.rec.Lane.Key == l.key {
				leased++
			}
		}
		p.Count(queue.Leased, leased)
		p.Count(queue.Ready, int(l.occupied)-leased)
		s.paces.byLane[l.laneID] = p
	}
	return p
}

// inPace reports whether the rate of a lane lets one more be ready, and otherwise makes Run look again when it may.
func (u *unit) inPace(l *lane, r *queue.Record) bool {
	if !r.Lane.Paced() {
		return true
	}
	p := u.pace(l, r)
	at, ok := p.Admits(r.Lane, u.now)
	if !ok {
		u.s.paces.look(p, at)
	}
	return ok
}

// count follows a record into a state or out of it, where its lane has a pace.
func (u *unit) count(l *lane, r *queue.Record, by int) {
	p := u.s.paces.byLane[l.laneID]
	if p == nil {
		return
	}
	p.Count(r.State, by)
	if at, idle := p.IdleAt(); idle && l.parked == 0 {
		u.s.paces.look(p, at)
	}
}

// slow parks a message that its lane let in before, if the rate has no token, and reports whether it did: as after a restart.
func (u *unit) slow(e *entry) bool {
	if !e.rec.Lane.Paced() || u.pace(u.lane(e.rec.Queue, e.rec.Lane.Key), e.rec).HasToken(e.rec.Lane, u.now) {
		return false
	}
	u.change(e, func(r *queue.Record) { r.Park(u.now) })
	u.promoteLanes()
	return true
}

// takeToken takes the token of a message that is being leased.
func (u *unit) takeToken(r *queue.Record) {
	if r.Lane.Paced() {
		u.pace(u.lane(r.Queue, r.Lane.Key), r).Take(r.Lane, u.now)
	}
}

// duePaces looks at the lanes whose time has come: those with parked messages let some in, and a pace that is idle is forgotten.
func (u *unit) duePaces() {
	s := &u.s.paces
	for n := 0; n < dueLimit && len(s.due) > 0 && !s.due[0].at.After(u.now) && u.err == nil; n++ {
		p := s.due[0]
		s.look(p, time.Time{})
		if u.s.parked(p.laneID) > 0 {
			u.lane(p.queue, p.key).promote = true
		} else if at, idle := p.IdleAt(); idle && !at.After(u.now) {
			delete(s.byLane, p.laneID)
		}
	}
}

// parked returns how many messages are parked in a lane, without a change; what cannot be read shows when the lane is used.
func (s *Store) parked(id laneID) int64 {
	l := s.lanes[id]
	if l == nil {
		l = &lane{laneID: id}
		if err := s.loadLane(l); err != nil {
			return 1
		}
	}
	return l.parked
}

// resumePaces makes what its rate kept parked go on, after a start: whatever else waits in a lane is woken by what stands before
// it.
func (s *Store) resumePaces() error {
	s.paces = paces{byLane: make(map[laneID]*pace)} // while leases were ended, it was not known what is ready and what is leased
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyLane}, UpperBound: []byte{keyLane + 1}})
	if err != nil {
		return fmt.Errorf("read lanes: %w", s.corrupt(err))
	}
	defer it.Close() // an error shows in it.Error
	for ok := it.First(); ok; {
		var stopped []laneID
		for ; ok && len(stopped) < dueLimit; ok = it.Next() {
			queueName, rest, valid := readName(it.Key()[1:])
			key, _, validKey := readName(rest)
			l := lane{laneID: laneID{queueName, key}}
			if !valid || !validKey || l.decode(it.Value()) != nil {
				return fmt.Errorf("read lanes: key %x: %w", it.Key(), queue.ErrCorrupt)
			}
			if l.parked > 0 && l.occupied == 0 && l.blocked == 0 {
				stopped = append(stopped, l.laneID)
			}
		}
		if len(stopped) == 0 {
			continue
		}
		var o *op
		o = newOp(func(u *unit) {
			for _, id := range stopped {
				u.lane(id.queue, id.key).promote = true
			}
			u.finish(o)
		})
		if err := s.do(o); err != nil {
			return fmt.Errorf("resume lanes: %w", err)
		}
	}
	return s.corrupt(it.Error())
}
