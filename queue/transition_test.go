package queue_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

var start = time.Unix(1_764_000_000, 0)

// record returns a record that is in a state by the way that leads there.
func record(t *testing.T, s queue.State, edit ...func(*queue.Message)) *queue.Record {
	t.Helper()
	m := &queue.Message{ID: queue.NewID(0, start), Queue: "orders", KeepResult: time.Hour, KeepDead: 2 * time.Hour}
	for _, e := range edit {
		e(m)
	}
	r := queue.NewRecord(m, start)
	lease := func() queue.LeaseRef { return r.Lease("w", start, time.Minute) }
	var err error
	switch s {
	case queue.Parked:
		r.Park(start)
	case queue.Scheduled:
		err = r.Settle(queue.Settlement{LeaseRef: lease(), Kind: queue.SettleRetry, After: time.Minute}, start)
	case queue.Leased:
		lease()
	case queue.Done:
		err = r.Settle(queue.Settlement{LeaseRef: lease(), Kind: queue.SettleDone, Result: &queue.Result{Status: 200}}, start)
	case queue.Dead:
		err = r.Settle(queue.Settlement{LeaseRef: lease(), Kind: queue.SettleDead, Reason: queue.ReasonPoison}, start)
	case queue.Cancelled:
		err = r.Cancel(queue.CancelOptions{}, start)
	case queue.Expired:
		r.Expire(start)
	}
	if err != nil || r.State != s {
		t.Fatalf("record is %v, %v, want %v", r.State, err, s)
	}
	return r
}

func TestOnlyALeasedRecordWithTheRightTokenIsSettled(t *testing.T) {
	for _, s := range queue.States() {
		for _, kind := range []queue.SettleKind{queue.SettleDone, queue.SettleRetry, queue.SettleDead, queue.SettleRelease, queue.SettleCancelled} {
			r := record(t, s)
			before := *r.Clone()
			wrong := queue.Settlement{LeaseRef: queue.LeaseRef{ID: r.ID, Token: 99}, Kind: kind}
			if err := r.Settle(wrong, start); !errors.Is(err, queue.ErrLeaseLost) || !reflect.DeepEqual(*r, before) {
				t.Errorf("%v of %v with a wrong token: %v, record %+v", kind, s, err, r.Progress)
			}
			if s == queue.Leased {
				continue
			}
			stale := queue.Settlement{LeaseRef: queue.LeaseRef{ID: r.ID, Token: queue.Token(r.Deliveries)}, Kind: kind}
			if err := r.Settle(stale, start); !errors.Is(err, queue.ErrLeaseLost) || !reflect.DeepEqual(*r, before) {
				t.Errorf("%v of %v after its lease: %v, record %+v", kind, s, err, r.Progress)
			}
		}
	}
}

func TestEveryTransitionRaisesTheRevision(t *testing.T) {
	r := record(t, queue.Ready)
	last := r.Revision
	step := func(name string, f func()) {
		f()
		if r.Revision <= last {
			t.Errorf("%s did not raise the revision", name)
		}
		last = r.Revision
	}
	step("park", func() { r.Park(start) })
	step("unpark", func() { r.Unpark(start, 0) })
	step("lease", func() { r.Lease("w", start, time.Minute) })
	step("lost", func() { r.Lost(start) })
	step("lease", func() { r.Lease("w", start, time.Minute) })
	step("cancel", func() { r.Cancel(queue.CancelOptions{}, start) })
	step("settle", func() {
		r.Settle(queue.Settlement{LeaseRef: queue.LeaseRef{Token: r.LeaseToken}, Kind: queue.SettleDead, Reason: queue.ReasonPoison}, start)
	})
	step("redrive", func() { r.Redrive(queue.Redrive{}, start) })
	step("expire", func() { r.Expire(start) })
}

