package memory

import (
	"container/list"
	"context"
	"slices"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// waiter is one blocked call of Lease or Reserve.
type waiter struct {
	request queue.LeaseRequest // of Lease; its Wants are the waiter's own
	reserve string             // of Reserve: the queue
	ttl     time.Duration

	place  *list.Element // in Store.waiting
	served chan struct{} // closed when leases or ref are there
	leases []queue.Lease
	ref    queue.LeaseRef
}

// Lease implements queue.QueueStore.
func (s *Store) Lease(ctx context.Context, request queue.LeaseRequest) ([]queue.Lease, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	request.Queues = slices.Clone(request.Queues)
	w := &waiter{request: request}
	if err := s.wait(ctx, w); err != nil {
		return nil, err
	}
	return w.leases, nil
}

// wait stands in line until the waiter is served, ctx ends or the store closes.
func (s *Store) wait(ctx context.Context, w *waiter) error {
	now, err := s.begin()
	if err != nil {
		return err
	}
	defer s.calls.Done()
	w.served = make(chan struct{})
	w.place = s.waiting.PushBack(w)
	if w.reserve != "" {
		s.line(w.reserve).passing++
	}
	s.stirred = true
	s.commit(now)
	select {
	case <-w.served:
		return nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-s.closing:
		err = queue.ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.served:
		return nil
	default:
		s.waiting.Remove(w.place)
		if w.reserve != "" {
			s.line(w.reserve).passing--
		}
		return err
	}
}

// serveAll serves the waiters in the order in which they came, and finds out when the next gate opens for one of them.
func (s *Store) serveAll(now time.Time) {
	if !s.stirred {
		return
	}
	s.stirred, s.opensAt = false, time.Time{}
	// Leases and reservations leave each other their turns, until a round gives nothing; then what is left is for whoever wants it.
	s.strict = true
	for s.serveRound(now) {
	}
	s.strict = false
	s.serveRound(now)
	for place := s.waiting.Front(); place != nil; {
		w := place.Value.(*waiter)
		place = place.Next()
		if w.granted() {
			s.waiting.Remove(w.place)
			close(w.served)
		}
	}
	s.stirred = false
}

// serveRound gives each waiter what there is for it, and reports whether that was anything.
func (s *Store) serveRound(now time.Time) (any bool) {
	for place := s.waiting.Front(); place != nil; place = place.Next() {
		w := place.Value.(*waiter)
		if w.reserve != "" {
			any = !w.granted() && s.serveReserve(w, now) || any
			continue
		}
		for len(w.leases) < w.request.Max {
			want := s.pick(&w.request, now)
			if want == nil {
				break
			}
			w.leases = append(w.leases, s.grant(&w.request, want, now))
			any = true
		}
	}
	return any
}

// granted reports whether the waiter got something.
func (w *waiter) granted() bool { return len(w.leases) > 0 || w.ref.Token != 0 }

// leasable reports whether a lease that waits could take a message of a queue.
func (s *Store) leasable(l *line, now time.Time) bool {
	if l.next(now) == nil {
		return false
	}
	for place := s.waiting.Front(); place != nil; place = place.Next() {
		w := place.Value.(*waiter)
		if w.reserve == "" && len(w.leases) < w.request.Max &&
			slices.ContainsFunc(w.request.Queues, func(want queue.Want) bool { return want.Queue == l.name }) {
			return true
		}
	}
	return false
}

// pick returns the wanted queue whose turn it is among those with eligible work, or nil. Of those, one that holds its
// three quarters of the worker's slots stands back while another is below that.
func (s *Store) pick(request *queue.LeaseRequest, now time.Time) *queue.Want {
	share := max(1, request.Slots*3/4)
	var below, above *queue.Want
	for i := range request.Queues {
		want := &request.Queues[i]
		l := s.lines[want.Queue]
		if l == nil || l.next(now) == nil {
			continue
		}
		ok, _, at := l.open(now)
		if !ok {
			s.opensAt = earlier(s.opensAt, at)
			continue
		}
		if s.slow(l, now); l.next(now) == nil {
			continue
		}
		if s.strict && l.passing > 0 && l.shares.PassNext(l.gate, l.counts.Leased, int64(l.reserved)) {
			continue
		}
		best := &below
		if want.Held >= share {
			best = &above
		}
		if *best == nil || l.served < s.lines[(*best).Queue].served {
			*best = want
		}
	}
	if below != nil {
		return below
	}
	return above
}

// slow parks the messages at the head of a line that their lanes let in before and whose rate has no token: as after a restart,
// when nothing is known of what was sent.
func (s *Store) slow(l *line, now time.Time) {
	for e := l.next(now); e != nil && e.record.Lane.Paced() && !l.lane(e.record).pace.HasToken(e.record.Lane, now); e = l.next(now) {
		s.change(e, now, func(r *queue.Record) error { // the transition returns nil
			r.Park(now)
			return nil
		})
	}
}

// grant leases the next message of a wanted queue, which has one.
func (s *Store) grant(request *queue.LeaseRequest, want *queue.Want, now time.Time) queue.Lease {
	l := s.lines[want.Queue]
	e := l.next(now)
	l.bucket.Take(now, l.gate.Limits)
	if e.record.Lane.Paced() {
		l.lane(e.record).pace.Take(e.record.Lane, now)
	}
	if l.passing > 0 {
		l.shares.Leased(l.gate.Limits)
	}
	l.turns.Taken(int(e.record.Priority))
	s.turn++
	l.served = s.turn
	want.Held++
	var ref queue.LeaseRef
	s.change(e, now, func(r *queue.Record) error { // a lease of a ready record does not fail
		ref = r.Lease(request.Worker, now, request.TTL)
		return nil
	})
	e.onCancel = request.OnCancel
	return queue.Lease{LeaseRef: ref, Record: e.record, ExpiresAt: e.record.LeaseExpiresAt}
}

// Extend implements queue.QueueStore.
func (s *Store) Extend(_ context.Context, refs []queue.LeaseRef, ttl time.Duration) ([]queue.Extended, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer s.end(now)
	answers := make([]queue.Extended, len(refs))
	for i, ref := range refs {
		answers[i] = s.extend(ref, now, ttl)
	}
	return answers, nil
}

func (s *Store) extend(ref queue.LeaseRef, now time.Time, ttl time.Duration) queue.Extended {
	if slot := s.slots[ref.ID]; slot != nil && slot.token == ref.Token {
		s.alarms.set(&slot.alarm, now.Add(ttl))
		return queue.Extended{}
	}
	e := s.entries[ref.ID]
	if e == nil {
		return queue.Extended{Err: queue.ErrLeaseLost}
	}
	r := e.record.Clone()
	answer := r.Extend(ref.Token, now, ttl)
	if answer.Err == nil {
		e.record = r
		s.alarms.set(&e.alarm, r.TimerAt())
	}
	return answer
}

// Settle implements queue.QueueStore.
func (s *Store) Settle(_ context.Context, settlements []queue.Settlement) ([]error, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer s.end(now)
	answers := make([]error, len(settlements))
	for i, settlement := range settlements {
		answers[i] = s.settle(settlement, now)
	}
	return answers, nil
}

func (s *Store) settle(settlement queue.Settlement, now time.Time) error {
	e := s.entries[settlement.ID]
	if e == nil {
		return queue.ErrLeaseLost
	}
	return s.change(e, now, func(r *queue.Record) error {
		if err := r.Settle(settlement, now); err != nil {
			return err
		}
		if settlement.Kind == queue.SettleRetry && r.State == queue.Ready && !r.KeepsPlace() {
			r.Seq = s.nextSeq()
		}
		return nil
	})
}
