package embedded

import (
	"context"
	"fmt"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// Enqueue stores messages; when it returns, they are synced.
func (s *Store) Enqueue(ctx context.Context, messages []*queue.Message) ([]queue.Enqueued, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w := s.newEnqueue()
	defer s.release(w)
	w.messages = messages
	w.results = make([]queue.Enqueued, len(messages))
	// The stored form is made here, by the caller, and not by the leader, who works for everybody.
	for i, m := range messages {
		w.results[i].ID = m.ID
		if err := m.Validate(); err != nil {
			w.results[i].Err = err
			w.ends = append(w.ends, len(w.encoded))
			continue
		}
		w.encoded = queue.AppendMessage(w.encoded, m)
		w.ends = append(w.ends, len(w.encoded))
	}
	if err := s.do(&w.op); err != nil {
		return nil, err
	}
	return w.results, nil
}

type enqueueOp struct {
	op
	messages []*queue.Message
	results  []queue.Enqueued
	encoded  []byte // the stored forms, one after the other
	ends     []int  // where each ends
}

// newEnqueue returns a call's op. The buffers and channels of finished calls are used again: the hot path allocates
// neither.
func (s *Store) newEnqueue() *enqueueOp {
	if w, ok := s.enqueues.Get().(*enqueueOp); ok {
		return w
	}
	w := &enqueueOp{}
	w.op = *newOp(w.apply)
	return w
}

func (s *Store) release(w *enqueueOp) {
	w.messages, w.results, w.err = nil, nil, nil
	w.ends = w.ends[:0]
	w.encoded = w.encoded[:0]
	if cap(w.encoded) > maxScratch {
		w.encoded = nil
	}
	s.enqueues.Put(w)
}

func (w *enqueueOp) apply(u *unit) {
	start := 0
	for i, m := range w.messages {
		encoded := w.encoded[start:w.ends[i]]
		start = w.ends[i]
		if w.results[i].Err == nil {
			w.results[i] = u.enqueue(m, encoded)
		}
	}
	u.finish(&w.op)
}

// enqueue adds one message, or says why not.
func (u *unit) enqueue(m *queue.Message, encoded []byte) queue.Enqueued {
	result := queue.Enqueued{ID: m.ID}
	if u.exists(m.ID) {
		return result
	}
	if m.Idempotency != nil {
		if r, ok := u.reservation(m.Idempotency.Scope); ok && r.id != m.ID {
			if r.fingerprint != m.Idempotency.Fingerprint && !fault.Planted(fault.KeyWithoutFingerprint) {
				return queue.Enqueued{ID: r.id, Err: queue.ErrKeyReused}
			}
			return queue.Enqueued{ID: r.id, Duplicate: true}
		}
	}
	if result.Err = u.s.line(m.Queue).gate.Refusal(m.Queue, u.now); result.Err != nil {
		return result
	}
	size := int64(len(encoded)) + fixedSize + fileSize(m.Request.Body)
	if result.Err = u.s.full(m.Queue, size); result.Err != nil {
		return result
	}
	if result.Err = u.claim(m.Request.Body, m.ID); result.Err != nil {
		return result
	}
	if m.Idempotency != nil {
		u.reserveScope(m, u.now)
	}
	r := queue.NewRecord(m, u.now)
	r.Seq = u.newSeq()
	u.create(stored{rec: r, size: size}, encoded)
	fault.Point(fault.EnqueueCreated)
	return result
}

// exists reports whether the ID is stored. One that this unit removes counts as stored: the repeat came before the removal.
func (u *unit) exists(id queue.ID) bool {
	if e := u.entries[id]; e != nil {
		return true
	}
	if stored, ok := u.s.recent.knows(id); ok && !stored {
		return false
	}
	var key [1 + idLen]byte
	found, err := u.s.has(appendIDKey(key[:0], keyProgress, id))
	if err != nil {
		u.fail(fmt.Errorf("look up %s: %w", id, u.s.corrupt(err)))
	}
	return found
}

// full says which bound refuses a new message of the given size.
func (s *Store) full(queueName string, size int64) error {
	if queue.Hidden(queueName) || fault.Planted(fault.FullQueueAccepts) {
		return nil // what is announced was accepted long ago
	}
	switch {
	case s.opts.MaxMessages > 0 && s.unfinished >= s.opts.MaxMessages:
		return &queue.FullError{Bound: "messages", Limit: s.opts.MaxMessages}
	case s.opts.MaxBytes > 0 && s.openBytes+size > s.opts.MaxBytes:
		return &queue.FullError{Bound: "bytes", Limit: s.opts.MaxBytes}
	case s.disk.low():
		return &queue.FullError{Bound: "disk", Limit: s.disk.minFree}
	}
	return nil
}

// announce adds the callback ticket of a record that has just become terminal.
func (u *unit) announce(r *queue.Record) {
	t := queue.NewTicket(r, u.now)
	if t == nil || u.exists(t.ID) {
		return
	}
	encoded := queue.AppendMessage(nil, t)
	ticket := queue.NewRecord(t, u.now)
	ticket.Seq = u.newSeq()
	u.create(stored{rec: ticket, size: int64(len(encoded)) + fixedSize}, encoded)
	fault.Point(fault.CallbackAnnounced)
}
