package embedded

import (
	"context"
	"slices"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Reserve takes a slot and a token of a queue's gate, and blocks until there is room or ctx ends. A reservation is in
// memory only, so one that nobody else waits for is granted outside the group commit: a call that passes through must
// not wait for the sync of messages that have nothing to do with it.
func (s *Store) Reserve(ctx context.Context, queueName string, ttl time.Duration) (queue.LeaseRef, error) {
	if err := s.enter(); err != nil {
		return queue.LeaseRef{}, err
	}
	defer s.calls.Done()
	c := &claim{ttl: ttl}
	if s.reserveNow(c, queueName) {
		return c.granted, nil
	}
	if err := s.claim(ctx, c); err != nil {
		return queue.LeaseRef{}, err
	}
	return c.granted, c.refused
}

// reserveNow serves a claim at once, if the gate is open and it overtakes nobody.
func (s *Store) reserveNow(c *claim, queueName string) bool {
	s.state.Lock()
	defer s.state.Unlock()
	c.reserve = s.line(queueName)
	now := s.clock.now()
	if at, ok := c.reserve.opensAt(now); !ok || at.After(now) || s.contended(c.reserve) {
		return false
	}
	c.granted = s.reserve(c.reserve, c.ttl, now)
	s.timer.poke(now.Add(c.ttl))
	return true
}

// contended reports whether a claim is in the line that the queue's gate keeps waiting.
func (s *Store) contended(q *line) bool { return q.passing > 0 || s.leasable(q) }

// leasable reports whether a claim in the line could take a message of a queue.
func (s *Store) leasable(q *line) bool {
	if q.counts.Ready == 0 {
		return false
	}
	for _, c := range s.claims {
		if c.lease != nil && len(c.leases) < c.lease.Max &&
			slices.ContainsFunc(c.lease.Queues, func(w queue.Want) bool { return w.Queue == q.name }) {
			return true
		}
	}
	return false
}

// reserve grants a reservation of a queue whose gate is open.
func (s *Store) reserve(q *line, ttl time.Duration, now time.Time) queue.LeaseRef {
	q.bucket.Take(now, q.gate.Limits)
	if q.counts.Ready > 0 {
		q.shares.Passed(q.gate.Limits)
	}
	q.reserved++
	s.reservations++
	l := &lease{id: queue.NewID(queue.HomeOf(q.name), now), token: queue.Token(s.reservations), expiresAt: now.Add(ttl), reserves: q}
	s.addLease(l)
	return l.ref()
}

// Return gives the slot of a reservation back, and serves who has waited for it.
func (s *Store) Return(_ context.Context, ref queue.LeaseRef) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	if !s.returnNow(ref) {
		return nil
	}
	var o *op
	o = newOp(func(u *unit) { u.finish(o) }) // the unit dispatches
	s.submit(o)
	s.await(o)
	return o.err
}

// returnNow drops a reservation and reports whether a claim has waited for its slot.
func (s *Store) returnNow(ref queue.LeaseRef) bool {
	s.state.Lock()
	defer s.state.Unlock()
	l := s.leases[ref.ID]
	if l == nil || l.reserves == nil || l.token != ref.Token {
		return false
	}
	s.dropLease(ref.ID)
	return s.contended(l.reserves)
}
