package embedded

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// unit is the work of one group commit. Operations change records in it, in memory; only at the end are the keys of each
// changed record compared with those it had before and the difference written, so that a message which is enqueued and
// leased in one unit never has a ready key. One goroutine, the leader, uses it, holding Store.state.
type unit struct {
	s     *Store
	now   time.Time
	batch *pebble.Batch

	entries map[queue.ID]*entry
	order   []*entry // as entries were added
	free    []*entry // for reuse
	lines   []*line
	lanes   []*lane
	scopes  map[scope]reservation

	done    []*op
	notices []notice
	trash   []string // body files to remove once the unit is durable
	claimed []string // staged body files that became part of a record
	events  []queue.Event
	pending int   // bytes of messages and results that will be written
	err     error // the store is broken: nothing of the unit is written

	key, value []byte // scratch
}

// entry is one record that the unit read or changed.
type entry struct {
	stored
	before  stored // as it is in the database; before.rec is nil if it is new there
	encoded []byte // stored form of the message, if it is new
	answer  []byte // stored form of the result, if it is new and was made beforehand
}

// notice is a call to the holder of a lease who should abort.
type notice struct {
	call func(queue.LeaseRef)
	ref  queue.LeaseRef
}

func (u *unit) begin(now time.Time) {
	u.now = now
	u.pending = 0
	u.err = nil
	u.s.shrinkLanes()
}

// reset makes the unit ready for the next use; what callers were given is left alone.
func (u *unit) reset() {
	for _, e := range u.order {
		*e = entry{}
		u.free = append(u.free, e)
	}
	clear(u.entries)
	clear(u.scopes)
	clear(u.order)
	clear(u.done)
	clear(u.notices)
	clear(u.events)
	u.order, u.lines, u.lanes = u.order[:0], u.lines[:0], u.lanes[:0]
	u.done, u.notices, u.events = u.done[:0], u.notices[:0], u.events[:0]
	u.trash, u.claimed = nil, nil
	if cap(u.value) > maxScratch {
		u.value = nil
	}
}

// maxScratch is how much memory a unit keeps between two uses.
const maxScratch = 256 << 10

// fail marks the store as broken; nothing of this unit will be written.
func (u *unit) fail(err error) {
	if u.err == nil {
		u.err = err
	}
}

func (u *unit) add(v stored, before stored) *entry {
	var e *entry
	if n := len(u.free); n > 0 {
		e, u.free = u.free[n-1], u.free[:n-1]
	} else {
		e = &entry{}
	}
	e.stored, e.before = v, before
	u.entries[v.rec.ID] = e
	u.order = append(u.order, e)
	return e
}

// adopt adds a record whose committed form is known already.
func (u *unit) adopt(v stored) *entry {
	if e := u.entries[v.rec.ID]; e != nil {
		return e
	}
	return u.add(v, v)
}

// load returns the record as this unit has it, or nil if there is none or the store is broken.
func (u *unit) load(id queue.ID) *entry {
	if e := u.entries[id]; e != nil {
		if e.rec == nil {
			return nil
		}
		return e
	}
	if l := u.s.leases[id]; l != nil && l.rec != nil {
		return u.add(l.stored, l.stored)
	}
	v, err := u.s.read(id)
	if err != nil {
		if !errors.Is(err, queue.ErrNotFound) {
			u.fail(err)
		}
		return nil
	}
	return u.add(v, v)
}

// edit returns the record for changes that do not move it; snapshots that others hold stay as they are.
func (u *unit) edit(e *entry) *queue.Record {
	if e.rec == e.before.rec {
		c := *e.rec
		e.rec = &c
	}
	return e.rec
}

