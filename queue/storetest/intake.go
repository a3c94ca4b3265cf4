package storetest

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

func intakeScenarios() []scenario {
	return []scenario{
		{name: "a paused intake refuses what is new and stores nothing of it, and what is there goes on", run: func(f *fixture) {
			there := f.message("orders", key("k", "same", time.Hour))
			f.gate("orders", intake(true, 0))
			refused := NewMessage("orders", key("other", "same", time.Hour))
			f.is(f.tryPut(refused).Err, queue.ErrIntakePaused)
			f.gone(refused)
			f.message("billing")
			f.end(done(f.leaseID(there)))
			f.counts("orders", queue.Counts{Accepted: 1, Done: 1})

			f.gate("orders", intake(false, 0))
			f.message("orders", key("other", "another", time.Hour)) // the refused one has reserved nothing
		}},
		{name: "a paused intake answers the repeats of what is there", run: func(f *fixture) {
			there := f.message("orders", key("k", "same", time.Hour))
			f.gate("orders", intake(true, 0))
			if answer := f.tryPut(there); answer != (queue.Enqueued{ID: there.ID}) {
				f.t.Fatalf("the same message again got %+v", answer)
			}
			if answer := f.tryPut(NewMessage("orders", key("k", "same", time.Hour))); !answer.Duplicate || answer.ID != there.ID {
				f.t.Fatalf("the repeat got %+v", answer)
			}
			f.is(f.tryPut(NewMessage("orders", key("k", "different", time.Hour))).Err, queue.ErrKeyReused)
		}},
		{name: "a timed pause of the intake ends by itself", run: func(f *fixture) {
			g := f.gate("orders", intake(true, 2*moment))
			if g.Intake == nil || g.Intake.Until.IsZero() || g.Intake.Note != "by the suite" {
				f.t.Fatalf("gate is %+v", g)
			}
			f.is(f.tryPut(NewMessage("orders")).Err, queue.ErrIntakePaused)
			f.pass(3 * moment)
			f.message("orders")
			if g := f.stats("orders").Gate; g.Intake != nil {
				f.t.Fatalf("a pause that ended is still shown: %+v", g.Intake)
			}
		}},
		{name: "retries, redrives and imports are not intake", run: func(f *fixture) {
			again, put := f.message("orders"), f.message("orders")
			f.gate("orders", intake(true, 0))
			f.end(retry(f.leaseID(again), 0))
			f.end(dead(f.leaseID(put), queue.ReasonPoison))
			_, err := f.Redrive(f.ctx, put.ID, queue.Redrive{})
			f.ok(err)
			f.same(f.drain("orders"), []queue.ID{again.ID, put.ID})
			record := queue.NewRecord(NewMessage("orders"), f.clock())
			f.ok(f.Import(f.ctx, []*queue.Record{record}))
			f.state(record.Message, queue.Ready)
		}},
		{name: "a paused intake closes no gate, and a hold no intake", run: func(f *fixture) {
			f.gate("orders", intake(true, 0))
			f.gate("orders", hold(queue.HoldPaused, 0))
			g := f.gate("orders", intake(false, 0))
			if len(g.Holds) != 1 || g.Intake != nil {
				f.t.Fatalf("gate is %+v", g)
			}
			m := f.message("orders")
			f.gate("orders", intake(true, 0))
			g = f.gate("orders", queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
			if len(g.Holds) != 0 || g.Intake == nil {
				f.t.Fatalf("gate is %+v", g)
			}
			f.leaseID(m)
		}},
	}
}

func intake(pause bool, d time.Duration) queue.GateChange {
	return queue.GateChange{Intake: &queue.IntakeChange{Pause: pause, For: d, Note: "by the suite"}}
}
