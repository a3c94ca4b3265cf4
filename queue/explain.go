package queue

import (
	"context"
	"errors"
	"time"
)

// Cause is why work is where it is: a closed set, shared by the API and the commands.
type Cause string

// The causes. Those of the terminal states have the names of the states.
const (
	CauseClosed      Cause = "closed"      // a hold keeps the queue closed; Explanation.Hold says which
	CauseConcurrency Cause = "concurrency" // as many run at once as may
	CauseRate        Cause = "rate"        // no more may start in a second
	CauseLane        Cause = "lane"        // others with its key are before it
	CauseLaneBlocked Cause = "lane_block"  // a dead letter with its key blocks it
	CauseTurn        Cause = "turn"        // others of its queue are before it, or no worker is free
	CauseDelayed     Cause = "delayed"     // not before a time that the client gave
	CauseBackoff     Cause = "backoff"     // the next attempt comes later
	CauseRunning     Cause = "running"     // with a worker
	CauseAborting    Cause = "aborting"    // with a worker that is asked to abort
	CauseDone        Cause = "done"
	CauseDead        Cause = "dead"
	CauseCancelled   Cause = "cancelled"
	CauseExpired     Cause = "expired"
	CauseIdle        Cause = "idle" // of a queue: nothing waits
)

// Causes returns the closed set of causes.
func Causes() []Cause {
	return []Cause{CauseClosed, CauseConcurrency, CauseRate, CauseLane, CauseLaneBlocked, CauseTurn, CauseDelayed, CauseBackoff,
		CauseRunning, CauseAborting, CauseDone, CauseDead, CauseCancelled, CauseExpired, CauseIdle}
}

// Explanation says why a message, or the work of a queue, is where it is.
type Explanation struct {
	Cause       Cause
	Record      *Record // nil: the explanation is of a queue
	Queue       QueueStats
	Now         time.Time  // the store's clock
	Hold        HoldReason // what keeps the queue closed longest, also where Cause is another; "" if it is open
	Held        Hold
	Position    int64 // of a waiting message, an upper bound; 0: not known
	MaxAttempts int   // that the queue's policy allows
	BlockedBy   ID    // CauseLaneBlocked: the dead letter
	Drain       Drain // by the counters in Queue
}

// Explain returns why a message is where it is. The errors are those of Get.
func (b *Broker) Explain(ctx context.Context, id ID) (*Explanation, error) {
	r, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	p := b.policy(r.Queue)
	e := &Explanation{Record: r, MaxAttempts: p.attempts(r.Route)}
	if err := b.surroundings(ctx, r.Queue, e); err != nil || r.State.Terminal() {
		e.Cause = e.ofMessage()
		return e, err
	}
	if r.State.Waiting() {
		if e.Position, err = b.store.Position(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	if r.State == Parked && r.Lane.OnDead == OnDeadBlock {
		page, err := b.store.List(ctx, Filter{Queue: r.Queue, States: []State{Dead}, LaneKey: r.Lane.Key, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(page.Records) > 0 {
			e.BlockedBy = page.Records[0].ID
		}
	}
	e.Cause = e.ofMessage()
	return e, nil
}

// ExplainQueue returns why the work of a queue is not running, or that it is.
func (b *Broker) ExplainQueue(ctx context.Context, queue string) (*Explanation, error) {
	e := &Explanation{MaxAttempts: b.policy(queue).MaxAttempts}
	err := b.surroundings(ctx, queue, e)
	e.Cause = e.ofQueue()
	return e, err
}

func (b *Broker) surroundings(ctx context.Context, queue string, e *Explanation) error {
	stats, err := b.store.Stats(ctx)
	if err != nil {
		return err
	}
	e.Queue, e.Now = stats.Queues[queue], stats.Now
	e.Drain = drainOf(e.Queue, e.Now, b.sample.Load().rates[queue])
	e.Hold, e.Held, _ = e.Queue.Gate.Closed(stats.Now)
	return nil
}

func (e *Explanation) ofMessage() Cause {
	switch r := e.Record; r.State {
	case Done:
		return CauseDone
	case Dead:
		return CauseDead
	case Cancelled:
		return CauseCancelled
	case Expired:
		return CauseExpired
	case Leased:
		if r.CancelRequested {
			return CauseAborting
		}
		return CauseRunning
	case Parked:
		if !e.BlockedBy.IsZero() {
			return CauseLaneBlocked
		}
		return CauseLane
	case Scheduled:
		if r.Deliveries > 0 {
			return CauseBackoff
		}
		return CauseDelayed
	default:
		return e.ofGate()
	}
}

func (e *Explanation) ofQueue() Cause {
	switch {
	case e.Hold != "":
		return CauseClosed
	case e.Queue.Depth() == 0 && e.Queue.Leased > 0:
		return CauseRunning
	case e.Queue.Depth() == 0:
		return CauseIdle
	case e.Queue.Ready == 0 && e.Queue.Parked > 0:
		return CauseLane
	}
	return e.ofGate()
}

// ofGate is what ready work waits for. The tokens of a rate are known to the store alone: where a rate is set, and neither
// a hold nor the number that runs is in the way, it is what the work goes by.
func (e *Explanation) ofGate() Cause {
	most := e.Queue.Gate.MaxLeased()
	switch {
	case e.Hold != "":
		return CauseClosed
	case most > 0 && e.Queue.Leased+int64(e.Queue.Reserved) >= int64(most):
		return CauseConcurrency
	case e.Queue.Gate.Limits.Rate > 0:
		return CauseRate
	}
	return CauseTurn
}