// change applies a transition: everything that follows from where a record stands is undone before it and done again
// after it, in memory; the keys follow at the end of the unit.
func (u *unit) change(e *entry, transition func(r *queue.Record)) {
	r := u.edit(e)
	was := r.State
	u.leave(r)
	u.size(e, -1)
	transition(r)
	u.admit(r)
	u.resize(e)
	u.size(e, 1)
	u.enter(e)
	if r.State.Terminal() && !was.Terminal() {
		if fault.Planted(fault.RetentionFromSubmit) && !r.RemoveAt.IsZero() {
			r.RemoveAt = r.AcceptedAt.Add(r.RemoveAt.Sub(r.CompletedAt))
		}
		u.announce(r)
	}
}

// create adds a new record, whose state admits it already.
func (u *unit) create(v stored, encoded []byte) *entry {
	e := u.add(v, stored{})
	e.encoded = encoded
	u.pending += len(encoded)
	u.s.recent.add(v.rec.ID)
	q := u.touch(v.rec.Queue)
	q.counts.Accepted++
	u.admit(v.rec)
	u.size(e, 1)
	u.enter(e)
	return e
}

// remove ends a record for good. Its body files go when that is durable.
func (u *unit) remove(e *entry) {
	u.leave(e.rec)
	u.size(e, -1)
	u.touch(e.rec.Queue).counts.Removed++
	e.rec = nil
}

// resize corrects the size after a transition that dropped the result. One that brings a result or an edited request
// adds to it itself.
func (u *unit) resize(e *entry) {
	if e.rec.Result == nil && e.result > 0 {
		e.size -= e.result
		e.result = 0
	}
}

func (u *unit) size(e *entry, sign int64) {
	q := u.touch(e.rec.Queue)
	q.bytes += sign * e.size
	u.s.bytes += sign * e.size
	if !e.rec.State.Terminal() && !q.hidden {
		q.openBytes += sign * e.size
		u.s.openBytes += sign * e.size
	}
}

// touch returns a queue whose counters will be written with this unit.
func (u *unit) touch(name string) *line {
	q := u.s.line(name)
	if !q.touched {
		q.touched = true
		u.lines = append(u.lines, q)
	}
	return q
}

func (u *unit) leave(r *queue.Record) {
	q := u.touch(r.Queue)
	*q.counts.Of(r.State)--
	if !r.State.Terminal() && !q.hidden {
		u.s.unfinished--
	}
	switch r.State {
	case queue.Ready:
		q.ready[r.Priority]--
		u.s.ready--
		if p, ok := q.windows[r.Priority].remove(order{r.Place(), r.ID}); ok {
			u.s.uncache(p)
		}
	case queue.Leased:
		u.s.dropLease(r.ID)
	}
	if !r.Lane.IsZero() {
		u.leaveLane(r)
	}
}

func (u *unit) enter(e *entry) {
	r := e.rec
	q := u.touch(r.Queue)
	*q.counts.Of(r.State)++
	if !r.State.Terminal() && !q.hidden {
		u.s.unfinished++
	}
	if r.State == queue.Ready {
		q.ready[r.Priority]++
		u.s.ready++
		u.s.keep(&q.windows[r.Priority], e)
	}
	if !r.Lane.IsZero() {
		u.enterLane(r)
	}
}

// newSeq returns the next place in the order. The numbers are taken from a block that was written down before, so that
// no number is given twice after a crash.
func (u *unit) newSeq() uint64 {
	u.s.seq++
	return u.s.seq
}

// Bounds of the records kept in windows beside their places.
const (
	maxCachedRecord = 8 << 10
	maxCachedBytes  = 1 << 20
)

// keep puts a message into its window, with the record itself if it is small: what was just stored is what is most
// likely leased next.
func (s *Store) keep(w *window, e *entry) {
	p := place{order: order{e.rec.Place(), e.rec.ID}, readyAt: e.rec.UpdatedAt}
	if e.size <= maxCachedRecord && s.cached+e.size <= maxCachedBytes && e.rec.Edited == nil {
		p.rec, p.size = e.rec, e.size
	}
	taken, dropped := w.insert(p)
	if taken && p.rec != nil {
		s.cached += p.size
	}
	for _, d := range dropped {
		s.uncache(d)
	}
}

