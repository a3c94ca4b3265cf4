package ingress

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// spares stand in for the gates of a store that cannot be reached: each holds the last known gate of its queue against the calls
// of this process alone. Limits are therefore those of one process while it lasts, and what the store gave out before counts no more.
type spares struct {
	mu     sync.Mutex
	queues map[string]*spareGate
}

// spareGate is one of them.
type spareGate struct {
	running int
	limits  queue.Limits
	bucket  queue.Bucket
	freed   chan struct{} // closed when a slot comes free
}

// spare takes a slot and a token without the store, and waits for them at most as long as the request may stand in line.
func (h *Handler) spare(ctx context.Context, c *call) (free func(), err error) {
	wait := time.NewTimer(c.prefer.waitWithin(&c.target))
	defer wait.Stop()
	for {
		gate, now := h.broker.LastGate(c.target.Queue)
		if reason, hold, closed := gate.Closed(now); closed {
			e := &queue.GateError{Queue: c.target.Queue, Reason: string(reason)}
			if !hold.Until.IsZero() {
				e.After = hold.Until.Sub(now)
			}
			return nil, fmt.Errorf("the store is down, and its last word was: %w", e)
		}
		free, freed, after := h.spares.take(c.target.Queue, gate, now)
		if free != nil {
			return free, nil
		}
		token := time.NewTimer(after)
		select {
		case <-freed:
			token.Stop()
		case <-token.C:
		case <-ctx.Done():
			token.Stop()
			return nil, context.Cause(ctx)
		case <-wait.C:
			token.Stop()
			return nil, &queue.GateError{Queue: c.target.Queue, Reason: queue.LimitReached, After: after}
		}
	}
}

// forASlot is when who waits for a slot looks again at the latest: the gate may have changed.
const forASlot = time.Second

// take takes a slot and a token if both are there. If not, it returns what is closed when a slot comes free, and when to look
// again.
func (s *spares) take(name string, gate queue.Gate, now time.Time) (free func(), freed <-chan struct{}, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.queues[name]
	if g == nil {
		g = &spareGate{limits: gate.Limits, bucket: queue.EmptyBucket(now, gate.Limits), freed: make(chan struct{})}
		if s.queues == nil {
			s.queues = make(map[string]*spareGate)
		}
		s.queues[name] = g
	}
	if g.limits != gate.Limits {
		g.limits, g.bucket = gate.Limits, g.bucket.Under(now, gate.Limits)
	}
	if limit := gate.MaxLeased(); limit > 0 && g.running >= limit {
		return nil, g.freed, forASlot
	}
	if !g.bucket.Take(now, g.limits) {
		return nil, nil, max(g.bucket.At(g.limits).Sub(now), time.Millisecond)
	}
	g.running++
	return sync.OnceFunc(func() { s.free(g) }), nil, 0
}

func (s *spares) free(g *spareGate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.running--
	close(g.freed)
	g.freed = make(chan struct{})
}
