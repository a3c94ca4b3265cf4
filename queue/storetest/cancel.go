package storetest

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

func cancelScenarios() []scenario {
	return []scenario{
		{name: "a waiting message is withdrawn", run: func(f *fixture) {
			ready, parked := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			scheduled := f.message("orders", notBefore(time.Hour))
			for _, m := range []*queue.Message{parked, scheduled, ready} {
				if r := f.cancel(m); r.State != queue.Cancelled || r.MayHaveRun || r.CompletedAt.IsZero() {
					f.t.Fatalf("record is %+v", r.Progress)
				}
				f.state(m, queue.Cancelled)
			}
			f.nothing("orders")
			f.counts("orders", queue.Counts{Accepted: 3, Cancelled: 3})
		}},
		{name: "what was sent before may have run", run: func(f *fixture) {
			m := f.message("orders")
			f.end(retry(f.leaseID(m), time.Hour))
			if r := f.cancel(m); !r.MayHaveRun {
				f.t.Fatal("MayHaveRun is false")
			}
		}},
		{name: "the holder of a leased one is asked to abort, once", run: func(f *fixture) {
			m := f.message("orders")
			asked := make(chan queue.LeaseRef, 2)
			r := request(1, "orders")
			r.OnCancel = func(ref queue.LeaseRef) { asked <- ref }
			l := f.leases(r)[0]
			if x := f.extend(l.LeaseRef, time.Hour); x.CancelRequested {
				f.t.Fatal("a cancellation is reported that nobody asked for")
			}
			for range 2 {
				if rec := f.cancel(m); rec.State != queue.Leased || !rec.CancelRequested {
					f.t.Fatalf("record is %+v", rec.Progress)
				}
			}
			select {
			case ref := <-asked:
				if ref != l.LeaseRef {
					f.t.Fatalf("asked to abort %+v, want %+v", ref, l.LeaseRef)
				}
			case <-f.ctx.Done():
				f.t.Fatal("OnCancel was not called")
			}
			if x := f.extend(l.LeaseRef, time.Hour); x.Err != nil || !x.CancelRequested {
				f.t.Fatalf("extend answered %+v", x)
			}
			f.end(queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleCancelled})
			if rec := f.state(m, queue.Cancelled); rec.CancelRequested {
				f.t.Fatal("a request to cancel outlived the lease")
			}
			if len(asked) > 0 {
				f.t.Fatal("the holder was asked twice")
			}
		}},
		{name: "a worker that finishes first wins over the cancellation", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseID(m)
			f.cancel(m)
			f.end(done(l))
			f.state(m, queue.Done)
		}},
		{name: "a cancelled message does not go back to the queue", run: func(f *fixture) {
			a, b := f.message("orders"), f.message("orders")
			la, lb := f.leaseID(a), f.leaseID(b)
			f.cancel(a)
			f.cancel(b)
			f.end(release(la))
			f.end(retry(lb, time.Hour))
			if r := f.state(a, queue.Cancelled); r.MayHaveRun {
				f.t.Fatal("a request that was not begun may have run")
			}
			if r := f.state(b, queue.Cancelled); !r.MayHaveRun {
				f.t.Fatal("MayHaveRun is false")
			}
		}},
		{name: "what has finished stays as it is", run: func(f *fixture) {
			m := f.message("orders")
			f.end(done(f.leaseID(m)))
			r, err := f.Cancel(f.ctx, m.ID, queue.CancelOptions{})
			f.is(err, queue.ErrTerminal)
			if r == nil || r.State != queue.Done {
				f.t.Fatalf("record is %+v, want the finished one", r)
			}
		}},
		{name: "never leased means never", run: func(f *fixture) {
			a, b := f.message("orders"), f.message("orders")
			f.end(release(f.leaseID(a)))
			never := queue.CancelOptions{NeverLeased: true}
			r, err := f.Cancel(f.ctx, a.ID, never)
			f.is(err, queue.ErrRunning)
			if r == nil || r.State != queue.Ready {
				f.t.Fatalf("record is %+v, want the ready one", r)
			}
			f.leaseID(a)
			_, err = f.Cancel(f.ctx, a.ID, never)
			f.is(err, queue.ErrRunning)
			if f.state(a, queue.Leased).CancelRequested {
				f.t.Fatal("a refused cancellation asked the holder to abort")
			}
			_, err = f.Cancel(f.ctx, b.ID, never)
			f.ok(err)
			f.state(b, queue.Cancelled)
		}},
		{name: "an unknown one is not found", run: func(f *fixture) {
			_, err := f.Cancel(f.ctx, NewMessage("orders").ID, queue.CancelOptions{})
			f.is(err, queue.ErrNotFound)
		}},
	}
}