func TestWhatLeavesALeaseKeepsNothingOfIt(t *testing.T) {
	for _, kind := range []queue.SettleKind{queue.SettleDone, queue.SettleRetry, queue.SettleDead, queue.SettleRelease, queue.SettleCancelled} {
		r := record(t, queue.Leased)
		r.Cancel(queue.CancelOptions{}, start)
		if err := r.Settle(queue.Settlement{LeaseRef: queue.LeaseRef{Token: r.LeaseToken}, Kind: kind}, start); err != nil {
			t.Fatal(err)
		}
		if r.LeaseToken != 0 || !r.LeaseExpiresAt.IsZero() || r.Worker != "" || r.CancelRequested {
			t.Errorf("%v left %+v", kind, r.Progress)
		}
		if !r.State.Terminal() {
			t.Errorf("a cancelled message is %v after %v", r.State, kind)
		}
	}
}

func TestRetentionCountsFromCompletionByState(t *testing.T) {
	for state, keep := range map[queue.State]time.Duration{queue.Done: time.Hour, queue.Cancelled: time.Hour, queue.Expired: time.Hour, queue.Dead: 2 * time.Hour} {
		if r := record(t, state); !r.RemoveAt.Equal(start.Add(keep)) || !r.CompletedAt.Equal(start) || !r.TimerAt().Equal(r.RemoveAt) {
			t.Errorf("%v is removed at %v", state, r.RemoveAt)
		}
		none := func(m *queue.Message) { m.KeepResult, m.KeepDead = 0, 0 }
		if r := record(t, state, none); !r.RemoveAt.IsZero() || !r.TimerAt().IsZero() {
			t.Errorf("%v that is kept for ever is removed at %v", state, r.RemoveAt)
		}
		less := func(m *queue.Message) { m.KeepResult, m.KeepDead = -1, -1 }
		if r := record(t, state, less); !r.RemoveAt.Equal(start) {
			t.Errorf("%v that is not kept is removed at %v", state, r.RemoveAt)
		}
	}
}

func TestTimerDoesWhatItAnnounced(t *testing.T) {
	late := func(m *queue.Message) { m.Deadline = start.Add(30 * time.Second) }
	for _, c := range []struct {
		state queue.State
		edit  func(*queue.Message)
		after time.Duration
		kind  queue.EventKind
		want  queue.State
	}{
		{queue.Ready, late, 30 * time.Second, queue.EventExpired, queue.Expired},
		{queue.Parked, late, 30 * time.Second, queue.EventExpired, queue.Expired},
		{queue.Scheduled, late, 30 * time.Second, queue.EventExpired, queue.Expired},
		{queue.Scheduled, nil, time.Minute, queue.EventDue, queue.Ready},
		{queue.Leased, late, time.Minute, queue.EventLapsed, queue.Expired},
		{queue.Leased, nil, time.Minute, queue.EventLapsed, queue.Ready},
		{queue.Done, nil, time.Hour, queue.EventRemoved, queue.Done},
		{queue.Dead, nil, 2 * time.Hour, queue.EventRemoved, queue.Dead},
	} {
		var edits []func(*queue.Message)
		if c.edit != nil {
			edits = append(edits, c.edit)
		}
		r := record(t, c.state, edits...)
		at := start.Add(c.after)
		if !r.TimerAt().Equal(at) {
			t.Errorf("%v: timer after %v, want %v", c.state, r.TimerAt().Sub(start), c.after)
		}
		if kind := r.Timer(at.Add(-1)); kind != 0 || r.State != c.state {
			t.Errorf("%v: %v happened too early", c.state, kind)
		}
		if kind := r.Timer(at); kind != c.kind || r.State != c.want {
			t.Errorf("%v: %v made it %v, want %v and %v", c.state, kind, r.State, c.kind, c.want)
		}
	}
	if r := record(t, queue.Ready); !r.TimerAt().IsZero() || r.Timer(start.Add(1e6*time.Hour)) != 0 {
		t.Error("a record without a deadline has a timer")
	}
}

