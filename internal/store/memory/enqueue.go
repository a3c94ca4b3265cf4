package memory

import (
	"context"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Enqueue implements queue.QueueStore.
func (s *Store) Enqueue(_ context.Context, messages []*queue.Message) ([]queue.Enqueued, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer s.end(now)
	answers := make([]queue.Enqueued, len(messages))
	for i, m := range messages {
		answers[i] = s.enqueue(m, now)
	}
	return answers, nil
}

func (s *Store) enqueue(m *queue.Message, now time.Time) queue.Enqueued {
	if err := m.Validate(); err != nil {
		return queue.Enqueued{ID: m.ID, Err: err}
	}
	if s.entries[m.ID] != nil {
		return queue.Enqueued{ID: m.ID}
	}
	if held, ok := s.keyHolder(m, now); ok {
		if held.fingerprint != m.Idempotency.Fingerprint {
			return queue.Enqueued{ID: held.id, Err: queue.ErrKeyReused}
		}
		return queue.Enqueued{ID: held.id, Duplicate: true}
	}
	if err := s.line(m.Queue).gate.Refusal(m.Queue, now); err != nil {
		return queue.Enqueued{ID: m.ID, Err: err}
	}
	if err := s.full(m); err != nil {
		return queue.Enqueued{ID: m.ID, Err: err}
	}
	s.reserveKey(m, now, now)
	s.insert(s.newRecord(m, now), now)
	return queue.Enqueued{ID: m.ID}
}

// keyHolder returns the standing reservation of the message's key, if another message holds it.
func (s *Store) keyHolder(m *queue.Message, now time.Time) (reservedKey, bool) {
	if m.Idempotency == nil {
		return reservedKey{}, false
	}
	held, ok := s.keys[m.Idempotency.Scope]
	if ok && !held.expiresAt.IsZero() && !now.Before(held.expiresAt) {
		delete(s.keys, m.Idempotency.Scope)
		return reservedKey{}, false
	}
	return held, ok && held.id != m.ID
}

// reserveKey reserves the message's key, if it has one, from the given time on.
func (s *Store) reserveKey(m *queue.Message, from, now time.Time) {
	if m.Idempotency == nil {
		return
	}
	held := reservedKey{id: m.ID, fingerprint: m.Idempotency.Fingerprint}
	if m.Idempotency.Keep != 0 {
		held.expiresAt = from.Add(m.Idempotency.Keep)
		if !now.Before(held.expiresAt) {
			return
		}
	}
	s.keys[m.Idempotency.Scope] = held
}

// full returns why there is no room for a message, or nil.
func (s *Store) full(m *queue.Message) error {
	if limit := s.options.MaxMessages; limit > 0 && s.unfinished >= limit && !queue.Hidden(m.Queue) {
		return &queue.FullError{Bound: "messages", Limit: limit}
	}
	if limit := s.options.MaxBytes; limit > 0 && s.open+messageSize(m)+m.Request.Body.Size() > limit && !queue.Hidden(m.Queue) {
		return &queue.FullError{Bound: "bytes", Limit: limit}
	}
	return nil
}

// Import implements queue.RecordStore.
func (s *Store) Import(_ context.Context, records []*queue.Record) error {
	now, err := s.begin()
	if err != nil {
		return err
	}
	defer s.end(now)
	for _, given := range records {
		if err := given.Validate(); err != nil {
			return err
		}
		if s.entries[given.ID] != nil {
			continue
		}
		r := given.Clone()
		switch r.State {
		case queue.Leased:
			r.Lost(now)
		case queue.Parked:
			r.Unpark(now, 0)
		}
		if !r.State.Terminal() {
			r.Seq, r.Turn = s.nextSeq(), 0
		}
		if _, held := s.keyHolder(r.Message, now); !held {
			s.reserveKey(r.Message, r.AcceptedAt, now)
		}
		s.insert(r, now)
		if given.State == queue.Leased && r.State.Terminal() {
			s.announce(r, now)
		}
	}
	return nil
}
