package queue

import "time"

// The transitions of one record. Stores call them on a copy of their own, and write what comes of it; now is the time of
// the store's clock. What depends on other records (lanes, gates, the order) is theirs.

// NewRecord returns the record of a message that is being enqueued: ready, or scheduled if its time is yet to come.
func NewRecord(m *Message, now time.Time) *Record {
	r := &Record{Message: m, Progress: Progress{State: Ready, Revision: 1, UpdatedAt: now}}
	r.DeadlineAt = onClockOf(now, m, m.Deadline)
	if notBefore := onClockOf(now, m, m.NotBefore); notBefore.After(now) {
		r.State, r.EligibleAt = Scheduled, notBefore
	}
	return r
}

// onClockOf turns a time of the message, which was fixed by the clock of the process that accepted it, into one of the
// store's clock, which that clock may have left behind by a jump (R13). What is as long ago as a message takes to get
// here is not a jump.
func onClockOf(now time.Time, m *Message, t time.Time) time.Time {
	const way = 5 * time.Second
	skew := now.Sub(m.AcceptedAt)
	if t.IsZero() || m.AcceptedAt.IsZero() || skew.Abs() < way {
		return t
	}
	return t.Add(skew)
}

// Clone returns a copy whose progress may be changed without changing r.
func (r *Record) Clone() *Record {
	c := *r
	c.History = append([]Attempt(nil), r.History...)
	return &c
}

func (r *Record) move(s State, now time.Time) {
	r.State = s
	r.Revision++
	r.UpdatedAt = now
	r.EligibleAt = time.Time{}
	if s != Ready && s != Leased {
		r.Turn = 0
	}
	if s != Leased {
		r.LeaseToken, r.LeaseExpiresAt, r.Worker, r.CancelRequested = 0, time.Time{}, "", false
	}
	if s.Terminal() {
		r.finish(now)
	}
}

// finish sets when the record may be removed: retention counts from completion, never from acceptance (R15).
func (r *Record) finish(now time.Time) {
	r.CompletedAt = now
	keep := r.KeepResult
	if r.State == Dead {
		keep = r.KeepDead
	}
	switch {
	case keep > 0:
		r.RemoveAt = now.Add(keep)
	case keep < 0:
		r.RemoveAt = now
	}
}

// Due makes a scheduled record ready. The store gives it a new place in the order unless KeepsPlace.
func (r *Record) Due(now time.Time) { r.move(Ready, now) }

// Park makes a ready record wait behind its lane; Unpark undoes that. Neither changes its place in the order.
func (r *Record) Park(now time.Time) { r.move(Parked, now) }

// Unpark makes a parked record ready: in a fair lane in the turn that the store gives, which is behind all that are ready; 0
// elsewhere.
func (r *Record) Unpark(now time.Time, turn uint64) {
	r.move(Ready, now)
	r.Turn = turn
}

// Place returns where the record stands in its line: among the ready, or among the parked of its lane.
func (r *Record) Place() uint64 {
	if r.Turn != 0 {
		return r.Turn
	}
	return r.Seq
}

// Lease hands a ready record to a worker. The delivery count is the fence: it never repeats, so it serves as the token.
func (r *Record) Lease(worker string, now time.Time, ttl time.Duration) LeaseRef {
	r.move(Leased, now)
	r.Deliveries++
	r.LeaseToken = Token(r.Deliveries)
	r.LeaseExpiresAt = now.Add(ttl)
	r.Worker = worker
	return LeaseRef{ID: r.ID, Token: r.LeaseToken}
}

// Extend prolongs the lease to ttl from now, also when that is sooner than before, or reports ErrLeaseLost without a
// change. It is no revision: nobody waits for it.
func (r *Record) Extend(token Token, now time.Time, ttl time.Duration) Extended {
	if r.State != Leased || r.LeaseToken != token {
		return Extended{Err: ErrLeaseLost}
	}
	r.LeaseExpiresAt = now.Add(ttl)
	return Extended{CancelRequested: r.CancelRequested}
}

// Settle ends the lease as the settlement says, or returns ErrLeaseLost without a change (R2: the first writer wins).
// A message whose cancellation was requested does not go back to the queue, and one whose deadline has passed expires
// instead (R22: nothing recreates the dead).
func (r *Record) Settle(s Settlement, now time.Time) error {
	if r.State != Leased || r.LeaseToken != s.Token {
		return ErrLeaseLost
	}
	if s.Attempt != nil {
		r.remember(*s.Attempt)
	}
	cancelled := r.CancelRequested
	switch s.Kind {
	case SettleDone:
		r.Result = s.Result
		r.move(Done, now)
	case SettleDead:
		r.Result, r.Reason = s.Result, s.Reason
		r.move(Dead, now)
	case SettleCancelled:
		r.MayHaveRun = s.MayHaveRun || r.ran()
		r.move(Cancelled, now)
	case SettleRelease:
		r.back(cancelled, s.MayHaveRun, 0, now)
	case SettleRetry:
		r.Turn = 0
		r.back(cancelled, s.MayHaveRun, s.After, now)
	}
	return nil
}

// back returns a leased record to the queue, unless it was cancelled or is too late.
func (r *Record) back(cancelled, ran bool, after time.Duration, now time.Time) {
	switch {
	case cancelled:
		r.MayHaveRun = ran || r.ran()
		r.move(Cancelled, now)
	case r.Late(now):
		r.MayHaveRun = ran || r.ran()
		r.move(Expired, now)
	case after > 0:
		r.move(Scheduled, now)
		r.EligibleAt = now.Add(after)
	default:
		r.move(Ready, now)
	}
}

