package storetest

import (
	"math"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func importScenarios() []scenario {
	return []scenario{
		{name: "terminal records arrive as they are", run: func(f *fixture) {
			for _, state := range []queue.State{queue.Done, queue.Dead, queue.Cancelled, queue.Expired} {
				r := foreign("orders", state)
				f.bring(r)
				got := f.state(r.Message, state)
				equalMessages(f, got.Message, r.Message)
				equalResults(f, got.Result, r.Result)
				if got.Revision != r.Revision || got.Generation != 2 || got.Deliveries != 7 || got.Attempts != 3 || len(got.History) != 1 ||
					got.Reason != r.Reason || !got.CompletedAt.Equal(r.CompletedAt) || !got.RemoveAt.Equal(r.RemoveAt) {
					f.t.Fatalf("record is\n%+v, want\n%+v", got.Progress, r.Progress)
				}
			}
			f.counts("orders", queue.Counts{Accepted: 4, Done: 1, Dead: 1, Cancelled: 1, Expired: 1})
			f.counts(queue.CallbackQueue, queue.Counts{})
		}},
		{name: "waiting records run in the order given", run: func(f *fixture) {
			a, b := foreign("orders", queue.Ready), foreign("orders", queue.Ready)
			a.Seq, b.Seq = 900, 3
			local := f.message("orders")
			f.bring(a, b)
			f.same(f.drain("orders"), []queue.ID{local.ID, a.ID, b.ID})
		}},
		{name: "deliveries go on from where they were", run: func(f *fixture) {
			r := foreign("orders", queue.Ready)
			f.bring(r)
			l := f.leaseID(r.Message)
			if l.Record.Deliveries != 8 || l.Record.Generation != 2 {
				f.t.Fatalf("delivery %d of generation %d, want 8 of 2", l.Record.Deliveries, l.Record.Generation)
			}
			f.end(done(l))
		}},
		{name: "a scheduled record becomes due", run: func(f *fixture) {
			soon, past := foreign("orders", queue.Scheduled), foreign("orders", queue.Scheduled)
			soon.EligibleAt = time.Now().Add(2 * moment)
			past.EligibleAt = time.Now().Add(-time.Hour)
			f.bring(soon, past)
			f.leaseID(past.Message)
			f.leaseID(soon.Message)
		}},
		{name: "a leased record becomes as if its lease had ended", run: func(f *fixture) {
			again, unknown := foreign("orders", queue.Leased), foreign("orders", queue.Leased)
			unknown.Message.OnLost = queue.OnLostFail
			unknown.Message.Callback = "https://client.example/done"
			f.bring(again, unknown)
			if r := f.state(again.Message, queue.Ready); r.Crashes != again.Crashes+1 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			if r := f.state(unknown.Message, queue.Dead); r.Reason != queue.ReasonUnknownOutcome {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.counts(queue.CallbackQueue, queue.Counts{Accepted: 1, Ready: 1})
			f.nothing("unknown")
		}},
		{name: "lanes bound what arrives", run: func(f *fixture) {
			a, b := foreign("orders", queue.Parked), foreign("orders", queue.Ready)
			blocker, c := foreign("blocked", queue.Dead), foreign("blocked", queue.Ready)
			for _, r := range []*queue.Record{a, b} {
				r.Message.Lane = queue.Lane{Key: "k", Bound: 1}
			}
			for _, r := range []*queue.Record{blocker, c} {
				r.Message.Lane = queue.Lane{Key: "k", Bound: 1, OnDead: queue.OnDeadBlock}
			}
			f.bring(a, b, blocker, c)
			f.state(a.Message, queue.Ready)
			f.state(b.Message, queue.Parked)
			f.state(c.Message, queue.Parked)
			f.end(done(f.leaseID(a.Message)))
			f.leaseID(b.Message)
		}},
		{name: "a record that exists stays as it is", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseID(m)
			r := foreign("orders", queue.Dead)
			r.Message = m
			f.bring(r, r)
			f.state(m, queue.Leased)
			f.end(done(l))
			f.counts("orders", queue.Counts{Accepted: 1, Done: 1})
			again := foreign("orders", queue.Done)
			f.bring(again)
			f.bring(again)
			f.counts("orders", queue.Counts{Accepted: 2, Done: 2})
		}},
		{name: "bounds do not refuse it", options: Options{MaxMessages: 1}, run: func(f *fixture) {
			f.bring(foreign("orders", queue.Ready), foreign("orders", queue.Ready))
			f.is(f.tryPut(NewMessage("orders")).Err, queue.ErrFull)
		}},
		{name: "idempotency keys are reserved for what is left of their time", run: func(f *fixture) {
			fresh, stale := foreign("orders", queue.Done), foreign("orders", queue.Done)
			key("fresh", "same", time.Hour)(fresh.Message)
			key("stale", "same", time.Hour)(stale.Message)
			stale.Message.AcceptedAt = time.Now().Add(-2 * time.Hour)
			f.bring(fresh, stale)
			if a := f.tryPut(NewMessage("orders", key("fresh", "same", time.Hour))); !a.Duplicate || a.ID != fresh.ID {
				f.t.Fatalf("the repeat got %+v", a)
			}
			f.message("orders", key("stale", "same", time.Hour))
		}},
	}
}

func retentionScenarios() []scenario {
	keep := func(result, dead time.Duration) func(*queue.Message) {
		return func(m *queue.Message) { m.KeepResult, m.KeepDead = result, dead }
	}
	return []scenario{
		{name: "a result is removed when its time is over, counted from completion", run: func(f *fixture) {
			m := f.message("orders", keep(2*moment, time.Hour))
			l := f.leaseID(m)
			f.pass(3 * moment)
			f.end(done(l))
			r := f.state(m, queue.Done)
			if want := r.CompletedAt.Add(2 * moment); !r.RemoveAt.Equal(want) {
				f.t.Fatalf("removed at %v, want %v", r.RemoveAt, want)
			}
			f.gone(m)
			f.counts("orders", queue.Counts{Accepted: 1, Removed: 1})
			f.sees(queue.EventRemoved, m)
			f.same(f.ids(queue.Filter{}), nil)
		}},
		{name: "times beyond what 64 bits of nanoseconds hold lie in the future", run: func(f *fixture) {
			const centuries = math.MaxInt64
			failed := f.message("failing", keep(centuries, centuries))
			f.end(dead(f.leaseID(failed), queue.ReasonEndpointError))
			waiting := f.message("orders", deadline(centuries), key("k", "same", centuries))
			delayed := f.message("orders", notBefore(centuries))
			soon := f.message("orders", notBefore(moment))
			f.until(soon, queue.Ready)
			if f.h.Reopen != nil {
				f.reopen()
				f.until(f.message("orders", notBefore(moment)), queue.Ready) // time goes on
			}
			f.state(failed, queue.Dead)
			f.state(waiting, queue.Ready)
			f.state(delayed, queue.Scheduled)
			if a := f.tryPut(NewMessage("orders", key("k", "same", centuries))); !a.Duplicate || a.ID != waiting.ID {
				f.t.Fatalf("the repeat got %+v", a)
			}
		}},
		{name: "cancelled and expired ones are kept like results, dead ones have their own time", run: func(f *fixture) {
			cancelled := f.message("orders", keep(moment, time.Hour))
			expired := f.message("orders", keep(moment, time.Hour), deadline(moment))
			failed := f.message("failing", keep(moment, time.Hour))
			f.cancel(cancelled)
			f.end(dead(f.leaseID(failed), queue.ReasonPoison))
			f.gone(cancelled)
			f.gone(expired)
			f.state(failed, queue.Dead)
			short := f.message("failing", keep(time.Hour, moment))
			f.end(dead(f.leaseID(short), queue.ReasonPoison))
			f.gone(short)
		}},
		{name: "less than no time removes at once", run: func(f *fixture) {
			m := f.message("orders", keep(-1, time.Hour))
			f.end(done(f.leaseID(m)))
			f.gone(m)
			f.counts("orders", queue.Counts{Accepted: 1, Removed: 1})
		}},
		{name: "no time keeps for ever", run: func(f *fixture) {
			a, b := f.message("orders", keep(0, 0)), f.message("orders", keep(0, 0))
			f.end(done(f.leaseID(a)))
			f.end(dead(f.leaseID(b), queue.ReasonPoison))
			if !f.state(a, queue.Done).RemoveAt.IsZero() || !f.state(b, queue.Dead).RemoveAt.IsZero() {
				f.t.Fatal("a time of removal is set")
			}
			f.pass(2 * moment)
			f.state(a, queue.Done)
		}},
		{name: "a redriven message is not removed", run: func(f *fixture) {
			m := f.message("orders", keep(time.Hour, 2*moment))
			f.end(dead(f.leaseID(m), queue.ReasonPoison))
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			f.pass(4 * moment)
			f.state(m, queue.Ready)
		}},
	}
}

func callbackScenarios() []scenario {
	wants := func(m *queue.Message) { m.Callback = "https://client.example/done" }
	return []scenario{
		{name: "every way to finish announces itself once", run: func(f *fixture) {
			finish := map[string]func(m *queue.Message){
				"done":      func(m *queue.Message) { f.end(done(f.leaseID(m))) },
				"dead":      func(m *queue.Message) { f.end(dead(f.leaseID(m), queue.ReasonPoison)) },
				"cancelled": func(m *queue.Message) { f.cancel(m) },
				"aborted": func(m *queue.Message) {
					l := f.leaseID(m)
					f.end(queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleCancelled})
				},
			}
			for name, end := range finish {
				m := f.message("orders", wants)
				end(m)
				f.t.Logf("finished by %s", name)
				f.announced(m)
			}
			f.announced(f.message("orders", wants, deadline(moment)))
			lost := f.message("orders", wants, func(m *queue.Message) { m.OnLost = queue.OnLostFail })
			f.leaseFor("orders", moment)
			f.announced(lost)
			f.nothing(queue.CallbackQueue)
		}},
		{name: "the ticket is there in the same write", idle: true, run: func(f *fixture) {
			m := f.message("orders", wants)
			f.end(done(f.leaseID(m)))
			if n := f.stats(queue.CallbackQueue).Ready; n != 1 {
				f.t.Fatalf("%d tickets wait, want 1", n)
			}
		}},
		{name: "what is not finished announces nothing", run: func(f *fixture) {
			m := f.message("orders", wants)
			f.end(retry(f.leaseID(m), 0))
			f.end(release(f.leaseID(m)))
			f.leaseID(m)
			f.cancel(m)
			f.counts(queue.CallbackQueue, queue.Counts{})
		}},
		{name: "each generation announces itself", run: func(f *fixture) {
			m := f.message("orders", wants)
			f.end(dead(f.leaseID(m), queue.ReasonPoison))
			first := f.announced(m)
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			f.end(done(f.leaseID(m)))
			if second := f.announced(m); second == first {
				f.t.Fatal("two generations have one ticket")
			}
		}},
		{name: "tickets do not count against the bound on messages", options: Options{MaxMessages: 1}, run: func(f *fixture) {
			m := f.message("orders", wants)
			f.end(done(f.leaseID(m)))
			f.message("orders")
		}},
		{name: "a settled ticket stays as long as its message, and no longer", run: func(f *fixture) {
			m := f.message("orders", wants, func(m *queue.Message) { m.KeepResult = 5 * moment })
			f.end(done(f.leaseID(m)))
			l := f.lease(queue.CallbackQueue)
			f.end(done(l))
			f.state(m, queue.Done)
			if r := f.get(l.Record.Message); r.State != queue.Done || !r.RemoveAt.Equal(r.CompletedAt.Add(5*moment)) {
				f.t.Fatalf("the ticket is %v until %v, completed at %v", r.State, r.RemoveAt, r.CompletedAt)
			}
			f.gone(l.Record.Message)
		}},
		{name: "a message that is not kept leaves no ticket behind", run: func(f *fixture) {
			m := f.message("orders", wants, func(m *queue.Message) { m.KeepResult = -1 })
			f.end(done(f.leaseID(m)))
			l := f.lease(queue.CallbackQueue)
			f.end(done(l))
			f.gone(l.Record.Message)
		}},
		{name: "callbacks to one receiver do not fill the queue", run: func(f *fixture) {
			for range queue.TicketLane + 1 {
				f.end(done(f.leaseID(f.message("orders", wants))))
			}
			other := f.message("orders", wants, func(m *queue.Message) { m.Callback = "https://other.example/done" })
			f.end(done(f.leaseID(other)))
			f.counts(queue.CallbackQueue, queue.Counts{Accepted: queue.TicketLane + 2, Ready: queue.TicketLane + 1, Parked: 1})
		}},
	}
}