func TestLostDecidesInTheOrderOfItsRules(t *testing.T) {
	at := start.Add(time.Minute)
	late := func(m *queue.Message) { m.Deadline = at }
	fail := func(m *queue.Message) { m.OnLost = queue.OnLostFail }
	poison := func(m *queue.Message) { m.MaxDeliveries = 1 }
	for name, c := range map[string]struct {
		edits  []func(*queue.Message)
		cancel bool
		state  queue.State
		reason queue.Reason
	}{
		"redelivered":                          {nil, false, queue.Ready, ""},
		"not to be repeated":                   {[]func(*queue.Message){fail, poison, late}, false, queue.Dead, queue.ReasonUnknownOutcome},
		"poison":                               {[]func(*queue.Message){poison, late}, false, queue.Dead, queue.ReasonPoison},
		"too late":                             {[]func(*queue.Message){late}, false, queue.Expired, ""},
		"cancelled, and not to be repeated":    {[]func(*queue.Message){fail}, true, queue.Cancelled, ""},
		"cancelled, and poison, and too late ": {[]func(*queue.Message){poison, late}, true, queue.Cancelled, ""},
	} {
		r := record(t, queue.Leased, c.edits...)
		if c.cancel {
			r.Cancel(queue.CancelOptions{}, start)
		}
		r.Lost(at)
		if r.State != c.state || r.Reason != c.reason || r.Crashes != 1 || r.Attempts != 0 {
			t.Errorf("%s: %v %q, %+v", name, r.State, r.Reason, r.Progress)
		}
		if terminal := r.State == queue.Cancelled || r.State == queue.Expired; r.MayHaveRun != terminal {
			t.Errorf("%s: MayHaveRun is %v", name, r.MayHaveRun)
		}
	}
}

// TestACancelledCallRemembersTheDeliveriesBeforeIt: the last call was cancelled before it was sent, and one before it had died
// with its worker.
func TestACancelledCallRemembersTheDeliveriesBeforeIt(t *testing.T) {
	for _, crashed := range []bool{false, true} {
		r := record(t, queue.Leased)
		ref := queue.LeaseRef{ID: r.ID, Token: r.LeaseToken}
		if crashed {
			r.Lost(start)
			ref = r.Lease("w", start, time.Minute)
		}
		err := r.Settle(queue.Settlement{LeaseRef: ref, Kind: queue.SettleCancelled, Attempt: &queue.Attempt{Class: queue.NotSent}}, start)
		if err != nil || r.State != queue.Cancelled {
			t.Fatal(err, r.State)
		}
		if r.MayHaveRun != crashed {
			t.Errorf("after a delivery that crashed (%v), MayHaveRun is %v", crashed, r.MayHaveRun)
		}
	}
}

func TestMayHaveRunRemembersEarlierGenerations(t *testing.T) {
	for class, want := range map[queue.Class]bool{queue.Unanswered: true, queue.Answered: true, queue.NotSent: false} {
		r := record(t, queue.Leased)
		attempt := &queue.Attempt{Class: class}
		r.Settle(queue.Settlement{LeaseRef: queue.LeaseRef{Token: r.LeaseToken}, Kind: queue.SettleDead, Reason: queue.ReasonUnknownOutcome,
			Attempt: attempt}, start)
		if err := r.Redrive(queue.Redrive{}, start); err != nil {
			t.Fatal(err)
		}
		r.Cancel(queue.CancelOptions{}, start)
		if r.MayHaveRun != want {
			t.Errorf("after an attempt that was %v, MayHaveRun is %v", class, r.MayHaveRun)
		}
	}
}

func TestRedriveNeedsADeadRecord(t *testing.T) {
	for _, s := range queue.States() {
		r := record(t, s)
		err := r.Redrive(queue.Redrive{}, start)
		if s == queue.Dead {
			if err != nil || r.State != queue.Ready || r.Generation != 1 || !r.RemoveAt.IsZero() {
				t.Errorf("redrive gave %v and %+v", err, r.Progress)
			}
		} else if !errors.Is(err, queue.ErrNotDead) || r.State != s {
			t.Errorf("redrive of %v: %v, now %v", s, err, r.State)
		}
	}
}

