package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

// gate returns the gate of a queue, its version, and the time.
func (s *Store) gate(ctx context.Context, name string) (g queue.Gate, version string, now time.Time, err error) {
	answer, err := s.do(ctx, "gate", false, name)
	if err != nil {
		return g, "", now, err
	}
	parts, err := answer.ToArray()
	if err != nil || len(parts) != 3 {
		return g, "", now, fmt.Errorf("gate: %w", errors.Join(err, queue.ErrCorrupt))
	}
	kept, err := parts[0].ToString()
	if err != nil {
		return g, "", now, err
	}
	if version, err = parts[1].ToString(); err != nil {
		return g, "", now, err
	}
	us, err := parts[2].AsInt64()
	if err != nil {
		return g, "", now, err
	}
	g, err = gateOf(kept)
	return g, version, time.UnixMicro(us).UTC(), err
}

func gateOf(kept string) (g queue.Gate, err error) {
	if kept == "" {
		return g, nil
	}
	if err = json.Unmarshal([]byte(kept), &g); err != nil {
		err = fmt.Errorf("decode gate: %w: %w", queue.ErrCorrupt, err)
	}
	return g, err
}

// forever is later than any time, for the library.
const forever = 9e15

// SetGate implements queue.ControlStore.
func (s *Store) SetGate(ctx context.Context, name string, change queue.GateChange) (queue.Gate, error) {
	if err := s.begin(); err != nil {
		return queue.Gate{}, err
	}
	defer s.end()
	for {
		g, version, now, err := s.gate(ctx, name)
		if err != nil {
			return g, err
		}
		g = g.Apply(change, now)
		kept, err := json.Marshal(g)
		if err != nil {
			return g, err
		}
		closed, intake, limits := 0.0, 0.0, "0"
		for _, hold := range g.Holds {
			closed = max(closed, until(hold))
		}
		if g.Intake != nil {
			intake = until(*g.Intake)
		}
		if change.Limits != nil {
			limits = "1"
		}
		l := g.Limits
		ivl := interval(l.Rate, l.Burst)
		answer, err := s.do(ctx, "setgate", true, name, version, string(kept), text(closed), text(intake), text(float64(g.MaxLeased())), text(ivl),
			text(float64(max(l.Burst, 1))), text(min(ivl/4, 10_000)), text(float64(l.Share())), limits)
		if err != nil {
			return g, err
		}
		if done, err := answer.AsInt64(); err != nil || done == 1 {
			return g, err
		}
	}
}

func until(h queue.Hold) float64 {
	if h.Until.IsZero() {
		return forever
	}
	return micros(h.Until)
}

// Reserve implements queue.ControlStore.
func (s *Store) Reserve(ctx context.Context, name string, ttl time.Duration) (queue.LeaseRef, error) {
	if err := s.begin(); err != nil {
		return queue.LeaseRef{}, err
	}
	defer s.end()
	waits := "0"
	if ctx.Err() == nil {
		waits = "1"
	}
	id := queue.NewID(queue.HomeOf(name), time.Now())
	waiter := idText(id) + text(microseconds(ttl))
	woken, done := s.events.wait("q"+name, "g"+idText(id))
	defer done()
	for {
		answer, err := s.do(ctx, "reserve", true, name, waiter, waits)
		if err != nil {
			return queue.LeaseRef{}, err
		}
		words, err := answer.AsIntSlice()
		if err != nil || len(words) == 0 {
			return queue.LeaseRef{}, fmt.Errorf("reserve: %w", errors.Join(err, queue.ErrCorrupt))
		}
		if words[0] == 1 {
			s.held.slot(id, true)
			return queue.LeaseRef{ID: id, Token: 1}, nil
		}
		after := words[1]
		err = context.Cause(ctx)
		if err == nil {
			err = s.awaitTurn(ctx, woken, waitOf(after))
		}
		if err == nil {
			continue
		}
		if waits == "1" {
			s.leave(ctx, waiter, []string{name})
		}
		if errors.Is(err, queue.ErrClosed) {
			return queue.LeaseRef{}, err
		}
		return queue.LeaseRef{}, s.gateError(ctx, name, after)
	}
}

// gateError says what keeps a gate closed.
func (s *Store) gateError(ctx context.Context, name string, after int64) error {
	g, _, now, err := s.gate(ctx, name)
	if err != nil {
		return err
	}
	failure := &queue.GateError{Queue: name, Reason: queue.LimitReached}
	if reason, hold, closed := g.Closed(now); closed {
		if failure.Reason = string(reason); !hold.Until.IsZero() {
			failure.After = hold.Until.Sub(now)
		}
	} else if after > 0 {
		failure.After = time.Duration(after) * time.Microsecond
	}
	return failure
}

// Return implements queue.ControlStore.
func (s *Store) Return(ctx context.Context, ref queue.LeaseRef) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	_, err := s.do(ctx, "return", false, idText(ref.ID))
	if err == nil {
		s.held.slot(ref.ID, false)
	}
	return err
}

// Room implements queue.ControlStore: a server that is full says so itself.
func (s *Store) Room() error {
	if err := s.begin(); err != nil {
		return err
	}
	s.end()
	return nil
}

// Stats implements queue.ControlStore.
func (s *Store) Stats(ctx context.Context) (queue.Stats, error) {
	if err := s.begin(); err != nil {
		return queue.Stats{}, err
	}
	defer s.end()
	return s.stats(ctx)
}

func (s *Store) stats(ctx context.Context) (queue.Stats, error) {
	answer, err := s.do(ctx, "stats", false)
	if err != nil {
		return queue.Stats{}, err
	}
	parts, err := answer.ToArray()
	if err != nil || len(parts) < 2 {
		return queue.Stats{}, fmt.Errorf("stats: %w", errors.Join(err, queue.ErrCorrupt))
	}
	us, err := parts[0].AsInt64()
	if err != nil {
		return queue.Stats{}, err
	}
	stats := queue.Stats{Queues: make(map[string]queue.QueueStats), Now: time.UnixMicro(us).UTC()}
	if stats.Bytes, err = parts[1].AsInt64(); err != nil {
		return stats, err
	}
	for _, part := range parts[2:] {
		name, q, err := queueStats(part, stats.Now)
		if err != nil {
			return stats, err
		}
		stats.Queues[name] = q
	}
	return stats, nil
}

func queueStats(part rueidis.RedisMessage, now time.Time) (name string, q queue.QueueStats, err error) {
	line, err := part.ToArray()
	if err != nil || len(line) != 15 {
		return "", q, fmt.Errorf("stats: %w", errors.Join(err, queue.ErrCorrupt))
	}
	if name, err = line[0].ToString(); err != nil {
		return "", q, err
	}
	var oldest, reserved int64
	for i, into := range map[int]*int64{1: &q.Accepted, 2: &q.Ready, 3: &q.Parked, 4: &q.Scheduled, 5: &q.Leased, 6: &q.Done, 7: &q.Dead, 8: &q.Cancelled,
		9: &q.Expired, 10: &q.Removed, 12: &reserved, 13: &oldest, 14: &q.Overdue} {
		if *into, err = line[i].AsInt64(); err != nil {
			return "", q, err
		}
	}
	kept, err := line[11].ToString()
	if err != nil {
		return "", q, err
	}
	g, err := gateOf(kept)
	q.Gate, q.Reserved, q.OldestAt = g.Apply(queue.GateChange{}, now), int(reserved), timeOf(float64(oldest))
	return name, q, err
}