// ran reports whether any delivery that ended, of whichever generation, may have reached the endpoint.
func (r *Record) ran() bool {
	for _, a := range r.History {
		if a.Class != NotSent && a.Class != NotBegun {
			return true
		}
	}
	return r.Crashes > 0 || r.HistoryDropped > 0
}

// Late reports whether the deadline has passed, so that the record is not leased any more.
func (r *Record) Late(now time.Time) bool { return !r.DeadlineAt.IsZero() && !now.Before(r.DeadlineAt) }

func (r *Record) remember(a Attempt) {
	r.Uncounted++
	if a.Counted {
		r.Attempts++
		r.Uncounted = 0
	}
	a.Generation = r.Generation
	// A new slice, because snapshots share the old one.
	keep := r.History
	if len(keep) >= MaxHistory {
		r.HistoryDropped += len(keep) - MaxHistory + 1
		keep = keep[len(keep)-MaxHistory+1:]
	}
	r.History = append(append(make([]Attempt, 0, len(keep)+1), keep...), a)
}

// Lost ends a lease that nobody settled: its time is over, or its process is gone (R4, R5).
func (r *Record) Lost(now time.Time) {
	r.Crashes++
	r.remember(Attempt{Delivery: r.Deliveries, StartedAt: r.UpdatedAt, Duration: now.Sub(r.UpdatedAt), Class: Unanswered,
		Error: "the worker ended without settling"})
	switch {
	case r.CancelRequested:
		r.MayHaveRun = true
		r.move(Cancelled, now)
	case r.OnLost == OnLostFail:
		r.Reason = ReasonUnknownOutcome
		r.move(Dead, now)
	case r.MaxDeliveries > 0 && r.Crashes >= r.MaxDeliveries:
		r.Reason = ReasonPoison
		r.move(Dead, now)
	case r.Late(now):
		r.MayHaveRun = true
		r.move(Expired, now)
	default:
		r.move(Ready, now)
	}
}

// Cancel withdraws a record that is not leased, or marks a leased one; ErrTerminal and ErrRunning change nothing.
func (r *Record) Cancel(o CancelOptions, now time.Time) error {
	switch {
	case r.State.Terminal():
		return ErrTerminal
	case o.NeverLeased && r.Deliveries > 0:
		return ErrRunning
	case r.State == Leased:
		if !r.CancelRequested {
			r.CancelRequested = true
			r.Revision++
			r.UpdatedAt = now
		}
	default:
		r.MayHaveRun = r.ran()
		r.move(Cancelled, now)
	}
	return nil
}

// Expire ends a record whose deadline passed. The store calls it on records that are not leased.
func (r *Record) Expire(now time.Time) {
	r.MayHaveRun = r.ran()
	r.move(Expired, now)
}

// Redrive starts the next generation of a dead record, ready at once, or returns ErrNotDead. Its result is gone; its
// history stays.
func (r *Record) Redrive(d Redrive, now time.Time) error {
	if r.State != Dead {
		return ErrNotDead
	}
	r.move(Ready, now)
	r.Generation++
	r.Attempts, r.Crashes, r.Uncounted = 0, 0, 0
	r.Reason, r.Result = "", nil
	r.CompletedAt, r.RemoveAt, r.DeadlineAt = time.Time{}, time.Time{}, time.Time{}
	if d.Deadline > 0 {
		r.DeadlineAt = now.Add(d.Deadline)
	}
	if d.Request != nil {
		r.Edited = d.Request
	}
	return nil
}

// OccupiesLane reports whether the record counts against its lane's bound. In an ordered lane a retry keeps its place,
// so that no later message overtakes it (R17); in a wider one it frees it.
func (r *Record) OccupiesLane() bool {
	if r.Lane.IsZero() {
		return false
	}
	return r.State == Ready || r.State == Leased || r.State == Scheduled && r.KeepsPlace()
}

// BlocksLane reports whether the record holds its whole lane.
func (r *Record) BlocksLane() bool {
	return !r.Lane.IsZero() && r.State == Dead && r.Lane.OnDead == OnDeadBlock
}

// KeepsPlace reports whether the record, when it becomes due, goes back to the place in the order that it had.
func (r *Record) KeepsPlace() bool { return r.Lane.Ordered() && r.Deliveries > 0 }

// TimerAt returns when Run must look at the record next; zero if never. Every record has at most this one timer:
// scheduled, the earlier of its due time and deadline; ready and parked, the deadline; leased, the end of the lease;
// terminal, the end of its retention.
func (r *Record) TimerAt() time.Time {
	switch {
	case r.State.Terminal():
		return r.RemoveAt
	case r.State == Leased:
		return r.LeaseExpiresAt
	case r.State == Scheduled && (r.DeadlineAt.IsZero() || r.EligibleAt.Before(r.DeadlineAt)):
		return r.EligibleAt
	default:
		return r.DeadlineAt
	}
}

// Timer applies what TimerAt announced, if its time has come, and returns what that was: EventDue, EventLapsed or
// EventExpired; EventRemoved, which leaves the record as it is, to be removed by the store; 0 when nothing is due. A
// scheduled record whose deadline has passed as well expires.
func (r *Record) Timer(now time.Time) EventKind {
	at := r.TimerAt()
	if at.IsZero() || now.Before(at) {
		return 0
	}
	switch {
	case r.State.Terminal():
		return EventRemoved
	case r.State == Leased:
		r.Lost(now)
		return EventLapsed
	case r.Late(now):
		r.Expire(now)
		return EventExpired
	default:
		r.Due(now)
		return EventDue
	}
}
