package storetest

import (
	"bytes"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// durabilityScenarios reopen the data as after a crash. A store that keeps nothing says so instead.
func durabilityScenarios() []scenario {
	scenarios := []scenario{
		{name: "everything that was answered is there", run: func(f *fixture) {
			lane2 := lane("k", 1, queue.OnDeadSkip)
			finished, failed := f.message("first"), f.message("first")
			result := done(f.leaseID(finished))
			f.end(result)
			f.end(dead(f.leaseID(failed), queue.ReasonEndpointError))
			ready, parked := f.message("orders", lane2), f.message("orders", lane2)
			scheduled := f.message("orders", notBefore(time.Hour))
			cancelled := f.message("orders")
			f.cancel(cancelled)
			before := make(map[*queue.Message]*queue.Record)
			for _, m := range []*queue.Message{finished, failed, ready, parked, scheduled, cancelled} {
				before[m] = f.get(m)
			}
			stats := f.allStats()
			f.reopen()
			for m, was := range before {
				r := f.state(m, was.State)
				equalMessages(f, r.Message, m)
				equalResults(f, r.Result, was.Result)
				if a, b := queue.AppendProgress(nil, &r.Progress), queue.AppendProgress(nil, &was.Progress); !bytes.Equal(a, b) {
					f.t.Errorf("progress is\n%+v, want\n%+v", r.Progress, was.Progress)
				}
			}
			for name, q := range stats.Queues {
				f.counts(name, q.Counts)
			}
			want := queue.Counts{Accepted: 6, Done: 1, Dead: 1, Ready: 1, Parked: 1, Scheduled: 1, Cancelled: 1}
			if got := f.Capabilities().Recovered; got != want {
				f.t.Errorf("recovered is\n%+v, want\n%+v", got, want)
			}
			f.end(done(f.leaseID(ready)))
			f.leaseID(parked)
		}},
		{name: "the order is the same", run: func(f *fixture) {
			var want []queue.ID
			for range 5 {
				want = append(want, f.message("orders").ID)
			}
			f.end(release(f.lease("orders")))
			f.reopen()
			last := f.message("orders")
			f.same(f.drain("orders"), append(want, last.ID))
		}},
		{name: "leases of the crashed process end as OnLost says, before anything is handed out", run: func(f *fixture) {
			again := f.message("orders")
			unknown := f.message("unsafe", func(m *queue.Message) { m.OnLost = queue.OnLostFail; m.Callback = "https://client.example" })
			stale := f.leaseID(again)
			f.leaseID(unknown)
			f.reopen()
			l := f.leaseID(again)
			if l.Record.Deliveries != 2 || l.Record.Crashes != 1 || l.Token == stale.Token {
				f.t.Fatalf("record is %+v", l.Record.Progress)
			}
			f.is(f.trySettle(done(stale)), queue.ErrLeaseLost)
			f.end(done(l))
			if r := f.until(unknown, queue.Dead); r.Reason != queue.ReasonUnknownOutcome {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.announced(unknown)
			f.nothing("unsafe")
		}},
		{name: "a lease is durable before it is handed out", run: func(f *fixture) {
			m := f.message("orders")
			for n := 1; n <= 3; n++ {
				if l := f.leaseID(m); l.Record.Deliveries != n {
					f.t.Fatalf("delivery number is %d, want %d", l.Record.Deliveries, n)
				}
				f.reopen()
			}
		}},
		{name: "a lost lease of a cancelled message ends cancelled", run: func(f *fixture) {
			m := f.message("orders")
			f.leaseID(m)
			f.cancel(m)
			f.reopen()
			if r := f.until(m, queue.Cancelled); !r.MayHaveRun {
				f.t.Fatal("MayHaveRun is false")
			}
		}},
		{name: "a crashed ordered lane goes on in order", run: func(f *fixture) {
			a, b := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.leaseID(a)
			f.reopen()
			f.same(f.drain("orders"), []queue.ID{a.ID, b.ID})
		}},
		{name: "a blocked lane stays blocked", run: func(f *fixture) {
			blocking := lane("k", 1, queue.OnDeadBlock)
			a, b := f.message("orders", blocking), f.message("orders", blocking)
			f.end(dead(f.leaseID(a), queue.ReasonPoison))
			f.reopen()
			f.state(b, queue.Parked)
			_, err := f.Redrive(f.ctx, a.ID, queue.Redrive{})
			f.ok(err)
			f.same(f.drain("orders"), []queue.ID{a.ID, b.ID})
		}},
		{name: "gates stand", run: func(f *fixture) {
			m := f.message("orders")
			f.gate("orders", hold(queue.HoldPaused, 0))
			f.gate("orders", hold(queue.HoldCooldown, time.Hour))
			f.limit("orders", queue.Limits{MaxLeased: 4, Rate: 100, Burst: 9})
			two := 2
			three := 3
			f.gate("orders", queue.GateChange{Recover: &two, Adapt: &three})
			f.gate("orders", intake(true, time.Hour))
			was := f.stats("orders").Gate
			f.reopen()
			got := f.stats("orders").Gate
			if got.Limits != was.Limits || got.Adaptive != 3 || got.Recovery.MaxLeased != 2 || !got.Recovery.Since.Equal(was.Recovery.Since) || len(got.Holds) != 2 ||
				!got.Holds[queue.HoldCooldown].Until.Equal(was.Holds[queue.HoldCooldown].Until) ||
				got.Holds[queue.HoldPaused].Note != was.Holds[queue.HoldPaused].Note {
				f.t.Fatalf("gate is\n%+v, want\n%+v", got, was)
			}
			if got.Intake == nil || !got.Intake.Until.Equal(was.Intake.Until) || got.Intake.Note != was.Intake.Note {
				f.t.Fatalf("the intake is %+v, want %+v", got.Intake, was.Intake)
			}
			f.is(f.tryPut(NewMessage("orders")).Err, queue.ErrIntakePaused)
			f.nothing("orders")
			f.gate("orders", queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused, queue.HoldCooldown}})
			f.leaseID(m)
		}},
		{name: "the pace of a key begins empty after a crash, and goes on by itself", run: func(f *fixture) {
			f.pass(3 * interval)
			for range 4 {
				f.message("orders", paced("a", 2))
			}
			f.leases(request(2, "orders"))
			f.reopen()
			began := f.clock()
			for range 2 {
				f.end(done(f.lease("orders")))
			}
			if at := f.clock(); at.Before(began.Add(interval)) {
				f.t.Fatalf("two were leased by %v, within one interval of %v", at, began)
			}
		}},
		{name: "the bucket is empty after a crash, so that the rate holds over it", run: func(f *fixture) {
			f.limit("orders", queue.Limits{Rate: 1, Burst: 3})
			for range 6 {
				f.message("orders")
			}
			if n := len(f.leases(request(6, "orders"))); n != 3 {
				f.t.Fatalf("got %d leases at once, want 3", n)
			}
			f.reopen()
			f.nothing("orders")
		}},
		{name: "reservations go with their process", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 1})
			ref := f.reserve("orders", time.Hour)
			f.reopen()
			if n := f.stats("orders").Reserved; n != 0 {
				f.t.Fatalf("%d reservations stand, want 0", n)
			}
			f.ok(f.Return(f.ctx, ref))
			f.reserve("orders", time.Hour)
		}},
		{name: "idempotency keys stand", run: func(f *fixture) {
			m := f.message("orders", key("k", "same", time.Hour))
			f.message("orders", key("short", "one", moment))
			f.reopen()
			if a := f.tryPut(NewMessage("orders", key("k", "same", time.Hour))); !a.Duplicate || a.ID != m.ID {
				f.t.Fatalf("the repeat got %+v", a)
			}
			if a := f.tryPut(m); a != (queue.Enqueued{ID: m.ID}) {
				f.t.Fatalf("the repeat under the same ID got %+v", a)
			}
			f.is(f.tryPut(NewMessage("orders", key("k", "other", time.Hour))).Err, queue.ErrKeyReused)
			f.pass(2 * moment)
			f.message("orders", key("short", "two", time.Hour))
		}},
		{name: "stored bodies are there, staged ones are swept", run: func(f *fixture) {
			m := f.message("orders", f.withBody(large))
			l := f.leaseID(m)
			s := dead(l, queue.ReasonEndpointError)
			s.Result.Body = f.receive(pattern(large + 1))
			f.end(s)
			failed := f.message("failed", f.withBody(large+2))
			f.end(dead(f.leaseID(failed), queue.ReasonEndpointError))
			edited := failed.Request.Clone()
			edited.Body = f.receive(pattern(large + 3))
			_, err := f.Redrive(f.ctx, failed.ID, queue.Redrive{Request: &edited})
			f.ok(err)
			staged := f.receive(pattern(large))
			f.reopen()
			r := f.get(m)
			f.holds(r.Request.Body, large)
			f.holds(r.Result.Body, large+1)
			r = f.get(failed)
			f.holds(r.Message.Request.Body, large+2)
			f.holds(r.Sent().Body, large+3)
			_, err = f.OpenBody(f.ctx, staged.Ref())
			f.is(err, queue.ErrNotFound)
			_, err = f.Purge(f.ctx, queue.Filter{Queue: "orders"})
			f.ok(err)
			_, err = f.OpenBody(f.ctx, m.Request.Body.Ref())
			f.is(err, queue.ErrNotFound)
		}},
		{name: "what time brought meanwhile happens at open", run: func(f *fixture) {
			late := f.message("orders", deadline(2*moment))
			due := f.message("orders", notBefore(2*moment))
			old := f.message("old", func(m *queue.Message) { m.KeepResult = 2 * moment })
			f.end(done(f.leaseID(old)))
			f.stop()
			f.pass(3 * moment)
			f.reopen()
			f.until(late, queue.Expired)
			f.leaseID(due)
			f.gone(old)
		}},
		{name: "removals and counts stay", run: func(f *fixture) {
			f.message("orders")
			kept := f.message("orders")
			f.end(done(f.lease("orders")))
			_, err := f.Purge(f.ctx, queue.Filter{States: []queue.State{queue.Done}})
			f.ok(err)
			f.reopen()
			f.counts("orders", queue.Counts{Accepted: 2, Ready: 1, Removed: 1})
			f.same(f.ids(queue.Filter{}), sorted(kept))
		}},
		{name: "a second crash changes nothing more", run: func(f *fixture) {
			m := f.message("orders")
			f.leaseID(m)
			f.reopen()
			f.reopen()
			if r := f.get(m); r.State != queue.Ready || r.Crashes != 1 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
		}},
	}
	for i, s := range scenarios {
		scenarios[i].run = func(f *fixture) {
			if f.h.Reopen != nil {
				s.run(f)
				return
			}
			if d := f.Capabilities().Durability; d != queue.DurabilityMemory {
				f.t.Fatalf("durability is %q, and the harness cannot reopen", d)
			}
		}
	}
	return scenarios
}
