package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// lane is one lane in memory: how many of its messages hold a slot, wait for one, or are dead and block it. Durable; the
// cache of lanes is emptied when it grows too large.
type lane struct {
	laneID
	occupied, parked, blocked int64

	waiting window // the first parked ones
	touched bool   // by the unit under way
	promote bool   // room may have come
}

type laneID struct{ queue, key string }

const (
	maxLanes   = 4096 // in memory between two units
	laneWindow = 8    // parked messages of one lane known by place
)

// lane returns a lane that this unit may change; nil if the store is broken.
func (u *unit) lane(queueName, key string) *lane {
	id := laneID{queueName, key}
	l := u.s.lanes[id]
	if l == nil {
		l = &lane{laneID: id}
		if err := u.s.loadLane(l); err != nil {
			u.fail(err)
		}
		l.waiting = newWindow(laneWindow, l.parked == 0)
		u.s.lanes[id] = l
	}
	if !l.touched {
		l.touched = true
		u.lanes = append(u.lanes, l)
	}
	return l
}

func (s *Store) loadLane(l *lane) error {
	value, closer, err := s.db.Get(laneKey(l.queue, l.key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read lane: %w", s.corrupt(err))
	}
	defer closer.Close() // never fails
	return l.decode(value)
}

// decode reads the stored form: a version byte, then uvarints.
func (l *lane) decode(b []byte) error {
	if len(b) == 0 || b[0] != 1 {
		return fmt.Errorf("decode lane: %w", queue.ErrCorrupt)
	}
	b = b[1:]
	for _, p := range []*int64{&l.occupied, &l.parked, &l.blocked} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return fmt.Errorf("decode lane: %w", queue.ErrCorrupt)
		}
		*p, b = int64(v), b[n:]
	}
	if len(b) > 0 {
		return fmt.Errorf("decode lane: %w", queue.ErrCorrupt)
	}
	return nil
}

func (u *unit) writeLane(l *lane) {
	l.touched = false
	key := laneKey(l.queue, l.key)
	if l.occupied == 0 && l.parked == 0 && l.blocked == 0 {
		u.check(u.batch.Delete(key, nil))
		delete(u.s.lanes, l.laneID)
		return
	}
	u.value = append(u.value[:0], 1)
	for _, n := range []int64{l.occupied, l.parked, l.blocked} {
		u.value = binary.AppendUvarint(u.value, uint64(n))
	}
	u.set(key, u.value)
}

// shrinkLanes bounds the memory of lanes; each is read again when it is next needed.
func (s *Store) shrinkLanes() {
	if len(s.lanes) > maxLanes {
		clear(s.lanes)
	}
}

func (u *unit) leaveLane(r *queue.Record) {
	l := u.lane(r.Queue, r.Lane.Key)
	if r.Lane.Paced() {
		u.pace(l, r)
	}
	if r.OccupiesLane() {
		l.occupied--
		l.promote = true
	}
	if r.BlocksLane() {
		l.blocked--
		l.promote = true
	}
	if r.State == queue.Parked {
		l.parked--
		l.waiting.remove(order{r.Place(), r.ID})
	}
	u.count(l, r, -1)
}

func (u *unit) enterLane(r *queue.Record) {
	l := u.lane(r.Queue, r.Lane.Key)
	if r.Lane.Paced() {
		u.pace(l, r)
	}
	if r.OccupiesLane() {
		l.occupied++
	}
	if r.BlocksLane() {
		l.blocked++
	}
	if r.State == queue.Parked {
		l.parked++
		l.waiting.insert(place{order: order{r.Place(), r.ID}})
	}
	u.count(l, r, 1)
}

// admit parks a record that is about to be ready if its lane has no room, or if another waits there before it.
func (u *unit) admit(r *queue.Record) {
	if r.State != queue.Ready || r.Lane.IsZero() {
		return
	}
	l := u.lane(r.Queue, r.Lane.Key)
	full := l.blocked > 0 || l.occupied >= int64(r.Lane.Bound)
	if !full && l.parked > 0 {
		first := u.firstParked(l)
		full = first != nil && first.compare(order{r.Seq, r.ID}) < 0
	}
	if full || !u.inPace(l, r) {
		r.Park(u.now)
		fault.Point(fault.LaneParked)
	}
}

// turnOf returns the turn of a record that its lane lets in.
func (u *unit) turnOf(r *queue.Record) uint64 {
	if !r.Lane.Fair {
		return 0
	}
	return u.newSeq()
}

func (u *unit) firstParked(l *lane) *place {
	if l.waiting.len() == 0 {
		u.fill(&l.waiting, appendParkedPrefix(nil, l.queue, l.key))
	}
	if l.waiting.len() == 0 {
		return nil
	}
	return l.waiting.head()
}

// promoteLanes makes parked messages ready, in their order, where room came.
func (u *unit) promoteLanes() {
	for i := 0; i < len(u.lanes) && u.err == nil; i++ {
		l := u.lanes[i]
		if !l.promote {
			continue
		}
		l.promote = false
		for l.blocked == 0 && l.parked > 0 && u.err == nil {
			first := u.firstParked(l)
			if first == nil {
				u.fail(fmt.Errorf("lane of queue %q counts %d parked messages and has none: %w", l.queue, l.parked, queue.ErrCorrupt))
				return
			}
			e := u.load(first.id)
			if e == nil {
				u.fail(fmt.Errorf("parked message %s has no record: %w", first.id, queue.ErrCorrupt))
				return
			}
			if fault.Planted(fault.LaneBoundIgnored) {
				l.occupied = 0
			}
			if l.occupied >= int64(e.rec.Lane.Bound) || !u.inPace(l, e.rec) {
				break
			}
			u.change(e, func(r *queue.Record) { r.Unpark(u.now, u.turnOf(r)) })
			fault.Point(fault.LanePromoted)
		}
	}
}
