package embedded

import (
	"context"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/queue"
)

// oldest remembers when the message at the head of a queue became ready, so that Stats rarely reads records.
type oldest struct {
	id queue.ID
	at time.Time
}

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

// oldestReady returns when the first of the heads of a queue's ready messages became ready; zero if there is none.
func (s *Store) oldestReady(q *line) (time.Time, error) {
	if q.counts.Ready == 0 {
		return time.Time{}, nil
	}
	first, rec, err := s.firstReady(q)
	if err != nil || first.seq == 0 {
		return time.Time{}, err
	}
	switch {
	case rec != nil:
		return rec.UpdatedAt, nil
	case q.oldest.id == first.id:
		return q.oldest.at, nil
	}
	p, err := s.readProgress(idKey(keyProgress, first.id))
	if err != nil {
		// It is being written at this moment; the next look will see it.
		return q.oldest.at, nil // see above
	}
	q.oldest = oldest{id: first.id, at: p.UpdatedAt}
	return p.UpdatedAt, nil
}

// firstReady returns the ready message with the lowest place over all priorities.
func (s *Store) firstReady(q *line) (first order, rec *queue.Record, err error) {
	for p := range q.windows {
		if q.ready[p] == 0 {
			continue
		}
		head, headRec, err := s.headOf(q, uint8(p))
		if err != nil {
			return first, nil, err
		}
		if head.seq != 0 && (first.seq == 0 || head.compare(first) < 0) {
			first, rec = head, headRec
		}
	}
	return first, rec, nil
}

func (s *Store) headOf(q *line, priority uint8) (order, *queue.Record, error) {
	w := &q.windows[priority]
	if w.len() > 0 {
		return w.head().order, w.head().rec, nil
	}
	none := func(queue.ID) bool { return false }
	places, _, _, err := s.scanLine(appendReadyPrefix(nil, q.name, priority), w.tail, 1, none)
	if err != nil || len(places) == 0 {
		return order{}, nil, err
	}
	return places[0].order, nil, nil
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
	head, _, err := s.headOf(q, r.Priority)
	if err != nil {
		return 0, err
	}
	if head.seq != 0 && r.Seq >= head.seq {
		ahead = min(ahead, int64(r.Seq-head.seq)+1)
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
	// Of the less urgent ones, the turns of the oldest may come first.
	ahead += min(below, ahead/(oldestEvery-1)+1)
	return max(min(ahead, waiting), 1), nil
}
