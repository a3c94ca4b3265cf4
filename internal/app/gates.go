package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// gateEvery is how often gates are compared with the configuration besides at start and after each reload: for queues
// that appear meanwhile without an endpoint (another process, an import), and for a store that did not answer.
const gateEvery = time.Minute

// gates keeps what the store knows of each queue's limits in step with the configuration.
type gates struct {
	broker *queue.Broker
	log    *slog.Logger
	live   func() *snapshot
	wake   chan struct{} // buffered: one round is due
}

// run compares until ctx ends. A store that does not answer is asked again with the next round; limits that are late
// leave the old ones standing.
func (g *gates) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.wake:
		case <-time.After(g.untilDue()):
		}
		if err := g.apply(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("limits of queues not brought up to date", telemetry.KeyError, err)
		}
	}
}

// untilDue is how long it is until the next round: until a maintenance window begins, but not longer than gateEvery.
func (g *gates) untilDue() time.Duration {
	next := gateEvery
	for _, q := range g.live().queues {
		next = nextMaintenance(q.windows, time.Now(), next)
	}
	return next
}

// soon asks for a round.
func (g *gates) soon() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// apply brings every gate in step: the limits of each served queue; the hold endpoint_missing on each queue that nothing
// serves, and only there.
func (g *gates) apply(ctx context.Context) error {
	stats, err := g.broker.Stats(ctx)
	if err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	now := g.live()
	for _, name := range slices.Sorted(maps.Keys(now.queues)) {
		q := now.queues[name]
		change := queue.GateChange{}
		have := stats.Queues[name].Gate
		if have.Limits != q.limits {
			change.Limits = &q.limits
		}
		if _, held := have.Holds[queue.HoldEndpointMissing]; held {
			change.Release = append(change.Release, queue.HoldEndpointMissing)
		}
		if _, held := have.Holds[queue.HoldAuth]; held && !q.tried.Load() {
			// The secret is another one than the one that was refused, or may be: a process that starts cannot know.
			change.Release = append(change.Release, queue.HoldAuth)
		}
		if _, open := have.Holds[queue.HoldBreaker]; q.flow.Failures == 0 && (open || have.Recovery.MaxLeased > 0) {
			change.Recover = new(int) // nobody would end what a breaker began that is switched off now
			if open {
				change.Release = append(change.Release, queue.HoldBreaker)
			}
		}
		if adapted := q.flow.Adaptive.Within(have.Adaptive); adapted != have.Adaptive {
			change.Adapt = &adapted
		}
		window := maintain(&change, q.windows, have, stats.Now, time.Now())
		if change.Limits != nil || change.Release != nil || change.Recover != nil || change.Adapt != nil || change.Hold != nil {
			if err := g.set(ctx, name, change); err != nil {
				return err
			}
		}
		if window != "" {
			g.log.Log(ctx, newsOf(stats.Queues[name].Unfinished(), slog.LevelInfo), "endpoint closed by its maintenance window",
				telemetry.KeyEndpoint, name, telemetry.KeyReason, window)
		}
		q.tried.Store(true) // not before: a store that did not answer is asked again
		for _, reason := range change.Release {
			if reason == queue.HoldMaintenance && change.Hold != nil {
				continue // it ends at another time now
			}
			g.log.Log(ctx, newsOf(stats.Queues[name].Unfinished(), slog.LevelInfo), "queue released",
				telemetry.KeyQueue, name, telemetry.KeyReason, string(reason))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stats.Queues)) {
		if _, served := now.queues[name]; served || queue.Hidden(name) {
			continue
		}
		if _, held := stats.Queues[name].Gate.Holds[queue.HoldEndpointMissing]; held {
			continue
		}
		hold := queue.HoldChange{Reason: queue.HoldEndpointMissing, Note: "the configuration names no endpoint of this name"}
		if err := g.set(ctx, name, queue.GateChange{Hold: []queue.HoldChange{hold}}); err != nil {
			return err
		}
		waiting := stats.Queues[name].Unfinished()
		g.log.Log(ctx, newsOf(waiting, slog.LevelWarn), "queue held: the configuration does not name its endpoint; it goes on when the endpoint is back",
			telemetry.KeyQueue, name, telemetry.KeyReason, string(queue.HoldEndpointMissing), telemetry.KeyWaiting, waiting)
	}
	return nil
}

// limit stores the limits of a snapshot that is about to serve, so that no call of it is made without them. Where they are those
// of the one before it needs no store: a route is bypassed by the configuration also while the store is down.
func (g *gates) limit(ctx context.Context, before, next *snapshot) error {
	stats, err := g.broker.Stats(ctx)
	if err != nil {
		if sameLimits(before, next) {
			return nil
		}
		return fmt.Errorf("read counters: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(next.queues)) {
		have, limits := stats.Queues[name].Gate, next.queues[name].limits
		adapted := next.queues[name].flow.Adaptive.Within(have.Adaptive)
		if have.Limits == limits && have.Adaptive == adapted {
			continue
		}
		if err := g.set(ctx, name, queue.GateChange{Limits: &limits, Adapt: &adapted}); err != nil {
			return err
		}
	}
	return nil
}

func sameLimits(before, next *snapshot) bool {
	for name, q := range next.queues {
		if old, ok := before.queues[name]; !ok || old.limits != q.limits {
			return false
		}
	}
	return true
}

// newsOf returns the level of a hold that begins or ends: nobody has to know while nothing waits behind it.
func newsOf(waiting int64, level slog.Level) slog.Level {
	if waiting == 0 {
		return slog.LevelDebug
	}
	return level
}

func (g *gates) set(ctx context.Context, name string, change queue.GateChange) error {
	if _, err := g.broker.SetGate(ctx, name, change); err != nil {
		return fmt.Errorf("set limits of queue %q: %w", name, err)
	}
	return nil
}