func (s *Store) uncache(p place) {
	if p.rec != nil {
		s.cached -= p.size
	}
}

// write puts what the unit changed into its batch. It reports whether there is anything.
func (u *unit) write() (bool, error) {
	for _, e := range u.order {
		u.writeEntry(e)
	}
	if len(u.scopes) > 0 {
		u.writeScopes()
	}
	for _, q := range u.lines {
		q.touched = false
		u.value = q.appendCounters(u.value[:0])
		if fault.Planted(fault.CounterOutsideWrite) {
			u.setLater(nameKey(keyCounters, q.name), u.value)
			continue
		}
		u.set(nameKey(keyCounters, q.name), u.value)
	}
	for _, l := range u.lanes {
		u.writeLane(l)
	}
	if u.batch.Empty() {
		return false, u.err
	}
	u.s.writeMeta(u)
	return true, u.err
}

func (u *unit) writeEntry(e *entry) {
	was, is := e.before.rec, e.rec
	if was == is {
		return
	}
	u.writeKey(was, is, appendPlace, func(*queue.Record) []byte { return nil })
	u.writeKey(was, is, appendTimer, timerValue)
	if is != nil && is.State != queue.Leased {
		if at := is.TimerAt(); !at.IsZero() {
			u.s.timer.record(at)
		}
	}
	u.writeRefs(was, is)
	if is == nil {
		if was == nil {
			return
		}
		u.delete(keyMessage, was.ID)
		u.delete(keyProgress, was.ID)
		if was.Result != nil {
			u.delete(keyResult, was.ID)
		}
		return
	}
	if was == nil {
		u.setID(keyMessage, is.ID, e.encoded)
	}
	u.value = appendProgressValue(u.value[:0], e.stored)
	u.setID(keyProgress, is.ID, u.value)
	var old *queue.Result
	if was != nil {
		old = was.Result
	}
	switch {
	case is.Result == old:
	case is.Result != nil:
		u.value = appendResultValue(u.value[:0], is, e.answer)
		if fault.Planted(fault.ResultAfterAck) {
			u.setLater(idKey(keyResult, is.ID), u.value)
			break
		}
		u.setID(keyResult, is.ID, u.value)
	default:
		u.delete(keyResult, is.ID)
	}
}

// writeKey moves an index key from where the record stood to where it stands. The old one goes by SingleDelete: it was
// written exactly once since it was last deleted, because only a difference is ever written, and so both vanish at the
// first compaction in which they meet instead of leaving a tombstone down to the last level.
func (u *unit) writeKey(was, is *queue.Record, key func([]byte, *queue.Record) []byte, value func(*queue.Record) []byte) {
	b := u.key[:0]
	if was != nil {
		b = key(b, was)
	}
	n := len(b)
	if is != nil {
		b = key(b, is)
	}
	u.key = b[:0]
	older, newer := b[:n], b[n:]
	if string(older) == string(newer) && (len(newer) == 0 || string(value(was)) == string(value(is))) {
		return
	}
	if len(older) > 0 {
		u.check(u.batch.SingleDelete(older, nil))
	}
	if len(newer) > 0 {
		if fault.Planted(fault.DeadLetterOutsideWrite) && newer[0] == keyDead {
			u.setLater(newer, nil)
			return
		}
		u.set(newer, value(is))
	}
}

func (u *unit) set(key, value []byte) { u.check(u.batch.Set(key, value, nil)) }

func (u *unit) setID(kind byte, id queue.ID, value []byte) {
	u.key = appendIDKey(u.key[:0], kind, id)
	u.set(u.key, value)
}

func (u *unit) delete(kind byte, id queue.ID) {
	u.key = appendIDKey(u.key[:0], kind, id)
	u.check(u.batch.Delete(u.key, nil))
}

func (u *unit) check(err error) {
	if err != nil {
		u.fail(fmt.Errorf("write batch: %w", err))
	}
}
