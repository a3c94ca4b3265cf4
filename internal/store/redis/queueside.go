package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

// Enqueue implements queue.QueueStore.
func (s *Store) Enqueue(ctx context.Context, messages []*queue.Message) ([]queue.Enqueued, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	answers := make([]queue.Enqueued, len(messages))
	args := []string{text(float64(s.options.MaxMessages)), text(float64(s.options.MaxBytes))}
	var asked []int
	for i, m := range messages {
		answers[i].ID = m.ID
		if answers[i].Err = m.Validate(); answers[i].Err != nil {
			continue
		}
		asked = append(asked, i)
		encoded := queue.AppendMessage(nil, m)
		scope, fingerprint, keep := idempotency(m)
		args = append(args, idText(m.ID), raw(encoded), raw(static(m, len(encoded))), m.Request.Body.Ref(), scope, fingerprint, text(keep))
	}
	if len(asked) == 0 {
		return answers, nil
	}
	answer, err := s.do(ctx, "enqueue", true, args...)
	if err != nil {
		return nil, err
	}
	all, err := answer.ToArray()
	if err != nil || len(all) != len(asked) {
		return nil, fmt.Errorf("enqueue: %d answers for %d messages: %w", len(all), len(asked), err)
	}
	for n, i := range asked {
		if answers[i], err = s.enqueued(ctx, messages[i], all[n]); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// idempotency returns the scope, the fingerprint and how long the key is kept, in microseconds.
func idempotency(m *queue.Message) (scope, fingerprint string, keep float64) {
	if m.Idempotency == nil {
		return "", "", 0
	}
	return string(m.Idempotency.Scope[:]), string(m.Idempotency.Fingerprint[:]), microseconds(m.Idempotency.Keep)
}

func (s *Store) enqueued(ctx context.Context, m *queue.Message, answer rueidis.RedisMessage) (queue.Enqueued, error) {
	pair, err := answer.AsStrSlice()
	if err != nil || len(pair) != 2 {
		return queue.Enqueued{}, fmt.Errorf("enqueue: %w", errors.Join(err, queue.ErrCorrupt))
	}
	e := queue.Enqueued{ID: idOf(pair[1])}
	switch pair[0] {
	case "stored":
		s.held.body(m.Request.Body.Ref(), false)
	case "duplicate":
		e.Duplicate = true
	case "reused":
		e.Err = queue.ErrKeyReused
	case "messages":
		e.Err = &queue.FullError{Bound: "messages", Limit: s.options.MaxMessages}
	case "bytes":
		e.Err = &queue.FullError{Bound: "bytes", Limit: s.options.MaxBytes}
	case "paused":
		gate, _, now, err := s.gate(ctx, m.Queue)
		if err != nil {
			return queue.Enqueued{}, err
		}
		if e.Err = gate.Refusal(m.Queue, now); e.Err == nil {
			e.Err = &queue.IntakeError{Queue: m.Queue} // it has just been resumed
		}
	}
	return e, nil
}

// lookAgain is how often who waits looks again in case a notice was lost.
const lookAgain = time.Second

// newWaiter returns a name for one call that waits.
func newWaiter() string {
	var b [16]byte
	rand.Read(b[:]) // documented never to fail
	return string(b[:])
}

// Lease implements queue.QueueStore.
func (s *Store) Lease(ctx context.Context, request queue.LeaseRequest) ([]queue.Lease, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	waiter := newWaiter()
	args := []string{request.Worker, text(microseconds(request.TTL)), text(float64(request.Max)), text(float64(request.Slots)), waiter}
	var names, subjects []string
	for _, want := range request.Queues {
		args = append(args, want.Queue, text(float64(want.Held)))
		names, subjects = append(names, want.Queue), append(subjects, "q"+want.Queue)
	}
	woken, done := s.events.wait(subjects...)
	defer done()
	for {
		leases, wait, err := s.tryLease(ctx, args, &request)
		if err != nil || len(leases) > 0 {
			return leases, err
		}
		if err := s.awaitTurn(ctx, woken, wait); err != nil {
			s.leave(ctx, waiter, names)
			return nil, err
		}
	}
}

func (s *Store) tryLease(ctx context.Context, args []string, request *queue.LeaseRequest) ([]queue.Lease, time.Duration, error) {
	answer, err := s.do(ctx, "lease", true, args...)
	if err != nil {
		return nil, 0, err
	}
	parts, err := answer.ToArray()
	if err != nil || len(parts) != 2 {
		return nil, 0, fmt.Errorf("lease: %w", errors.Join(err, queue.ErrCorrupt))
	}
	records, err := parts[0].ToArray()
	if err != nil {
		return nil, 0, err
	}
	leases := make([]queue.Lease, 0, len(records))
	for _, part := range records {
		r, err := s.recordOf(part)
		if err != nil {
			return nil, 0, err
		}
		ref := queue.LeaseRef{ID: r.ID, Token: r.LeaseToken}
		s.held.lease(ref)
		s.events.onCancel(ref, request.OnCancel)
		leases = append(leases, queue.Lease{LeaseRef: ref, Record: r, ExpiresAt: r.LeaseExpiresAt})
	}
	us, err := parts[1].AsInt64()
	return leases, waitOf(us), err
}

// waitOf is how long to wait at most, of what the library says.
func waitOf(us int64) time.Duration {
	if us < 0 {
		return lookAgain
	}
	return min(time.Duration(us)*time.Microsecond+50*time.Microsecond, lookAgain)
}

// awaitTurn returns nil when it is time to look again.
func (s *Store) awaitTurn(ctx context.Context, woken <-chan struct{}, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-woken:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.ctx.Done():
		return queue.ErrClosed
	}
	return nil
}

// leave tells the shard that a call waits no longer; otherwise it would be waited for, for a second.
func (s *Store) leave(ctx context.Context, waiter string, names []string) {
	_, _ = s.do(ctx, "leave", false, append([]string{waiter}, names...)...)
}

// Extend implements queue.QueueStore.
func (s *Store) Extend(ctx context.Context, refs []queue.LeaseRef, ttl time.Duration) ([]queue.Extended, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	if len(refs) == 0 {
		return nil, nil
	}
	args := []string{text(microseconds(ttl))}
	for _, ref := range refs {
		args = append(args, idText(ref.ID), text(float64(ref.Token)))
	}
	answer, err := s.do(ctx, "extend", false, args...)
	if err != nil {
		return nil, err
	}
	words, err := answer.AsIntSlice()
	if err != nil || len(words) != len(refs) {
		return nil, fmt.Errorf("extend: %w", errors.Join(err, queue.ErrCorrupt))
	}
	answers := make([]queue.Extended, len(refs))
	for i, word := range words {
		if answers[i].CancelRequested = word == 2; word == 0 {
			answers[i].Err = queue.ErrLeaseLost
		}
	}
	return answers, nil
}

// Settle implements queue.QueueStore.
func (s *Store) Settle(ctx context.Context, settlements []queue.Settlement) ([]error, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	answers := make([]error, len(settlements))
	var args []string
	for i := range settlements {
		args = append(append(args, settlementArgs(&settlements[i])...), noTicket...)
	}
	words, err := s.settle(ctx, args, len(settlements))
	if err != nil {
		return nil, err
	}
	for i := range settlements {
		if words[i].word == "ticket" {
			if answers[i], err = s.settleAnnounced(ctx, &settlements[i], words[i].now); err != nil {
				return nil, err
			}
		} else if words[i].word == "lost" {
			answers[i] = queue.ErrLeaseLost
		}
		s.settled(&settlements[i], answers[i])
	}
	return answers, nil
}

// settled forgets what this process held, if it was settled.
func (s *Store) settled(settlement *queue.Settlement, err error) {
	s.events.forget(settlement.LeaseRef)
	s.held.settled(settlement.LeaseRef)
	if err == nil && settlement.Result != nil {
		s.held.body(settlement.Result.Body.Ref(), false)
	}
}

func settlementArgs(v *queue.Settlement) []string {
	mayRun, counted := "0", "0"
	if v.MayHaveRun {
		mayRun = "1"
	}
	var entry, result, body string
	if v.Attempt != nil {
		if entry = raw(attempt(v.Attempt)); v.Attempt.Counted {
			counted = "1"
		}
	}
	if v.Result != nil {
		result, body = raw(queue.AppendResult(nil, v.Result)), v.Result.Body.Ref()
	}
	return []string{idText(v.ID), text(float64(v.Token)), text(float64(v.Kind)), string(v.Reason), text(microseconds(v.After)), mayRun, entry, counted,
		result, text(float64(len(result))), body}
}

// word is what the library answers about one record.
type word struct {
	word string
	now  time.Time
}

func (s *Store) settle(ctx context.Context, args []string, n int) ([]word, error) {
	answer, err := s.do(ctx, "settle", true, args...)
	if err != nil {
		return nil, err
	}
	all, err := answer.ToArray()
	if err != nil || len(all) != n {
		return nil, fmt.Errorf("settle: %w", errors.Join(err, queue.ErrCorrupt))
	}
	words := make([]word, n)
	for i := range all {
		parts, err := all[i].ToArray()
		if err != nil || len(parts) == 0 {
			return nil, fmt.Errorf("settle: %w", errors.Join(err, queue.ErrCorrupt))
		}
		if words[i].word, err = parts[0].ToString(); err != nil {
			return nil, err
		}
		if len(parts) > 1 {
			us, err := parts[1].AsInt64()
			if err != nil {
				return nil, err
			}
			words[i].now = time.UnixMicro(us).UTC()
		}
	}
	return words, nil
}

// settleAnnounced settles a record that has to be announced when it ends.
func (s *Store) settleAnnounced(ctx context.Context, settlement *queue.Settlement, now time.Time) (answer error, err error) {
	return s.announced(ctx, settlement.ID, now, func(r *queue.Record, now time.Time) error { return r.Settle(*settlement, now) },
		func(ticket []string) (word, error) {
			words, err := s.settle(ctx, append(settlementArgs(settlement), ticket...), 1)
			if err != nil {
				return word{}, err
			}
			if words[0].word == "lost" {
				return words[0], queue.ErrLeaseLost
			}
			return words[0], nil
		})
}
