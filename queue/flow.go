package queue

import (
	"context"
	"fmt"
	"time"
)

// Flow slows the calls of a queue down by what the last ones came to: breaker, slow start, retry budget. The Broker asks
// it; what has to outlive the process is in the gate. Its methods must not block, and many goroutines call them at once.
type Flow interface {
	// Ended is told of the end of a call before its delivery is settled, and says what follows.
	Ended(queue string, c Call) Advice

	// Retry returns when a message may be tried again that would be after the given time: no earlier.
	Retry(queue string, after time.Duration) time.Duration

	// Seen is told of a gate as the store had it: each second, and after each change that this Broker made. now is the
	// store's clock, asked when the store was asked, by this process's clock.
	Seen(queue string, g Gate, now, asked time.Time)
}

// Call is what came of one call of an endpoint, queued or passed through.
type Call struct {
	Class     Class
	Status    int     // Answered: of the answer
	Verdict   Verdict // Answered: what the status means here; never VerdictByStatus
	StartedAt time.Time
	First     bool // nothing was sent for this message before
	Ours      bool // it was cut for a reason of our own, or of its client
}

// Advice is what follows from a call. The zero value: nothing.
type Advice struct {
	Gate  GateChange // made before the delivery is settled
	Probe bool       // the call was to find out whether the endpoint is back, so its failure costs no attempt
}

// none reports whether there is nothing to change.
func (c *GateChange) none() bool {
	return len(c.Hold) == 0 && len(c.Release) == 0 && c.Limits == nil && c.Recover == nil && c.Adapt == nil && c.Intake == nil
}

// FlowEvent is a step of a breaker: a closed set, shared by logs and metric labels.
type FlowEvent string

// The steps of a breaker.
const (
	FlowOpened    FlowEvent = "opened"    // too many calls in a row failed
	FlowReopened  FlowEvent = "reopened"  // a probe failed, or the endpoint broke down while it recovered
	FlowRecovered FlowEvent = "recovered" // a probe succeeded: the slow start begins
	FlowClosed    FlowEvent = "closed"    // the slow start is over
)

// FlowEvents returns the closed set of steps.
func FlowEvents() []FlowEvent {
	return []FlowEvent{FlowOpened, FlowReopened, FlowRecovered, FlowClosed}
}

// noFlow lets everything pass.
type noFlow struct{}

func (noFlow) Ended(string, Call) Advice                         { return Advice{} }
func (noFlow) Retry(_ string, after time.Duration) time.Duration { return after }
func (noFlow) Seen(string, Gate, time.Time, time.Time)           {}

// Passed is what came of a call that passed through.
type Passed struct {
	Class      Class   // NotSent, Answered or Unanswered
	Status     int     // Answered
	Verdict    Verdict // see Outcome
	RetryAfter time.Duration
	LimitReset time.Duration // see Outcome
	Injected   bool          // see Outcome
	StartedAt  time.Time
	Ours       bool // it ended for a reason of our own, or of its client
}

// Passed closes and opens the gate of a queue by what came of a call that passed through, by the rules of Settle. It is
// called before the call's reservation is returned, so that nothing takes the slot of an endpoint that just closed.
func (b *Broker) Passed(ctx context.Context, queue string, o Passed) error {
	p := b.policy(queue)
	c := Call{Class: o.Class, Status: o.Status, StartedAt: o.StartedAt, First: true, Ours: o.Ours}
	var change GateChange
	if o.Class == Answered {
		if c.Verdict = o.Verdict; c.Verdict == VerdictByStatus {
			c.Verdict = p.verdict(Answer{Status: o.Status, HasAfter: o.RetryAfter > 0, InjectedAuth: o.Injected})
		}
		hold := cooldown(c.Verdict, o.RetryAfter, o.LimitReset)
		if c.Verdict == VerdictAuth {
			hold = refusedCredentials()
		}
		if hold != nil {
			change.Hold = append(change.Hold, *hold)
		}
	}
	change = change.and(b.flow.Ended(queue, c).Gate)
	if change.none() {
		return nil
	}
	if err := b.repeat(ctx, func() error { _, err := b.SetGate(ctx, queue, change); return err }); err != nil {
		return fmt.Errorf("close or open %q: %w", queue, err)
	}
	return nil
}

// and returns both changes as one; where both change a field, the second one counts.
func (c GateChange) and(d GateChange) GateChange {
	c.Hold = append(c.Hold, d.Hold...)
	c.Release = append(c.Release, d.Release...)
	if d.Limits != nil {
		c.Limits = d.Limits
	}
	if d.Recover != nil {
		c.Recover = d.Recover
	}
	if d.Adapt != nil {
		c.Adapt = d.Adapt
	}
	if d.Intake != nil {
		c.Intake = d.Intake
	}
	return c
}

// refusedCredentials is the hold of an endpoint that answers 401 or 403 to the credentials that are configured for it.
func refusedCredentials() *HoldChange {
	return &HoldChange{Reason: HoldAuth, Note: "correct them in the configuration, which opens it, or release it"}
}

// cooldown returns the hold that an answer asks for, or nil: 429 and 503 by their Retry-After, any answer by a RateLimit
// that is used up.
func cooldown(v Verdict, retryAfter, limitReset time.Duration) *HoldChange {
	switch {
	case v == VerdictWait && retryAfter > 0 && retryAfter >= limitReset:
		return &HoldChange{Reason: HoldCooldown, For: Cooldown(retryAfter), Note: "the endpoint answered with Retry-After"}
	case limitReset > 0:
		return &HoldChange{Reason: HoldCooldown, For: Cooldown(limitReset), Note: "the endpoint's RateLimit is used up"}
	}
	return nil
}
