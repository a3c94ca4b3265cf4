package memory

import (
	"context"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Run implements queue.Life.
func (s *Store) Run(ctx context.Context, observe func(queue.Event)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		events, wakeAt, rearmed, err := s.tick()
		if err != nil {
			return err
		}
		if observe != nil {
			for _, e := range events {
				observe(e)
			}
		}
		timer.Stop()
		if !wakeAt.IsZero() {
			timer.Reset(max(0, wakeAt.Sub(s.now())))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.closing:
			return queue.ErrClosed
		case <-rearmed:
		case <-timer.C:
		}
	}
}

// tick makes everything happen whose time has come, and returns when to look again.
func (s *Store) tick() (events []queue.Event, wakeAt time.Time, rearmed <-chan struct{}, err error) {
	now, err := s.begin()
	if err != nil {
		return nil, time.Time{}, nil, err
	}
	for next := s.alarms.next(); !next.IsZero() && !next.After(now); next = s.alarms.next() {
		if a := s.alarms[0]; a.slot != nil {
			s.free(a.slot)
		} else if a.lane != nil {
			s.pass(a.lane, now)
		} else if e, ok := s.ring(a.entry, now); ok {
			events = append(events, e)
		}
	}
	if !s.opensAt.IsZero() && !s.opensAt.After(now) {
		s.stirred = true
	}
	s.serveAll(now)
	s.wakeAt = s.next()
	wakeAt, rearmed = s.wakeAt, s.rearm
	s.end(now)
	return events, wakeAt, rearmed, nil
}

// ring does what the alarm of an entry announced.
func (s *Store) ring(e *entry, now time.Time) (queue.Event, bool) {
	var kind queue.EventKind
	if e.record.State.Terminal() {
		kind = queue.EventRemoved
		s.remove(e, now)
	} else {
		s.change(e, now, func(r *queue.Record) error { // the transition returns nil
			if kind = r.Timer(now); kind == queue.EventDue && !r.KeepsPlace() {
				r.Seq = s.nextSeq()
			}
			return nil
		})
	}
	r := e.record
	return queue.Event{Kind: kind, ID: r.ID, Queue: r.Queue, Endpoint: r.Endpoint, Route: r.Route, Reason: r.Reason, State: r.State}, kind != 0
}

// next returns when Run has to look again; zero: when something changes.
func (s *Store) next() time.Time { return earlier(s.alarms.next(), s.opensAt) }

// rearmRun wakes Run if it has to look earlier than it knows.
func (s *Store) rearmRun() {
	if next := s.next(); !next.IsZero() && (s.wakeAt.IsZero() || next.Before(s.wakeAt)) {
		s.wakeAt = next
		close(s.rearm)
		s.rearm = make(chan struct{})
	}
}
