package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/queue"
)

// ageReads bounds how many records of one queue a call of Stats reads for their age.
const ageReads = 64

// overdueLimit bounds how much overdue work Stats counts; more than that means that Run does not run.
const overdueLimit = 10_000

// Stats returns the counters and gates of every queue.
func (s *Store) Stats(_ context.Context) (queue.Stats, error) {
	if err := s.enter(); err != nil {
		return queue.Stats{}, err
	}
	defer s.calls.Done()
	s.state.Lock()
	defer s.state.Unlock()
	now := s.clock.now()
	stats := queue.Stats{Queues: make(map[string]queue.QueueStats, len(s.lines)), Bytes: s.bytes, Now: now}
	overdue, err := s.overdue(now)
	if err != nil {
		return queue.Stats{}, err
	}
	for name, q := range s.lines {
		// Applying no change drops the holds that have ended.
		qs := queue.QueueStats{Counts: q.counts, Gate: q.gate.Apply(queue.GateChange{}, now), Reserved: q.reserved}
		s.showLack(q, &qs.Gate)
		qs.Overdue = min(overdue[name], qs.Scheduled)
		if qs.OldestAt, err = s.oldestReady(q); err != nil {
			return queue.Stats{}, err
		}
		stats.Queues[name] = qs
	}
	return stats, nil
}

func (s *Store) overdue(now time.Time) (map[string]int64, error) {
	if now.Before(s.timer.next) {
		return nil, nil
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: appendTime([]byte{keyTimer}, s.timer.from), UpperBound: appendTime([]byte{keyTimer}, now.Add(1))})
	if err != nil {
		return nil, s.corrupt(err)
	}
	counts := make(map[string]int64)
	n := 0
	for ok := it.First(); ok && n < overdueLimit; ok = it.Next() {
		n++
		if name := it.Value(); len(name) > 0 {
			counts[string(name)]++
		}
	}
	if err := it.Close(); err != nil {
		return nil, s.corrupt(err)
	}
	return counts, nil
}

// oldestReady returns when the oldest ready message became ready; zero if there is none. It need not be the first of its
// line: what was released or lost keeps its place and is young again. Behind the windows stands what became ready in the
// order of its places, so the first there stands for the rest.
func (s *Store) oldestReady(q *line) (time.Time, error) {
	var oldest time.Time
	reads := ageReads // what it leaves for the next call is remembered until then
	for priority := range q.windows {
		w := &q.windows[priority]
		if q.ready[priority] == 0 {
			continue
		}
		for i := range w.places[w.first:] {
			p := &w.places[w.first+i]
			if p.readyAt.IsZero() && reads > 0 {
				reads--
				if err := s.age(p); err != nil {
					return time.Time{}, err
				}
			}
			oldest = older(oldest, p.readyAt)
		}
		if w.complete {
			continue
		}
		behind, _, _, err := s.scanLine(appendReadyPrefix(nil, q.name, uint8(priority)), w.tail, 1, func(queue.ID) bool { return false })
		if err != nil {
			return time.Time{}, err
		}
		if len(behind) > 0 {
			if err := s.age(&behind[0]); err != nil {
				return time.Time{}, err
			}
			oldest = older(oldest, behind[0].readyAt)
		}
	}
	return oldest, nil
}

// age reads when a ready message became ready. One that is being written at this moment has no age yet: the next look
// will see it.
func (s *Store) age(p *place) error {
	progress, err := s.readProgress(idKey(keyProgress, p.id))
	if errors.Is(err, queue.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read age of message %s: %w", p.id, s.corrupt(err))
	}
	p.readyAt = progress.UpdatedAt
	return nil
}

// older returns the earlier of two moments, of which zero means none.
func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// headOf returns the first ready message of one priority.
func (s *Store) headOf(q *line, priority uint8) (order, error) {
	w := &q.windows[priority]
	if w.len() > 0 {
		return w.head().order, nil
	}
	none := func(queue.ID) bool { return false }
	places, _, _, err := s.scanLine(appendReadyPrefix(nil, q.name, priority), w.tail, 1, none)
	if err != nil || len(places) == 0 {
		return order{}, err
	}
	return places[0].order, nil
}

// Position returns an upper bound of the leases up to and including this message.
func (s *Store) Position(ctx context.Context, id queue.ID) (int64, error) {
	r, err := s.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	if !r.State.Waiting() {
		return 0, nil
	}
	s.state.Lock()
	defer s.state.Unlock()
	q := s.lines[r.Queue]
	if q == nil {
		return 0, nil
	}
	waiting := q.counts.Ready + q.counts.Parked
	if r.State == queue.Parked {
		return max(waiting, 1), nil
	}
	// Places of one queue are numbered together with those of all others, so their difference bounds from above how many
	// stand between.
	ahead := q.ready[r.Priority]
	head, err := s.headOf(q, r.Priority)
	if err != nil {
		return 0, err
	}
	if head.seq != 0 && r.Place() >= head.seq {
		ahead = min(ahead, int64(r.Place()-head.seq)+1)
	}
	var below int64
	for p := range q.ready {
		switch {
		case p > int(r.Priority):
			ahead += q.ready[p]
		case p < int(r.Priority):
			below += q.ready[p]
		}
	}
	// Of the less urgent ones, those may come first whose turn it is.
	ahead += min(below, q.turns.Patient(ahead-1))
	return max(min(ahead, waiting), 1), nil
}
