package embedded

import (
	"fmt"
	"slices"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// dispatch serves the claims in their order, as far as messages, gates and shares allow. Leases and reservations of one queue
// leave each other their turns, until a round gives nothing; then what is left is for whoever wants it.
func (s *Store) dispatch(u *unit) {
	if len(s.claims) == 0 {
		return
	}
	s.timer.gate = never
	s.short = false
	s.strict, s.deferred = true, false
	for u.round() && s.deferred {
		s.deferred = false
	}
	if s.strict = false; s.deferred {
		u.round()
	}
	left := s.claims[:0]
	for _, c := range s.claims {
		if !c.served() || u.err != nil {
			left = append(left, c)
			continue
		}
		c.waiting = false
		if fault.Planted(fault.LeaseBeforeSync) {
			c.wake <- signalDone
			continue
		}
		u.finish(&c.op)
	}
	clear(s.claims[len(left):])
	s.claims = left
}

// round gives each claim what there is for it, and reports whether that was anything.
func (u *unit) round() (any bool) {
	for _, c := range u.s.claims {
		if u.err == nil {
			any = u.serve(c) || any
		}
	}
	return any
}

// served reports whether a claim got something.
func (c *claim) served() bool { return len(c.leases) > 0 || c.granted.Token != 0 }

func (u *unit) serve(c *claim) bool {
	if c.reserve != nil {
		return c.granted.Token == 0 && u.serveReserve(c)
	}
	had := len(c.leases)
	var passed []*line // queues whose heads wait for Run to expire them; they must not stop the others
	for len(c.leases) < c.lease.Max && u.s.ready > 0 && u.err == nil {
		q, want := u.choose(c, passed)
		if q == nil {
			break
		}
		e := u.next(q)
		if e == nil {
			passed = append(passed, q)
			continue
		}
		if u.slow(e) {
			continue
		}
		c.leases = append(c.leases, u.grant(q, e, c.lease, want))
		u.promoteLanes()
	}
	return len(c.leases) > had
}

// choose returns the wanted queue that is served next: of those with eligible work the one served longest ago, except
// that one which holds three quarters of the worker's slots stands behind all that do not. It returns nil if there is
// none. A queue whose answers have no room is passed over: a call that is answered must be able to keep its answer (R11).
func (u *unit) choose(c *claim, passed []*line) (*line, *queue.Want) {
	var best, sated *line
	var ofBest, ofSated *queue.Want
	share := max(c.lease.Slots*3/4, 1)
	for i := range c.lease.Queues {
		want := &c.lease.Queues[i]
		q := u.s.lines[want.Queue]
		if q == nil || q.counts.Ready == 0 || slices.Contains(passed, q) || !u.open(q) {
			continue
		}
		if !u.s.disk.holds(want.Room) {
			u.s.short = true
			q.lacks(want.Room, u.now)
			continue
		}
		if u.s.strict && q.passing > 0 && q.shares.PassNext(q.gate, q.counts.Leased, int64(q.reserved)) {
			u.s.deferred = true
			continue
		}
		candidate, of := &best, &ofBest
		if want.Held+c.took(q.name) >= share && !fault.Planted(fault.OneQueueTakesAll) {
			candidate, of = &sated, &ofSated
		}
		if *candidate == nil || q.served < (*candidate).served {
			*candidate, *of = q, want
		}
	}
	if best == nil {
		return sated, ofSated
	}
	return best, ofBest
}

// took counts what a claim has got from a queue so far.
func (c *claim) took(queueName string) int {
	if len(c.lease.Queues) == 1 {
		return 0
	}
	n := 0
	for i := range c.leases {
		if c.leases[i].Record.Queue == queueName {
			n++
		}
	}
	return n
}

// next returns the ready message of a queue that is leased next; nil if there is none.
func (u *unit) next(q *line) *entry {
	var heads [queue.MaxPriority + 1]*entry
	p := q.turns.Next(func(p int) bool {
		if q.ready[p] > 0 && u.err == nil {
			heads[p] = u.head(q, uint8(p))
		}
		return heads[p] != nil
	})
	if p < 0 || u.err != nil {
		return nil
	}
	return heads[p]
}

// head returns the first ready message of one priority. Those whose deadline has passed are left to Run; while it has
// a whole window of them to end, there is none.
func (u *unit) head(q *line, priority uint8) *entry {
	w := &q.windows[priority]
	if w.len() == 0 {
		u.fill(w, appendReadyPrefix(nil, q.name, priority))
		if w.len() == 0 {
			u.fail(fmt.Errorf("queue %q counts %d ready messages and has none: %w", q.name, q.ready[priority], queue.ErrCorrupt))
			return nil
		}
	}
	for i := w.first; i < len(w.places); i++ {
		e := u.at(&w.places[i])
		if e == nil || !e.rec.Late(u.now) || fault.Planted(fault.DeadlineIgnoredAtLease) {
			return e
		}
	}
	return nil
}

// at returns the record at a place.
func (u *unit) at(p *place) *entry {
	if e := u.entries[p.id]; e != nil {
		return e
	}
	if p.rec != nil {
		return u.adopt(stored{rec: p.rec, size: p.size})
	}
	e := u.load(p.id)
	if e == nil {
		u.fail(fmt.Errorf("ready message %s has no record: %w", p.id, queue.ErrCorrupt))
	}
	return e
}

// grant leases a ready message. The record is written in this unit, before anybody learns of the lease: only so does a
// restart know what may have been sent.
func (u *unit) grant(q *line, e *entry, request *queue.LeaseRequest, want *queue.Want) queue.Lease {
	s := u.s
	q.lack = lack{}
	if !fault.Planted(fault.RateNotCounted) {
		q.bucket.Take(u.now, q.gate.Limits)
	}
	u.takeToken(e.rec)
	if q.passing > 0 {
		q.shares.Leased(q.gate.Limits)
	}
	if !fault.Planted(fault.LowPriorityStarves) {
		q.turns.Taken(int(e.rec.Priority))
	}
	s.served++
	q.served = s.served
	var ref queue.LeaseRef
	u.change(e, func(r *queue.Record) { ref = r.Lease(request.Worker, u.now, request.TTL) })
	s.addLease(&lease{stored: e.stored, id: ref.ID, token: ref.Token, expiresAt: e.rec.LeaseExpiresAt, onCancel: request.OnCancel,
		room: min(want.Room, s.disk.share())})
	fault.Point(fault.LeaseGranted)
	return queue.Lease{LeaseRef: ref, Record: e.rec, ExpiresAt: e.rec.LeaseExpiresAt}
}

func (u *unit) serveReserve(c *claim) bool {
	q := c.reserve
	if !u.open(q) {
		return false
	}
	if u.s.strict && !q.shares.PassNext(q.gate, q.counts.Leased, int64(q.reserved)) && u.s.leasable(q) {
		u.s.deferred = true
		return false
	}
	q.passing--
	c.granted = u.s.reserve(c.reserve, c.ttl, u.now)
	return true
}

// open reports whether the gate of a queue lets one more through. If time will open it, Run looks again then.
func (u *unit) open(q *line) bool {
	at, ok := q.opensAt(u.now)
	if ok && at.After(u.now) {
		u.s.timer.gate = earlier(u.s.timer.gate, at)
	}
	return ok && !at.After(u.now)
}

// opensAt returns when the gate lets one more through; false if time alone does not open it.
func (q *line) opensAt(now time.Time) (time.Time, bool) {
	limits := q.gate.Limits
	most := q.gate.MaxLeased()
	if fault.Planted(fault.LimitOneTooMany) && most > 0 {
		most++
	}
	if most > 0 && q.counts.Leased+int64(q.reserved) >= int64(most) {
		return time.Time{}, false
	}
	if len(q.gate.Holds) > 0 {
		if _, hold, closed := q.gate.Closed(now); closed {
			return hold.Until, !hold.Until.IsZero()
		}
	}
	return q.bucket.At(limits), true
}

// closedBecause says what keeps a gate closed.
func (u *unit) closedBecause(q *line) error {
	e := &queue.GateError{Queue: q.name, Reason: queue.LimitReached}
	at := time.Time{}
	if reason, hold, closed := q.gate.Closed(u.now); closed {
		e.Reason, at = string(reason), hold.Until
	} else if most := q.gate.MaxLeased(); most <= 0 || q.counts.Leased+int64(q.reserved) < int64(most) {
		at = q.bucket.At(q.gate.Limits)
	}
	if at.After(u.now) {
		e.After = at.Sub(u.now)
	}
	return e
}