func TestCloneDoesNotShareItsProgress(t *testing.T) {
	r := record(t, queue.Scheduled)
	r.History = append(r.History, queue.Attempt{Delivery: 1})
	c := r.Clone()
	before := slices.Clone(r.History)
	c.Due(start)
	l := c.Lease("w", start, time.Minute)
	c.Settle(queue.Settlement{LeaseRef: l, Kind: queue.SettleRetry, Attempt: &queue.Attempt{Delivery: 2}}, start)
	if r.State != queue.Scheduled || !slices.Equal(r.History, before) || len(c.History) != 2 {
		t.Errorf("the original became %+v", r.Progress)
	}
}

func TestStatesHaveTheirWords(t *testing.T) {
	want := map[queue.State]string{queue.Ready: "PENDING", queue.Parked: "PENDING", queue.Scheduled: "PENDING", queue.Leased: "PROCESSING",
		queue.Done: "COMPLETED", queue.Dead: "FAILED", queue.Cancelled: "CANCELLED", queue.Expired: "TIMEOUT"}
	for _, s := range queue.States() {
		if s.Status() != want[s] {
			t.Errorf("%v is %s on the wire, want %s", s, s.Status(), want[s])
		}
		if back, ok := queue.ParseState(s.String()); !ok || back != s {
			t.Errorf("ParseState(%q) = %v, %v", s.String(), back, ok)
		}
		var c queue.Counts
		*c.Of(s)++
		if c.Drift() != -1 {
			t.Errorf("%v does not count: %+v", s, c)
		}
	}
	if _, ok := queue.ParseState(""); ok {
		t.Error("the empty name is a state")
	}
}

func TestTicketAnnouncesOneGenerationOnce(t *testing.T) {
	wants := func(m *queue.Message) { m.Callback = "https://client.example" }
	r := record(t, queue.Dead, wants)
	a, b := queue.NewTicket(r, start), queue.NewTicket(r, start.Add(time.Second))
	if a == nil || a.ID != b.ID || a.Subject != r.ID || a.Queue != queue.CallbackQueue || a.Callback != "" || a.ID.Home() != r.ID.Home() {
		t.Fatalf("tickets are %+v and %+v", a, b)
	}
	r.Redrive(queue.Redrive{}, start)
	r.Expire(start)
	if c := queue.NewTicket(r, start); c.ID == a.ID {
		t.Error("the next generation has the same ticket")
	}
	if queue.NewTicket(record(t, queue.Done), start) != nil {
		t.Error("a message without a callback has a ticket")
	}
}

// R13: what a submit fixed by a wall clock that jumped counts by the store's clock, which did not.
func TestAJumpOfTheWallClockMovesNoTimeOfAMessage(t *testing.T) {
	now := time.Unix(1_764_000_000, 0).UTC()
	for _, jump := range []time.Duration{-10 * 365 * 24 * time.Hour, -time.Hour, 0, time.Hour, 10 * 365 * 24 * time.Hour} {
		accepted := now.Add(jump)
		r := queue.NewRecord(&queue.Message{AcceptedAt: accepted, NotBefore: accepted.Add(time.Minute), Deadline: accepted.Add(time.Hour)}, now)
		if r.State != queue.Scheduled || !r.EligibleAt.Equal(now.Add(time.Minute)) || !r.DeadlineAt.Equal(now.Add(time.Hour)) {
			t.Errorf("a jump of %s: %s, due in %s, deadline in %s", jump, r.State, r.EligibleAt.Sub(now), r.DeadlineAt.Sub(now))
		}
	}
	onItsWay := now.Add(-2 * time.Second)
	r := queue.NewRecord(&queue.Message{AcceptedAt: onItsWay, Deadline: onItsWay.Add(time.Hour)}, now)
	if !r.DeadlineAt.Equal(onItsWay.Add(time.Hour)) {
		t.Errorf("two seconds on the way moved the deadline to %s", r.DeadlineAt)
	}
}
