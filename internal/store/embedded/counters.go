package embedded

import (
	"encoding/binary"
	"fmt"

	"github.com/openhqm/openhqm/queue"
)

const priorities = queue.MaxPriority + 1

// line is one queue in memory: its counters, gate, and the heads of its ready messages. All of it is guarded by
// Store.state; counters and gate are durable.
type line struct {
	name      string
	hidden    bool
	counts    queue.Counts
	ready     [priorities]int64
	bytes     int64 // of all records and bodies
	openBytes int64 // of those that are not finished: what queue.max_bytes bounds

	windows [priorities]window
	turns   queue.Turns
	served  uint64 // when it last got a lease, for the rotation among queues

	gate     queue.Gate
	bucket   queue.Bucket
	reserved int
	shares   queue.Shares
	passing  int // claims in the line that reserve here
	lack     lack

	touched bool // by the unit under way
}

// appendCounters appends the stored counters: a version byte, then uvarints.
func (q *line) appendCounters(b []byte) []byte {
	b = append(b, 1)
	for _, n := range q.durable() {
		b = binary.AppendUvarint(b, uint64(*n))
	}
	return b
}

func (q *line) decodeCounters(b []byte) error {
	if len(b) == 0 || b[0] != 1 {
		return fmt.Errorf("decode counters of %q: %w", q.name, queue.ErrCorrupt)
	}
	b = b[1:]
	for _, p := range q.durable() {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return fmt.Errorf("decode counters of %q: %w", q.name, queue.ErrCorrupt)
		}
		*p, b = int64(v), b[n:]
	}
	if len(b) > 0 {
		return fmt.Errorf("decode counters of %q: %w", q.name, queue.ErrCorrupt)
	}
	return nil
}

// durable lists the counters in their stored order.
func (q *line) durable() [12 + priorities]*int64 {
	c := &q.counts
	list := [12 + priorities]*int64{&c.Accepted, &c.Ready, &c.Parked, &c.Scheduled, &c.Leased, &c.Done, &c.Dead,
		&c.Cancelled, &c.Expired, &c.Removed, &q.bytes, &q.openBytes}
	for i := range q.ready {
		list[12+i] = &q.ready[i]
	}
	return list
}

// windowSize is how many ready messages of one queue and priority are known by place: enough that reading on is rare.
const windowSize = 256

// line returns a queue, which need not have had messages.
func (s *Store) line(name string) *line {
	q := s.lines[name]
	if q == nil {
		q = newLine(name)
		s.lines[name] = q
	}
	return q
}

func newLine(name string) *line {
	q := &line{name: name, hidden: queue.Hidden(name)}
	q.resetWindows()
	return q
}

// resetWindows forgets what is known by place; lines that the counters call empty are known to be.
func (q *line) resetWindows() {
	for i := range q.windows {
		q.windows[i] = newWindow(windowSize, q.ready[i] == 0)
	}
}
