package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

// dueAtOnce is how many changes one call makes that time brings.
const dueAtOnce = 100

// Run implements queue.Life.
func (s *Store) Run(ctx context.Context, observe func(queue.Event)) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if observe == nil {
		observe = func(queue.Event) {}
	}
	woken, done := s.events.wait("t")
	defer done()
	for ctx.Err() == nil {
		wait, err := s.tick(ctx, observe)
		if err != nil && !errors.Is(err, queue.ErrUnavailable) && !errors.Is(err, queue.ErrOutcomeUnknown) {
			return err
		}
		if err != nil {
			wait = lookAgain // the server is gone for now; who calls the store hears of it
		}
		switch err := s.awaitTurn(ctx, woken, wait); {
		case errors.Is(err, queue.ErrClosed):
			return err
		case err != nil:
			return nil
		}
	}
	return nil
}

// tick makes happen what is due, and returns when to look again.
func (s *Store) tick(ctx context.Context, observe func(queue.Event)) (time.Duration, error) {
	answer, err := s.do(ctx, "run", true, text(dueAtOnce))
	if err != nil {
		return 0, err
	}
	parts, err := answer.ToArray()
	if err != nil || len(parts) != 4 {
		return 0, fmt.Errorf("run: %w", errors.Join(err, queue.ErrCorrupt))
	}
	events, err := parts[0].ToArray()
	if err != nil {
		return 0, err
	}
	for _, e := range events {
		if err := s.observed(e, observe); err != nil {
			return 0, err
		}
	}
	ids, err := parts[1].AsStrSlice()
	if err != nil {
		return 0, err
	}
	us, err := parts[3].AsInt64()
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := s.ring(ctx, idOf(id), time.UnixMicro(us).UTC(), observe); err != nil {
			return 0, err
		}
	}
	next, err := parts[2].AsInt64()
	if len(ids) > 0 {
		next = 0
	}
	return waitOf(next), err
}

var eventKinds = [...]queue.EventKind{1: queue.EventDue, 2: queue.EventLapsed, 3: queue.EventExpired, 4: queue.EventRemoved}

// observed reports an event: its kind, the state, the reason, the ID and the message.
func (s *Store) observed(e rueidis.RedisMessage, observe func(queue.Event)) error {
	parts, err := e.ToArray()
	if err != nil || len(parts) == 0 {
		return err
	}
	kind, err := parts[0].AsInt64()
	if err != nil {
		return err
	}
	state, err := parts[1].AsInt64()
	if err != nil {
		return err
	}
	reason, err := parts[2].ToString()
	if err != nil {
		return err
	}
	encoded, err := parts[4].AsBytes()
	if err != nil {
		return err
	}
	m, err := queue.DecodeMessage(encoded, s)
	if err != nil {
		return err
	}
	observe(queue.Event{Kind: eventKinds[kind], ID: m.ID, Queue: m.Queue, Endpoint: m.Endpoint, Route: m.Route, Reason: queue.Reason(reason), State: queue.State(state)})
	return nil
}

// ring makes happen what is due for a record that has to be announced when it ends.
func (s *Store) ring(ctx context.Context, id queue.ID, now time.Time, observe func(queue.Event)) error {
	_, err := s.announced(ctx, id, now, func(r *queue.Record, now time.Time) error {
		if r.Timer(now) == 0 {
			return queue.ErrLeaseLost // another process was faster
		}
		return nil
	}, func(ticket []string) (word, error) {
		answer, err := s.do(ctx, "ring", true, append([]string{idText(id)}, ticket...)...)
		if err != nil {
			return word{}, err
		}
		parts, err := answer.ToArray()
		if err != nil || len(parts) != 2 {
			return word{}, fmt.Errorf("run: %w", errors.Join(err, queue.ErrCorrupt))
		}
		return word{word: "ok"}, s.observed(parts[0], observe)
	})
	return err
}

// lose ends a lease as if its time were over.
func (s *Store) lose(ctx context.Context, ref queue.LeaseRef) error {
	try := func(ticket []string) (word, error) {
		answer, err := s.do(ctx, "lose", true, append([]string{idText(ref.ID), text(float64(ref.Token))}, ticket...)...)
		if err != nil {
			return word{}, err
		}
		w, _, err := wordOf(answer)
		return w, err
	}
	w, err := try(noTicket)
	if err != nil || w.word != "ticket" {
		return err
	}
	_, err = s.announced(ctx, ref.ID, w.now, func(r *queue.Record, now time.Time) error {
		if r.State != queue.Leased || r.LeaseToken != ref.Token {
			return queue.ErrLeaseLost
		}
		r.Lost(now)
		return nil
	}, try)
	return err
}