// announced takes and settles the one ticket that there is, asserts that it announces m, and returns its ID.
func (f *fixture) announced(m *queue.Message) queue.ID {
	f.t.Helper()
	l := f.lease(queue.CallbackQueue)
	if l.Record.Subject != m.ID {
		f.t.Fatalf("the ticket announces %v, want %v", l.Record.Subject, m.ID)
	}
	if r := f.get(m); !r.State.Terminal() {
		f.t.Fatalf("a message that is %v was announced", r.State)
	}
	f.end(done(l))
	return l.ID
}

// foreign returns a record as another store might hand it over.
func foreign(queueName string, state queue.State) *queue.Record {
	now := time.Now().Truncate(time.Microsecond)
	r := &queue.Record{Message: NewMessage(queueName)}
	r.Progress = queue.Progress{State: state, Revision: 12, Seq: 77, Generation: 2, Deliveries: 7, Attempts: 3, Crashes: 1, UpdatedAt: now,
		History: []queue.Attempt{{Generation: 1, Delivery: 6, StartedAt: now, Class: queue.Answered, Status: 503, Counted: true}}}
	switch state {
	case queue.Scheduled:
		r.EligibleAt = now.Add(time.Hour)
	case queue.Leased:
		r.LeaseToken, r.LeaseExpiresAt, r.Worker = 7, now.Add(time.Hour), "elsewhere"
	case queue.Dead:
		r.Reason = queue.ReasonPoison
	case queue.Done:
		r.Result = NewResult(200, "imported")
	}
	if state.Terminal() {
		r.CompletedAt, r.RemoveAt = now, now.Add(time.Hour)
	}
	return r
}

// bring imports records.
func (f *fixture) bring(records ...*queue.Record) {
	f.t.Helper()
	f.ok(f.Import(f.ctx, records))
	f.balanced()
}
