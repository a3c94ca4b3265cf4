package queue

import (
	"context"
	"errors"
	"time"
)

// Lease takes deliveries; see [Store].Lease.
func (b *Broker) Lease(ctx context.Context, request LeaseRequest) ([]*Delivery, error) {
	leases, err := b.store.Lease(ctx, request)
	if err != nil {
		return nil, err
	}
	deliveries := make([]*Delivery, len(leases))
	for i := range leases {
		r := leases[i].Record
		p := b.policy(r.Queue)
		deliveries[i] = &Delivery{LeaseRef: leases[i].LeaseRef, Record: r, Bodies: b.store, Last: r.Attempts+1 >= p.MaxAttempts}
		b.observer.Observe(Event{Kind: EventLeased, ID: r.ID, Queue: r.Queue, Endpoint: r.Endpoint, State: Leased,
			Duration: r.UpdatedAt.Sub(r.AcceptedAt)})
	}
	return deliveries, nil
}

// Extend prolongs leases and reservations; see [Store].Extend.
func (b *Broker) Extend(ctx context.Context, refs []LeaseRef, ttl time.Duration) ([]Extended, error) {
	return b.store.Extend(ctx, refs, ttl)
}

// Settle ends a delivery as its outcome and the queue's policy say: result, retry, dead letter or release. A lost reply
// is repeated while ctx stands. ErrLeaseLost means that the delivery no longer counts, and nothing was changed.
func (b *Broker) Settle(ctx context.Context, d *Delivery, o Outcome) error {
	p := b.policy(d.Record.Queue)
	s, hold := p.decide(d, o)
	if hold != nil {
		// The hold comes first: a message that went back before it could be leased again and burn the cooldown.
		if err := b.repeat(ctx, func() error {
			_, err := b.store.SetGate(ctx, d.Record.Queue, GateChange{Hold: []HoldChange{*hold}})
			return err
		}); err != nil {
			if o.Result != nil {
				_ = b.store.DiscardBody(ctx, o.Result.Body) // what stays is swept
			}
			b.observer.Observe(settleEvent(d, o, &s, err))
			return err
		}
	}
	var unsure bool
	err := b.repeat(ctx, func() error {
		errs, err := b.store.Settle(ctx, []Settlement{s})
		if err != nil {
			unsure = unsure || errors.Is(err, ErrOutcomeUnknown)
			return err
		}
		return errs[0]
	})
	if unsure && errors.Is(err, ErrLeaseLost) && b.settled(ctx, &s) {
		err = nil
	}
	if o.Result != nil && (s.Result != o.Result || err != nil) {
		// Nobody took the answer's body. A failure leaves a staged body behind, which the store sweeps.
		_ = b.store.DiscardBody(ctx, o.Result.Body)
	}
	b.observer.Observe(settleEvent(d, o, &s, err))
	return err
}

// repeat calls f until it succeeds or fails for good; an unreachable store is asked again while ctx stands.
func (b *Broker) repeat(ctx context.Context, f func() error) error {
	backoff := Backoff{Base: 20 * time.Millisecond, Max: time.Second}
	for n := 1; ; n++ {
		err := f()
		if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrOutcomeUnknown) {
			return err
		}
		if !pause(ctx, backoff.Delay(n)) {
			return err
		}
	}
}

// settled reports whether a settlement whose reply was lost has been applied: the history names its delivery.
func (b *Broker) settled(ctx context.Context, s *Settlement) bool {
	r, err := b.store.Get(ctx, s.ID)
	if err != nil {
		return false
	}
	for i := range r.History {
		if s.Attempt != nil && r.History[i].Delivery == s.Attempt.Delivery {
			return r.History[i].Class == s.Attempt.Class && r.History[i].StartedAt.Equal(s.Attempt.StartedAt)
		}
	}
	return false
}

func settleEvent(d *Delivery, o Outcome, s *Settlement, err error) Event {
	e := Event{Kind: EventSettled, ID: d.ID, Queue: d.Record.Queue, Endpoint: d.Record.Endpoint, Class: o.Class,
		Reason: s.Reason, Duration: o.Duration, Err: o.Err}
	if o.Result != nil {
		e.Status = o.Result.Status
	}
	switch s.Kind {
	case SettleDone:
		e.State = Done
	case SettleDead:
		e.State = Dead
	case SettleCancelled:
		e.State = Cancelled
	case SettleRelease:
		e.State = Ready
	case SettleRetry:
		e.State = Scheduled
	}
	if err != nil {
		e.Kind, e.Err = EventLeaseLost, err
	}
	return e
}