func redriveScenarios() []scenario {
	return []scenario{
		{name: "a dead message is ready as the next generation", run: func(f *fixture) {
			m := f.message("orders")
			f.end(retry(f.leaseID(m), 0))
			f.end(dead(f.leaseID(m), queue.ReasonAttemptsExhausted))
			r, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			if r.State != queue.Ready || r.Generation != 1 || r.Attempts != 0 || r.Crashes != 0 || r.Reason != "" || r.Result != nil ||
				len(r.History) != 2 || r.Deliveries != 2 || !r.CompletedAt.IsZero() || !r.RemoveAt.IsZero() {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Ready: 1})
			l := f.leaseID(m)
			if l.Record.Deliveries != 3 || l.Record.Generation != 1 {
				f.t.Fatalf("delivery %d of generation %d, want 3 of 1", l.Record.Deliveries, l.Record.Generation)
			}
			f.end(done(l))
			f.state(m, queue.Done)
		}},
		{name: "an edited request is sent and the original kept beside it", run: func(f *fixture) {
			m := f.message("orders")
			f.end(dead(f.leaseID(m), queue.ReasonEndpointError))
			edited := m.Request.Clone()
			edited.Header["X-Fixed"] = []string{"yes"}
			edited.Body = queue.InlineBody([]byte("fixed"))
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{Request: &edited})
			f.ok(err)
			l := f.leaseID(m)
			if got := l.Record.Sent(); got.Header.Get("X-Fixed") != "yes" || string(f.bytes(got.Body)) != "fixed" {
				f.t.Fatalf("sent is %+v", got)
			}
			equalMessages(f, l.Record.Message, m)
			f.end(dead(l, queue.ReasonEndpointError))
			_, err = f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			if got := f.get(m).Sent(); got.Header.Get("X-Fixed") != "yes" {
				f.t.Fatal("a second redrive forgot the edit of the first")
			}
		}},
		{name: "the deadline of before no longer counts, a new one does", run: func(f *fixture) {
			m := f.message("orders", deadline(2*moment))
			l := f.leaseID(m)
			f.end(dead(l, queue.ReasonEndpointError))
			f.pass(3 * moment)
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			f.end(dead(f.leaseID(m), queue.ReasonEndpointError))
			_, err = f.Redrive(f.ctx, m.ID, queue.Redrive{Deadline: moment})
			f.ok(err)
			if r := f.until(m, queue.Expired); !r.MayHaveRun {
				f.t.Fatal("what ran in an earlier generation may have run")
			}
		}},
		{name: "only a dead message is redriven", run: func(f *fixture) {
			m := f.message("orders")
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.is(err, queue.ErrNotDead)
			l := f.leaseID(m)
			_, err = f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.is(err, queue.ErrNotDead)
			f.end(done(l))
			_, err = f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.is(err, queue.ErrNotDead)
			_, err = f.Redrive(f.ctx, NewMessage("orders").ID, queue.Redrive{})
			f.is(err, queue.ErrNotFound)
		}},
		{name: "a redriven message wakes a waiting lease and stands behind", run: func(f *fixture) {
			m := f.message("orders")
			f.end(dead(f.leaseID(m), queue.ReasonEndpointError))
			other := f.message("orders")
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			f.end(done(f.leaseID(other)))
			f.end(dead(f.leaseID(m), queue.ReasonEndpointError))
			wait := f.in(func() { f.leaseID(m) })
			f.pass(grace)
			_, err = f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			wait()
		}},
		{name: "a stale settlement of an earlier generation is fenced off", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseID(m)
			f.end(dead(l, queue.ReasonEndpointError))
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			f.is(f.trySettle(done(l)), queue.ErrLeaseLost)
			fresh := f.leaseID(m)
			f.is(f.trySettle(done(l)), queue.ErrLeaseLost)
			f.end(done(fresh))
		}},
	}
}
