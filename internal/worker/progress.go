package worker

import (
	"slices"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Progress is what the pool is doing.
type Progress struct {
	Slots        int
	Running      int       // handler calls
	Settling     int       // calls that have ended and whose outcome is being written
	MovedAt      time.Time // when a delivery last began or was settled, or Run began; zero before Run
	FailingSince time.Time // since when lease calls fail; zero if they do not
}

// Progress returns what the pool is doing.
func (w *Worker) Progress() Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.progress
	p.Running, p.Settling, p.FailingSince = w.running, w.settling, w.leasing.began()
	return p
}

func (w *Worker) moved() {
	w.mu.Lock()
	w.progress.MovedAt = time.Now()
	w.mu.Unlock()
}

// Stalled reports whether the worker has made no progress for the given time although there was work that it could have
// taken (R21): ready messages of a queue of its own, behind an open gate, while it had a free slot. Calls that fill every
// slot are no stall, because each has its own timeout; a rate of less than one in that time hides one.
func (w *Worker) Stalled(s queue.Stats, limit time.Duration) bool {
	p := w.Progress()
	if p.MovedAt.IsZero() || p.Running >= p.Slots || time.Since(p.MovedAt) < limit {
		return false
	}
	names := w.o.Queues()
	for name, q := range s.Queues {
		if slices.Contains(names, name) && eligible(q, s.Now, limit) {
			return true
		}
	}
	return false
}

// eligible reports whether a queue has had work for so long that its gate would have let pass.
func eligible(q queue.QueueStats, now time.Time, limit time.Duration) bool {
	l := q.Gate.Limits
	if _, _, closed := q.Gate.Closed(now); closed || q.Ready == 0 {
		return false
	}
	if most := q.Gate.MaxLeased(); most > 0 && q.Leased+int64(q.Reserved) >= int64(most) || l.Rate > 0 && l.Rate*limit.Seconds() < 1 {
		return false
	}
	return !q.OldestAt.IsZero() && now.Sub(q.OldestAt) >= limit
}
