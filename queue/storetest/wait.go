package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func waitScenarios() []scenario {
	return []scenario{
		{name: "a revision that is there already is answered at once", run: func(f *fixture) {
			m := f.message("orders")
			r, err := f.Wait(f.ctx, m.ID, 0)
			f.ok(err)
			if r.Revision != 1 || r.State != queue.Ready {
				f.t.Fatalf("record is %+v", r.Progress)
			}
		}},
		{name: "every change raises the revision and wakes who waits", run: func(f *fixture) {
			m := f.message("orders")
			last := f.get(m).Revision
			var l queue.Lease
			for _, step := range []func(){
				func() { l = f.lease("orders") },
				func() { f.cancel(m) },
				func() { f.end(done(l)) },
			} {
				var got *queue.Record
				wait := f.in(func() {
					var err error
					if got, err = f.Wait(f.ctx, m.ID, last); err != nil {
						f.t.Errorf("wait: %v", err)
					}
				})
				f.pass(grace)
				step()
				wait()
				if got == nil || got.Revision <= last {
					f.t.Fatalf("got %+v, want a revision above %d", got, last)
				}
				last = got.Revision
			}
		}},
		{name: "until terminal waits over the changes before", run: func(f *fixture) {
			m := f.message("orders")
			var got *queue.Record
			wait := f.in(func() { got, _ = f.Wait(f.ctx, m.ID, queue.UntilTerminal) })
			f.end(retry(f.leaseID(m), moment))
			f.end(done(f.leaseID(m)))
			wait()
			if got == nil || got.State != queue.Done || got.Result == nil {
				f.t.Fatalf("got %+v, want the finished record", got)
			}
			r, err := f.Wait(f.ctx, m.ID, queue.UntilTerminal)
			f.ok(err)
			equalResults(f, r.Result, got.Result)
		}},
		{name: "until terminal is woken by time too", run: func(f *fixture) {
			m := f.message("orders", deadline(moment))
			r, err := f.Wait(f.ctx, m.ID, queue.UntilTerminal)
			f.ok(err)
			if r.State != queue.Expired {
				f.t.Fatalf("state = %v", r.State)
			}
		}},
		{name: "many wait for one message", run: func(f *fixture) {
			m := f.message("orders")
			wait := f.in(func() {
				var wg sync.WaitGroup
				for range 20 {
					wg.Go(func() {
						if r, err := f.Wait(f.ctx, m.ID, queue.UntilTerminal); err != nil || r.State != queue.Done {
							f.t.Errorf("got %v and %v", r, err)
						}
					})
				}
				wg.Wait()
			})
			f.pass(grace)
			f.end(done(f.leaseID(m)))
			wait()
		}},
		{name: "a context that ends first gets the record as it is", run: func(f *fixture) {
			m := f.message("orders")
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(f.ctx)
			wait := f.in(func() {
				r, err := f.Wait(ctx, m.ID, queue.UntilTerminal)
				if !errors.Is(err, cause) || r == nil || r.State != queue.Leased {
					f.t.Errorf("got %+v and %v, want the leased record and the cause", r, err)
				}
			})
			f.leaseID(m)
			f.pass(grace)
			cancel(cause)
			wait()
		}},
		{name: "an unknown one is not found, also when it is removed meanwhile", run: func(f *fixture) {
			_, err := f.Wait(f.ctx, NewMessage("orders").ID, 0)
			f.is(err, queue.ErrNotFound)
			_, err = f.Get(f.ctx, NewMessage("orders").ID)
			f.is(err, queue.ErrNotFound)
			m := f.message("orders")
			wait := f.in(func() {
				if _, err := f.Wait(f.ctx, m.ID, queue.UntilTerminal); !errors.Is(err, queue.ErrNotFound) {
					f.t.Errorf("error = %v, want ErrNotFound", err)
				}
			})
			f.pass(grace)
			_, err = f.Purge(f.ctx, queue.Filter{Queue: "orders"})
			f.ok(err)
			wait()
		}},
		{name: "a snapshot does not change", run: func(f *fixture) {
			m := f.message("orders")
			ready := f.get(m)
			l := f.leaseID(m)
			f.end(retry(l, time.Hour))
			if ready.State != queue.Ready || ready.Deliveries != 0 || l.Record.State != queue.Leased || len(l.Record.History) != 0 {
				f.t.Fatalf("snapshots became %+v and %+v", ready.Progress, l.Record.Progress)
			}
		}},
	}
}

func positionScenarios() []scenario {
	return []scenario{
		{name: "it counts what goes before", run: func(f *fixture) {
			var messages []*queue.Message
			for range 5 {
				messages = append(messages, f.message("orders"))
			}
			f.message("invoices")
			for i, m := range messages {
				f.position(m, int64(i+1))
			}
			f.end(done(f.leaseID(messages[0])))
			f.position(messages[4], 4)
			urgent := f.message("orders", priority(5))
			if p, err := f.Position(f.ctx, urgent.ID); err != nil || p < 1 || p > 2 {
				f.t.Fatalf("position = %d and %v, want 1, or 2 for the turn of a less urgent one", p, err)
			}
			f.position(messages[4], 5)
		}},
		{name: "it is an upper bound of the leases until its own", run: func(f *fixture) {
			var messages []*queue.Message
			for i := range 40 {
				messages = append(messages, f.message("orders", priority((i*7)%3)))
			}
			bound := make(map[queue.ID]int64)
			for _, m := range messages {
				p, err := f.Position(f.ctx, m.ID)
				f.ok(err)
				bound[m.ID] = p
			}
			for i, id := range f.drain("orders") {
				if actual := int64(i + 1); actual > bound[id] {
					f.t.Errorf("the message was leased as number %d, and its position was %d", actual, bound[id])
				}
			}
		}},
		{name: "what does not wait has none", run: func(f *fixture) {
			scheduled := f.message("orders", notBefore(time.Hour))
			f.position(scheduled, 0)
			m := f.message("orders")
			l := f.leaseID(m)
			f.position(m, 0)
			f.end(done(l))
			f.position(m, 0)
			_, err := f.Position(f.ctx, NewMessage("orders").ID)
			f.is(err, queue.ErrNotFound)
		}},
		{name: "a parked one stands behind its lane", run: func(f *fixture) {
			f.message("orders", ordered("k"))
			b := f.message("orders", ordered("k"))
			f.position(b, 2)
		}},
	}
}

func (f *fixture) position(m *queue.Message, want int64) {
	f.t.Helper()
	got, err := f.Position(f.ctx, m.ID)
	f.ok(err)
	if got != want {
		f.t.Fatalf("position = %d, want %d", got, want)
	}
}
