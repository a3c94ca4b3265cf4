package memory

import (
	"context"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// slot is one reservation.
type slot struct {
	line  *line
	id    queue.ID
	token queue.Token
	alarm alarm
}

// SetGate implements queue.ControlStore.
func (s *Store) SetGate(_ context.Context, name string, change queue.GateChange) (queue.Gate, error) {
	now, err := s.begin()
	if err != nil {
		return queue.Gate{}, err
	}
	defer s.end(now)
	l := s.line(name)
	l.gate = l.gate.Apply(change, now)
	if change.Limits != nil {
		l.bucket = l.bucket.Under(now, l.gate.Limits)
	}
	s.stirred = true
	return l.gate, nil
}

// Reserve implements queue.ControlStore.
func (s *Store) Reserve(ctx context.Context, name string, ttl time.Duration) (queue.LeaseRef, error) {
	w := &waiter{reserve: name, ttl: ttl}
	err := s.wait(ctx, w)
	if err != nil && ctx.Err() != nil {
		return queue.LeaseRef{}, s.gateError(name)
	}
	return w.ref, err
}

// gateError says what keeps a gate closed.
func (s *Store) gateError(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	failure := &queue.GateError{Queue: name, Reason: queue.LimitReached}
	if ok, reason, at := s.line(name).open(now); !ok {
		failure.Reason = reason
		if !at.IsZero() {
			failure.After = at.Sub(now)
		}
	}
	return failure
}

// serveReserve gives a waiting Reserve its slot if the gate is open.
func (s *Store) serveReserve(w *waiter, now time.Time) bool {
	l := s.line(w.reserve)
	ok, _, at := l.open(now)
	if !ok {
		s.opensAt = earlier(s.opensAt, at)
		return false
	}
	if s.strict && !l.shares.PassNext(l.gate, l.counts.Leased, int64(l.reserved)) && s.leasable(l, now) {
		return false
	}
	l.bucket.Take(now, l.gate.Limits)
	l.passing--
	if l.counts.Ready > 0 {
		l.shares.Passed(l.gate.Limits)
	}
	l.reserved++
	s.names++
	r := &slot{line: l, id: queue.NewID(queue.HomeOf(l.name), now), token: queue.Token(s.names)}
	r.alarm.slot = r
	s.slots[r.id] = r
	s.alarms.set(&r.alarm, now.Add(w.ttl))
	w.ref = queue.LeaseRef{ID: r.id, Token: r.token}
	return true
}

// Return implements queue.ControlStore.
func (s *Store) Return(_ context.Context, ref queue.LeaseRef) error {
	now, err := s.begin()
	if err != nil {
		return err
	}
	defer s.end(now)
	if r := s.slots[ref.ID]; r != nil && r.token == ref.Token {
		s.free(r)
	}
	return nil
}

// free ends a reservation.
func (s *Store) free(r *slot) {
	delete(s.slots, r.id)
	s.alarms.set(&r.alarm, time.Time{})
	r.line.reserved--
	s.stirred = true
}

// Room implements queue.ControlStore: there is no disk that could be full.
func (s *Store) Room() error {
	now, err := s.begin()
	if err != nil {
		return err
	}
	s.end(now)
	return nil
}

// Stats implements queue.ControlStore.
func (s *Store) Stats(context.Context) (queue.Stats, error) {
	now, err := s.begin()
	if err != nil {
		return queue.Stats{}, err
	}
	defer s.end(now)
	stats := queue.Stats{Queues: make(map[string]queue.QueueStats, len(s.lines)), Bytes: s.bytes, Now: now}
	overdue := s.overdue(now)
	for name, l := range s.lines {
		q := queue.QueueStats{Counts: l.counts, Gate: l.gate.Apply(queue.GateChange{}, now), Reserved: l.reserved, OldestAt: l.oldestAt()}
		q.Overdue = overdue[l]
		stats.Queues[name] = q
	}
	return stats, nil
}

// overdue counts the scheduled messages whose time has come and that Run has not seen yet.
func (s *Store) overdue(now time.Time) map[*line]int64 {
	n := make(map[*line]int64)
	s.alarms.due(now, func(a *alarm) {
		if e := a.entry; e != nil && e.record.State == queue.Scheduled && !e.record.EligibleAt.After(now) && !e.record.Late(e.record.EligibleAt) {
			n[e.line]++
		}
	})
	return n
}
