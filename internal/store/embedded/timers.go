package embedded

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// never is later than every time that Run looks at: no index key holds a later one.
var never = time.Unix(1<<33, 0).UTC()

// timer knows when Run has something to do next. All but until and wakeup is guarded by Store.state.
type timer struct {
	next, from           time.Time // of record timers: the earliest there may be; no key lies before from
	nextScope, scopeFrom time.Time // the same for idempotency keys
	gate                 time.Time // when a gate that keeps a waiting claim may open

	until  atomic.Int64 // the time for which Run sleeps, in Unix nanoseconds
	wakeup chan struct{}
}

func newTimer() *timer {
	start := time.Unix(0, 0).UTC()
	t := &timer{next: start, from: start, nextScope: start, scopeFrom: start, gate: never, wakeup: make(chan struct{}, 1)}
	t.until.Store(never.UnixNano())
	return t
}

// record notes the timer of a record that is about to be written.
func (t *timer) record(at time.Time) {
	t.next, t.from = earlier(t.next, at), earlier(t.from, at)
}

func (t *timer) scope(at time.Time) {
	t.nextScope, t.scopeFrom = earlier(t.nextScope, at), earlier(t.scopeFrom, at)
}

// poke wakes Run if it sleeps past the given time.
func (t *timer) poke(at time.Time) {
	if at.UnixNano() < t.until.Load() {
		select {
		case t.wakeup <- struct{}{}:
		default: // it has been poked already
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// nextWake returns when Run has something to do next.
func (s *Store) nextWake() time.Time {
	at := earlier(earlier(s.timer.next, s.timer.nextScope), s.timer.gate)
	if len(s.expiries) > 0 {
		at = earlier(at, s.expiries[0].expiresAt)
	}
	return earlier(at, s.paces.next())
}

// dueLimit is how many leases and how many records one unit ends because of their time, so that callers in the same unit
// do not wait long.
const dueLimit = 256

// due does what time has brought, and appends what it did to events.
func (u *unit) due(events []queue.Event) []queue.Event {
	s := u.s
	for n := 0; n < dueLimit && len(s.expiries) > 0 && !s.expiries[0].expiresAt.After(u.now); n++ {
		events = u.lapse(s.expiries[0], events)
	}
	events = u.dueRecords(events)
	u.duePaces()
	u.dropScopes(dueLimit)
	return events
}

// lapse ends a lease or a reservation whose time is over.
func (u *unit) lapse(l *lease, events []queue.Event) []queue.Event {
	if l.rec == nil {
		u.s.dropLease(l.id)
		return events
	}
	e := u.load(l.id)
	if e == nil {
		u.fail(fmt.Errorf("leased message %s has no record: %w", l.id, queue.ErrCorrupt))
		return events
	}
	u.lose(e)
	return append(events, event(queue.EventLapsed, e.rec))
}

// lose ends the lease of a record that nobody settled.
func (u *unit) lose(e *entry) {
	if fault.Planted(fault.UnsafeResentAfterCrash) && e.rec.OnLost == queue.OnLostFail {
		u.change(e, func(r *queue.Record) { r.Unpark(u.now, 0) })
		return
	}
	u.change(e, func(r *queue.Record) { r.Lost(u.now) })
	if fault.Planted(fault.AttemptCountedOnCrash) {
		u.edit(e).Attempts++
	}
	if fault.Planted(fault.CrashNotCounted) {
		u.edit(e).Crashes--
	}
}

func (u *unit) dueRecords(events []queue.Event) []queue.Event {
	s := u.s
	if u.now.Before(s.timer.next) {
		return events
	}
	ids, next, err := s.scanTimers(s.timer.from, u.now, dueLimit)
	if err != nil {
		u.fail(err)
		return events
	}
	// What this unit is about to write moves both back again if it is earlier.
	s.timer.next, s.timer.from = next, earlier(next, u.now)
	for _, id := range ids {
		if e := u.load(id); e != nil && u.err == nil {
			events = u.dueRecord(e, events)
		}
	}
	return events
}

// scanTimers returns up to limit records whose timer lies from one time up to and including another, and the time of the
// first timer behind those; never if there is none.
func (s *Store) scanTimers(from, to time.Time, limit int) (ids []queue.ID, next time.Time, err error) {
	lower := appendTime([]byte{keyTimer}, from)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{keyTimer + 1}})
	if err != nil {
		return nil, never, fmt.Errorf("read timers: %w", s.corrupt(err))
	}
	next = never
	for ok := it.First(); ok; ok = it.Next() {
		at, id, valid := readTimer(it.Key())
		if !valid {
			err = fmt.Errorf("timer key %x: %w", bytes.Clone(it.Key()), queue.ErrCorrupt)
			break
		}
		if at.After(to) || len(ids) == limit {
			next = at
			break
		}
		ids = append(ids, id)
	}
	if closeErr := it.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, never, fmt.Errorf("read timers: %w", s.corrupt(err))
	}
	return ids, next, nil
}

// dueRecord does what the timer of one record stands for. An earlier op of the unit may have moved the record on.
func (u *unit) dueRecord(e *entry, events []queue.Event) []queue.Event {
	at := e.rec.TimerAt()
	if at.IsZero() || at.After(u.now) || e.rec.State == queue.Leased {
		return events
	}
	late := e.rec.Late(u.now)
	switch {
	case e.rec.State.Terminal():
		removed := event(queue.EventRemoved, e.rec)
		u.remove(e)
		fault.Point(fault.TimeRemoved)
		return append(events, removed)
	case e.rec.State == queue.Scheduled && !late:
		keeps := e.rec.KeepsPlace() && !fault.Planted(fault.LaneOvertaken)
		u.change(e, func(r *queue.Record) {
			r.Due(u.now)
			if !keeps {
				r.Seq = u.newSeq()
			}
		})
		fault.Point(fault.TimeDue)
		return append(events, event(queue.EventDue, e.rec))
	default:
		u.change(e, func(r *queue.Record) { r.Expire(u.now) })
		fault.Point(fault.TimeExpired)
		return append(events, event(queue.EventExpired, e.rec))
	}
}

func event(kind queue.EventKind, r *queue.Record) queue.Event {
	return queue.Event{Kind: kind, ID: r.ID, Queue: r.Queue, Endpoint: r.Endpoint, Route: r.Route, State: r.State, Reason: r.Reason}
}
