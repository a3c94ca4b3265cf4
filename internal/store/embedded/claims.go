package embedded

import (
	"context"
	"fmt"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// claim is a call of Lease or Reserve that has not been served. Claims stand in one line, so that pass-through calls take
// their turn with workers.
type claim struct {
	op
	lease   *queue.LeaseRequest
	reserve *line
	ttl     time.Duration

	waiting bool // in Store.claims
	leases  []queue.Lease
	granted queue.LeaseRef
	refused error // why a reservation that ended by its context was not granted
}

// Lease takes up to Max eligible messages, and blocks until there is one or ctx ends.
func (s *Store) Lease(ctx context.Context, request queue.LeaseRequest) ([]queue.Lease, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if request.Max <= 0 || len(request.Queues) == 0 {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.closing:
			return nil, queue.ErrClosed
		}
	}
	c := &claim{lease: &request}
	if err := s.claim(ctx, c); err != nil {
		return nil, err
	}
	if len(c.leases) == 0 {
		return nil, context.Cause(ctx)
	}
	return s.renewed(ctx, c.leases, request.TTL)
}

// renewed lets the time of leases begin when they are handed out, where their commit took long: the holder counts from
// then. A lease that ended meanwhile is not handed out.
func (s *Store) renewed(ctx context.Context, leases []queue.Lease, ttl time.Duration) ([]queue.Lease, error) {
	if s.clock.now().Sub(leases[0].Record.UpdatedAt) < ttl/12 {
		return leases, nil
	}
	refs := make([]queue.LeaseRef, len(leases))
	for i := range leases {
		refs[i] = leases[i].LeaseRef
	}
	extended, err := s.Extend(ctx, refs, ttl)
	if err != nil {
		return nil, err
	}
	standing := leases[:0]
	for i := range leases {
		if extended[i].Err == nil {
			standing = append(standing, leases[i])
		}
	}
	if len(standing) == 0 {
		return nil, fmt.Errorf("lease: %w before it could be handed out: the disk took longer than the lease", queue.ErrLeaseLost)
	}
	return standing, nil
}

// claim puts a claim into the line and waits until it is served, or until ctx ends and it has left the line unserved.
func (s *Store) claim(ctx context.Context, c *claim) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	c.op = *newOp(func(u *unit) {
		if s.isClosed() {
			c.err = queue.ErrClosed
			u.finish(&c.op)
			return
		}
		c.waiting = true
		s.claims = append(s.claims, c)
		if c.reserve != nil {
			c.reserve.passing++
		}
	})
	s.submit(&c.op)
	leave := ctx.Done()
	broken := s.broken
	for under := 1; under > 0; {
		select {
		case sig := <-c.wake:
			if sig == signalDone {
				under--
			} else {
				s.lead()
			}
		case <-leave:
			leave, broken = nil, nil
			under++
			s.submit(s.withdrawal(c))
		case <-broken:
			leave, broken = nil, nil
			under++
			s.submit(s.withdrawal(c))
		}
	}
	return c.err
}

// withdrawal is the op by which a claim leaves the line. Leaving goes through a unit like everything else, so that a
// lease that was granted is never dropped. It shares the claim's channel, because the lead may fall to either; both have
// to end before the call does.
func (s *Store) withdrawal(c *claim) *op {
	var o *op
	o = &op{wake: c.wake, run: func(u *unit) {
		u.withdraw(c)
		u.finish(o)
	}}
	return o
}

// withdraw takes a claim that was not served out of the line.
func (u *unit) withdraw(c *claim) {
	if c.waiting && c.reserve != nil {
		// The call and its end may fall into one unit: what is free at once is still had.
		u.s.dispatch(u)
	}
	if !c.waiting {
		return
	}
	c.waiting = false
	for i, other := range u.s.claims {
		if other == c {
			u.s.claims = append(u.s.claims[:i], u.s.claims[i+1:]...)
			break
		}
	}
	if c.reserve != nil {
		c.reserve.passing--
		c.refused = u.closedBecause(c.reserve)
	}
	u.finish(&c.op)
}
