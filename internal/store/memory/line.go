package memory

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

// line is what the store knows of one queue.
type line struct {
	name     string
	opened   time.Time // when the store was
	counts   queue.Counts
	ready    [queue.MaxPriority + 1]order // by priority, by Seq
	since    order                        // the ready ones by the moment of becoming ready
	lanes    map[string]*lane
	gate     queue.Gate
	bucket   queue.Bucket
	reserved int
	shares   queue.Shares
	passing  int // waiters of Reserve
	turns    queue.Turns
	served   uint64 // the store's turn at which the last one was granted
}

// lane is what the store knows of the messages of one queue with one key.
type lane struct {
	occupied int   // records that count against the bound
	blockers int   // dead records that hold the lane
	parked   order // by Seq
	key      string
	line     *line
	pace     *queue.Pace // of a lane with a rate, while there is something to remember
	admitsAt time.Time   // when the pace, which stands in the way, may let one more be ready
	alarm    alarm
}

// line returns what the store knows of a queue, from now on.
func (s *Store) line(name string) *line {
	l := s.lines[name]
	if l == nil {
		l = &line{name: name, opened: s.opened, since: order{compare: compareReadyAt}, lanes: make(map[string]*lane)}
		for p := range l.ready {
			l.ready[p].compare = comparePlace
		}
		s.lines[name] = l
	}
	return l
}

// lane returns the lane of a record, or nil if it is in none.
func (l *line) lane(r *queue.Record) *lane {
	if r.Lane.IsZero() {
		return nil
	}
	n := l.lanes[r.Lane.Key]
	if n == nil {
		n = &lane{parked: order{compare: comparePlace}, key: r.Lane.Key, line: l}
		n.alarm.lane = n
		l.lanes[r.Lane.Key] = n
	}
	if n.pace == nil && r.Lane.Paced() {
		n.pace = queue.NewPace(r.Lane, l.opened)
	}
	return n
}

// hasRoom reports whether a record may be ready now: the lane is not blocked, its bound not reached, nobody with an earlier
// place waits, and its rate has a token.
func (n *lane) hasRoom(r *queue.Record, now time.Time) bool {
	first := n.parked.first()
	return n.blockers == 0 && n.occupied < r.Lane.Bound && (first == nil || first.record.Seq > r.Seq) && n.inPace(r, now)
}

// inPace reports whether the rate of the lane lets one more be ready, and otherwise notes when to look again.
func (n *lane) inPace(r *queue.Record, now time.Time) bool {
	if !r.Lane.Paced() {
		return true
	}
	at, ok := n.pace.Admits(r.Lane, now)
	if n.admitsAt = at; ok {
		n.admitsAt = time.Time{}
	}
	return ok
}

func (n *lane) empty() bool {
	return n.occupied == 0 && n.blockers == 0 && len(n.parked.items) == 0 && n.pace == nil
}

// next returns the message to lease next, or nil.
func (l *line) next(now time.Time) *entry {
	p := l.turns.Next(func(p int) bool { return l.head(p, now) != nil })
	if p < 0 {
		return nil
	}
	return l.head(p, now)
}

// head returns the first ready message of one priority that is not too late.
func (l *line) head(priority int, now time.Time) *entry {
	for _, e := range l.ready[priority].items {
		if !e.record.Late(now) {
			return e
		}
	}
	return nil
}

// position returns how many messages are leased up to and including e, which is ready or parked, if nothing more urgent
// arrives and its lane has room.
func (l *line) position(e *entry) int {
	ahead, behind := 0, 0 // what its priority lets go first, and what only the turn of a less urgent one would take before it
	for p := range l.ready {
		switch ready := &l.ready[p]; {
		case p > int(e.record.Priority):
			ahead += len(ready.items)
		case p == int(e.record.Priority):
			ahead += ready.rank(e)
		default:
			behind += len(ready.items)
		}
	}
	for _, n := range l.lanes {
		rank := n.parked.rank(e)
		for i, o := range n.parked.items {
			switch {
			case o.record.Priority > e.record.Priority, o.record.Priority == e.record.Priority && i < rank:
				ahead++
			case o.record.Priority < e.record.Priority:
				behind++
			}
		}
	}
	return ahead + min(behind, int(l.turns.Patient(int64(ahead)))) + 1
}

// open reports whether the gate lets one more through, and otherwise why not and when it may; zero if only another event
// can open it.
func (l *line) open(now time.Time) (ok bool, reason string, at time.Time) {
	if reason, hold, closed := l.gate.Closed(now); closed {
		return false, string(reason), hold.Until
	}
	limits := l.gate.Limits
	if most := l.gate.MaxLeased(); most > 0 && int(l.counts.Leased)+l.reserved >= most {
		return false, queue.LimitReached, time.Time{}
	}
	if at := l.bucket.At(limits); at.After(now) {
		return false, queue.LimitReached, at
	}
	return true, "", time.Time{}
}

// oldestAt returns when the oldest ready message became ready.
func (l *line) oldestAt() time.Time {
	if e := l.since.first(); e != nil {
		return e.record.UpdatedAt
	}
	return time.Time{}
}
