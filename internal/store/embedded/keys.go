package embedded

import (
	"encoding/binary"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// The first byte of every key; the package doc draws what follows it. The two kinds with large values lie at the ends:
// a table that holds keys of two kinds spans all that lies between, and a compaction rewrites what a table spans.
const (
	keyMessage   = 'a'
	keyProgress  = 's'
	keyResult    = 'z'
	keyReady     = 'q'
	keyParked    = 'p'
	keyLeased    = 'l'
	keyDead      = 'd'
	keyTimer     = 't'
	keyScope     = 'i'
	keyScopeEnd  = 'e'
	keyCounters  = 'c'
	keyGate      = 'g'
	keyLane      = 'n'
	keyBlob      = 'b'
	keyMetaSeq   = "Mseq"
	keyMetaClock = "Mclock"
)

const idLen = len(queue.ID{})

func idKey(kind byte, id queue.ID) []byte {
	return appendIDKey(make([]byte, 0, 1+idLen), kind, id)
}

func appendIDKey(b []byte, kind byte, id queue.ID) []byte {
	return append(append(b, kind), id[:]...)
}

// appendName appends a name so that no name is a prefix of another.
func appendName(b []byte, name string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	return append(b, name...)
}

func nameKey(kind byte, name string) []byte {
	return appendName([]byte{kind}, name)
}

// readName is the inverse of appendName; it returns the rest of the key.
func readName(b []byte) (name string, rest []byte, ok bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return "", nil, false
	}
	return string(b[2 : 2+n]), b[2+n:], true
}

func appendReadyPrefix(b []byte, queueName string, priority uint8) []byte {
	return append(appendName(append(b, keyReady), queueName), queue.MaxPriority-priority)
}

func appendParkedPrefix(b []byte, queueName, lane string) []byte {
	return appendName(appendName(append(b, keyParked), queueName), lane)
}

func laneKey(queueName, lane string) []byte {
	return appendName(appendName([]byte{keyLane}, queueName), lane)
}

// appendOrder appends what orders the messages of one line.
func appendOrder(b []byte, seq uint64, id queue.ID) []byte {
	return append(binary.BigEndian.AppendUint64(b, seq), id[:]...)
}

// readOrder reads the order at the end of a ready or parked key.
func readOrder(key []byte) (seq uint64, id queue.ID, ok bool) {
	if len(key) < 8+idLen {
		return 0, id, false
	}
	tail := key[len(key)-8-idLen:]
	copy(id[:], tail[8:])
	return binary.BigEndian.Uint64(tail), id, true
}

// appendPlace appends the one key that says where a record stands, or nothing for states that need none: a scheduled
// one is found by its timer, the finished ones by their ID.
func appendPlace(b []byte, r *queue.Record) []byte {
	switch r.State {
	case queue.Ready:
		return appendOrder(appendReadyPrefix(b, r.Queue, r.Priority), r.Place(), r.ID)
	case queue.Parked:
		return appendOrder(appendParkedPrefix(b, r.Queue, r.Lane.Key), r.Seq, r.ID)
	case queue.Leased:
		return appendIDKey(b, keyLeased, r.ID)
	case queue.Dead:
		return append(appendName(append(b, keyDead), r.Queue), r.ID[:]...)
	default:
		return b
	}
}

// appendTimer appends the one key that says when Run must look at a record, or nothing. The end of a lease is not among
// them: it is kept in memory, and no lease outlives its process.
func appendTimer(b []byte, r *queue.Record) []byte {
	at := r.TimerAt()
	if at.IsZero() || r.State == queue.Leased {
		return b
	}
	return append(appendTime(append(b, keyTimer), at), r.ID[:]...)
}

// timerValue is the queue of a scheduled record that becomes due before it expires, so that overdue work can be counted
// without reading it; else empty.
func timerValue(r *queue.Record) []byte {
	if r.State == queue.Scheduled && r.TimerAt().Equal(r.EligibleAt) && !r.Late(r.EligibleAt) {
		return []byte(r.Queue)
	}
	return nil
}

// appendTime appends a time so that keys sort by it. Times before 1970 sort first, those from never on last.
func appendTime(b []byte, t time.Time) []byte {
	if t.After(never) {
		t = never
	} else if t.Before(time.Unix(0, 0)) {
		t = time.Unix(0, 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixNano()))
}

func readTime(b []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
}

// readTimer reads a timer key.
func readTimer(key []byte) (at time.Time, id queue.ID, ok bool) {
	if len(key) != 1+8+idLen {
		return at, id, false
	}
	copy(id[:], key[9:])
	return readTime(key[1:9]), id, true
}

// after returns the first key behind every key that begins with the prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
