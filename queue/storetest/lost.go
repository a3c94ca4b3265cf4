package storetest

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

func lostScenarios() []scenario {
	return []scenario{
		{name: "a lease that ends unsettled is redelivered and counted as a crash", run: func(f *fixture) {
			m := f.message("orders")
			first := f.leaseFor("orders", moment)
			r := f.until(m, queue.Ready)
			if r.Crashes != 1 || r.Attempts != 0 || r.LastAttempt() == nil || r.LastAttempt().Class != queue.Unanswered {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.is(f.trySettle(done(first)), queue.ErrLeaseLost)
			second := f.leaseID(m)
			if second.Record.Deliveries != 2 {
				f.t.Fatalf("delivery number is %d, want 2", second.Record.Deliveries)
			}
			f.end(done(second))
			f.sees(queue.EventLapsed, m)
		}},
		{name: "a waiting lease gets what another lost", run: func(f *fixture) {
			m := f.message("orders")
			f.leaseFor("orders", moment)
			f.leaseID(m)
		}},
		{name: "what may not be repeated ends with an unknown outcome", run: func(f *fixture) {
			m := f.message("orders", func(m *queue.Message) { m.OnLost = queue.OnLostFail })
			f.leaseFor("orders", moment)
			if r := f.until(m, queue.Dead); r.Reason != queue.ReasonUnknownOutcome || r.Result != nil {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.nothing("orders")
		}},
		{name: "too many crashes are poison", run: func(f *fixture) {
			m := f.message("orders", func(m *queue.Message) { m.MaxDeliveries = 2 })
			f.leaseFor("orders", moment)
			f.until(m, queue.Ready)
			f.leaseFor("orders", moment)
			if r := f.until(m, queue.Dead); r.Reason != queue.ReasonPoison || r.Crashes != 2 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
		}},
		{name: "a lost lease of a cancelled message ends cancelled, and it may have run", run: func(f *fixture) {
			m := f.message("orders")
			f.leaseFor("orders", 3*moment)
			_, err := f.Cancel(f.ctx, m.ID, queue.CancelOptions{})
			f.ok(err)
			if r := f.until(m, queue.Cancelled); !r.MayHaveRun {
				f.t.Fatal("MayHaveRun is false")
			}
		}},
		{name: "a lost lease past the deadline expires", run: func(f *fixture) {
			m := f.message("orders", deadline(2*moment))
			l := f.leaseFor("orders", 4*moment)
			if l.ID != m.ID {
				f.t.Fatal("another message was leased")
			}
			if r := f.until(m, queue.Expired); !r.MayHaveRun {
				f.t.Fatal("MayHaveRun is false")
			}
		}},
		{name: "a worker that settles just before the end wins", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseFor("orders", 4*moment)
			f.pass(moment)
			f.end(done(l))
			f.pass(5 * moment)
			if r := f.state(m, queue.Done); r.Crashes != 0 {
				f.t.Fatal("a settled lease was counted as a crash")
			}
		}},
	}
}

func scheduleScenarios() []scenario {
	return []scenario{
		{name: "a message is not leased before its time", run: func(f *fixture) {
			m := f.message("orders", notBefore(2*moment))
			if r := f.state(m, queue.Scheduled); !r.EligibleAt.Equal(m.NotBefore) {
				f.t.Fatalf("eligible at %v, want %v", r.EligibleAt, m.NotBefore)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Scheduled: 1})
			l := f.leaseID(m)
			if now := f.clock(); now.Before(m.NotBefore) {
				f.t.Fatalf("leased at %v, before %v", now, m.NotBefore)
			}
			f.end(done(l))
			f.sees(queue.EventDue, m)
		}},
		{name: "a time that has passed is now", run: func(f *fixture) {
			m := f.message("orders", notBefore(-time.Hour))
			f.leaseID(m)
		}},
		{name: "a retry is not leased before its time", run: func(f *fixture) {
			m := f.message("orders")
			before := f.clock()
			f.end(retry(f.leaseID(m), 2*moment))
			r := f.state(m, queue.Scheduled)
			if r.EligibleAt.Before(before.Add(2*moment)) || r.Attempts != 1 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.leaseID(m)
			if now := f.clock(); now.Before(r.EligibleAt) {
				f.t.Fatalf("leased at %v, before %v", now, r.EligibleAt)
			}
		}},
		{name: "an earlier time wakes before a later one", run: func(f *fixture) {
			late := f.message("orders", notBefore(4*moment))
			early := f.message("orders", notBefore(moment))
			f.leaseID(early)
			f.leaseID(late)
		}},
		{name: "without Run nothing that time brings happens", idle: true, run: func(f *fixture) {
			due := f.message("orders", notBefore(moment))
			late := f.message("orders", deadline(moment))
			f.message("lost")
			lost := f.leaseFor("lost", moment)
			f.pass(2 * moment)
			f.nothing("orders", "lost")
			f.state(due, queue.Scheduled)
			f.state(late, queue.Ready)
			f.counts("orders", queue.Counts{Accepted: 2, Scheduled: 1, Ready: 1, Overdue: 1})
			if d := f.stats("orders").Depth(); d != 2 {
				f.t.Fatalf("depth = %d, want the ready and the overdue one", d)
			}
			f.start()
			f.leaseID(due)
			f.until(late, queue.Expired)
			f.until(lost.Record.Message, queue.Ready)
		}},
		{name: "what expires before its time is not overdue", idle: true, run: func(f *fixture) {
			f.message("orders", notBefore(3*moment), deadline(moment))
			f.message("orders", notBefore(moment), deadline(2*moment))
			f.pass(2 * moment)
			f.counts("orders", queue.Counts{Accepted: 2, Scheduled: 2, Overdue: 1})
			f.pass(2 * moment)
			f.counts("orders", queue.Counts{Accepted: 2, Scheduled: 2, Overdue: 1})
		}},
	}
}

func deadlineScenarios() []scenario {
	return []scenario{
		{name: "a message that is not leased in time expires", run: func(f *fixture) {
			m := f.message("orders", deadline(moment))
			r := f.until(m, queue.Expired)
			if r.MayHaveRun || r.CompletedAt.Before(m.Deadline) {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.nothing("orders")
			f.counts("orders", queue.Counts{Accepted: 1, Expired: 1})
			if e := f.sees(queue.EventExpired, m); e.Queue != "orders" || e.State != queue.Expired {
				f.t.Fatalf("event is %+v", e)
			}
		}},
		{name: "a scheduled message expires before it is due", run: func(f *fixture) {
			m := f.message("orders", notBefore(time.Hour), deadline(moment))
			f.until(m, queue.Expired)
		}},
		{name: "a leased message does not expire", run: func(f *fixture) {
			m := f.message("orders", deadline(2*moment))
			l := f.leaseID(m)
			f.pass(4 * moment)
			f.state(m, queue.Leased)
			f.end(done(l))
			f.state(m, queue.Done)
		}},
		{name: "what comes back past its deadline expires", run: func(f *fixture) {
			m := f.message("orders", deadline(2*moment))
			l := f.leaseID(m)
			f.pass(4 * moment)
			f.end(retry(l, time.Hour))
			if r := f.state(m, queue.Expired); !r.MayHaveRun || r.Attempts != 1 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
		}},
		{name: "a retry that would come after the deadline expires at the deadline", run: func(f *fixture) {
			m := f.message("orders", deadline(3*moment))
			f.end(retry(f.leaseID(m), time.Hour))
			f.state(m, queue.Scheduled)
			f.until(m, queue.Expired)
		}},
	}
}
