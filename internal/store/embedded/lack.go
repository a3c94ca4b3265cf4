package embedded

import (
	"fmt"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// lack says that work of a queue waits for room for its answers; the zero value that none does.
type lack struct {
	since time.Time
	room  int64 // what one answer may take
}

func (q *line) lacks(room int64, now time.Time) {
	if q.lack.since.IsZero() {
		q.lack.since = now
	}
	q.lack.room = room
}

// showLack adds the hold by which Stats shows that work waits for room. The gate's holds are the caller's own.
func (s *Store) showLack(q *line, g *queue.Gate) {
	if q.lack.since.IsZero() || q.counts.Ready == 0 || s.disk.holds(q.lack.room) {
		return
	}
	note := fmt.Sprintf("an answer may take %d bytes, and too little is free beside those of what runs; free some space, or lower proxy.max_response_size", q.lack.room)
	g.Holds[queue.HoldDisk] = queue.Hold{Since: q.lack.since, Note: note}
}