// decide turns an outcome into a settlement, and a hold where the endpoint asked for one.
func (p *Policy) decide(d *Delivery, o Outcome) (Settlement, *HoldChange) {
	if o.Class == Answered && o.Result == nil {
		o.Class, o.Err = Unanswered, errNoResult
	}
	s := Settlement{LeaseRef: d.LeaseRef, Attempt: o.attempt(d)}
	if o.Class != Answered && errors.Is(o.Err, ErrCancelRequested) {
		s.Kind, s.MayHaveRun = SettleCancelled, o.Class == Unanswered
		s.Attempt.Counted = s.MayHaveRun
		return s, nil
	}
	switch o.Class {
	case NotBegun:
		s.Kind, s.Attempt = SettleRelease, nil
	case NotSent:
		s.Kind, s.After = SettleRetry, p.Backoff.Delay(d.Record.Uncounted+1)
	case Answered:
		return p.decideAnswer(d, o, s)
	case Unanswered:
		switch {
		case !d.Repeatable():
			s.dead(ReasonUnknownOutcome, o.Result)
		case errors.Is(o.Err, ErrDraining):
			s.Kind = SettleRetry // R14: cut by our own end, so it costs nothing
		default:
			p.retry(d, o, &s)
		}
	default:
		s.dead(ReasonRejected, o.Result)
	}
	return s, nil
}

func (p *Policy) decideAnswer(d *Delivery, o Outcome, s Settlement) (Settlement, *HoldChange) {
	switch p.verdict(d, o) {
	case VerdictRetry:
		p.retry(d, o, &s)
	case VerdictWait:
		s.Kind, s.After = SettleRetry, p.Backoff.Delay(d.Record.Uncounted+1)
		if o.RetryAfter > 0 {
			s.After = Cooldown(o.RetryAfter)
			return s, &HoldChange{Reason: HoldCooldown, For: s.After, Note: "the endpoint answered with Retry-After"}
		}
	case VerdictAuth:
		s.Kind, s.After = SettleRetry, MinCooldown
		return s, &HoldChange{Reason: HoldAuth, Note: "the endpoint refused the configured credentials"}
	case VerdictFail:
		s.dead(ReasonEndpointError, o.Result)
	case VerdictUnknown:
		s.dead(ReasonUnknownOutcome, o.Result)
	default:
		s.Kind, s.Result, s.Attempt.Counted = SettleDone, o.Result, true
	}
	return s, nil
}

func (p *Policy) verdict(d *Delivery, o Outcome) Verdict {
	if o.Verdict != VerdictByStatus {
		return o.Verdict
	}
	if v, ok := p.Statuses[o.Result.Status]; ok && v != VerdictByStatus {
		return v
	}
	return Judge(Answer{Status: o.Result.Status, Repeatable: d.Repeatable(), HasAfter: o.RetryAfter > 0, InjectedAuth: p.InjectsAuth})
}

// errNoResult ends a delivery whose handler said that it was answered and gave no answer.
var errNoResult = errors.New("the handler gave no answer")

// retry schedules a counted failure again, or ends it when the attempts are used up; the last answer is kept.
func (p *Policy) retry(d *Delivery, o Outcome, s *Settlement) {
	attempts := d.Record.Attempts + 1
	if attempts >= p.MaxAttempts {
		s.dead(ReasonAttemptsExhausted, o.Result)
		return
	}
	s.Kind, s.Attempt.Counted = SettleRetry, true
	s.After = max(p.Backoff.Delay(attempts), min(o.RetryAfter, MaxCooldown))
}

func (s *Settlement) dead(reason Reason, last *Result) {
	s.Kind, s.Reason, s.Result, s.Attempt.Counted = SettleDead, reason, last, true
}

func (o *Outcome) attempt(d *Delivery) *Attempt {
	a := &Attempt{Delivery: int(d.Record.Deliveries), StartedAt: o.StartedAt, Duration: o.Duration, Class: o.Class}
	if o.Result != nil {
		a.Status = o.Result.Status
	}
	if o.Err != nil {
		a.Error = o.Err.Error()
	}
	return a
}
