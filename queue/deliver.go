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
		deliveries[i] = &Delivery{LeaseRef: leases[i].LeaseRef, Record: r, Bodies: b.store, Last: r.Attempts+1 >= p.attempts(r.Route)}
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
	if o.Class == Answered && o.Result == nil {
		o.Class, o.Err = Unanswered, errNoResult
	}
	if lapses(d, &o) {
		if o.Result != nil {
			_ = b.store.DiscardBody(ctx, o.Result.Body) // what stays is swept
		}
		b.observer.Observe(settleEvent(d, o, &Settlement{}, ErrLeaseLost))
		return ErrLeaseLost
	}
	var advice Advice
	c := p.call(d, &o)
	if o.Class != NotBegun {
		advice = b.flow.Ended(d.Record.Queue, c)
	}
	s, hold := p.decide(d, o, c.Verdict, advice.Probe)
	if s.Kind == SettleRetry && !c.Ours {
		s.After = b.flow.Retry(d.Record.Queue, s.After)
	}
	change := advice.Gate
	if hold != nil {
		change.Hold = append(change.Hold, *hold)
	}
	if !change.none() {
		// The hold comes first: a message that went back before it could be leased again and burn the cooldown.
		if err := b.repeat(ctx, func() error {
			_, err := b.SetGate(ctx, d.Record.Queue, change)
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

// lapses reports whether a delivery is left to the end of its lease. A call that was cut because its lease could not be
// renewed in time, such as in a process that stood still, is a crash and no failed attempt (R4): settled as one it would
// cost an attempt and its place in the line, where the end of the lease costs neither and counts towards poison.
func lapses(d *Delivery, o *Outcome) bool {
	return o.Class == Unanswered && errors.Is(o.Err, ErrLeaseLost) && d.Repeatable()
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
	e := Event{Kind: EventSettled, ID: d.ID, Queue: d.Record.Queue, Endpoint: d.Record.Endpoint, Route: d.Record.Route, Class: o.Class,
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

// call returns what the flow of the endpoint is told of an outcome.
func (p *Policy) call(d *Delivery, o *Outcome) Call {
	c := Call{Class: o.Class, StartedAt: o.StartedAt, First: d.Record.Deliveries == 1}
	if o.Class != Answered {
		for _, ours := range []error{ErrCancelRequested, ErrDraining, ErrLeaseLost, ErrUnavailable, ErrFull, ErrCorrupt, ErrClosed} {
			c.Ours = c.Ours || errors.Is(o.Err, ours)
		}
		return c
	}
	c.Status, c.Verdict = o.Result.Status, o.Verdict
	if c.Verdict == VerdictByStatus {
		c.Verdict = p.verdict(Answer{Status: c.Status, Repeatable: d.Repeatable(), HasAfter: o.RetryAfter > 0, InjectedAuth: o.Injected})
	}
	return c
}

// decide turns an outcome into a settlement, and a hold where the endpoint asked for one. The failure of a probe costs no
// attempt.
func (p *Policy) decide(d *Delivery, o Outcome, v Verdict, probe bool) (Settlement, *HoldChange) {
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
		return p.decideAnswer(d, o, s, v, probe)
	case Unanswered:
		switch {
		case !d.Repeatable():
			s.dead(ReasonUnknownOutcome, o.Result)
		case errors.Is(o.Err, ErrDraining):
			s.Kind = SettleRetry // R14: cut by our own end, so it costs nothing
		default:
			p.retry(d, o, &s, probe)
		}
	default:
		s.dead(ReasonRejected, o.Result)
	}
	return s, nil
}

func (p *Policy) decideAnswer(d *Delivery, o Outcome, s Settlement, v Verdict, probe bool) (Settlement, *HoldChange) {
	switch v {
	case VerdictRetry:
		p.retry(d, o, &s, probe)
	case VerdictWait:
		s.Kind, s.After = SettleRetry, p.Backoff.Delay(d.Record.Uncounted+1)
		if o.RetryAfter > 0 {
			s.After = Cooldown(o.RetryAfter)
		}
	case VerdictAgain:
		s.Kind = SettleRetry
	case VerdictAuth:
		s.Kind, s.After = SettleRetry, MinCooldown
		return s, refusedCredentials()
	case VerdictFail:
		s.dead(ReasonEndpointError, o.Result)
	case VerdictUnknown:
		s.dead(ReasonUnknownOutcome, o.Result)
	default:
		s.Kind, s.Result, s.Attempt.Counted = SettleDone, o.Result, true
	}
	return s, cooldown(v, o.RetryAfter, o.LimitReset)
}

// verdict is Judge with the overrides of the queue.
func (p *Policy) verdict(a Answer) Verdict {
	if v, ok := p.Statuses[a.Status]; ok && v != VerdictByStatus {
		return v
	}
	a.InjectedAuth = a.InjectedAuth && p.InjectsAuth
	return Judge(a)
}

// errNoResult ends a delivery whose handler said that it was answered and gave no answer.
var errNoResult = errors.New("the handler gave no answer")

// retry schedules a counted failure again, or ends it when the attempts are used up; the last answer is kept.
func (p *Policy) retry(d *Delivery, o Outcome, s *Settlement, probe bool) {
	if probe {
		s.Kind, s.After = SettleRetry, max(p.Backoff.Delay(d.Record.Uncounted+1), min(o.RetryAfter, MaxCooldown))
		return
	}
	attempts := d.Record.Attempts + 1
	if attempts >= p.attempts(d.Record.Route) {
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
