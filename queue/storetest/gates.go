package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func gateScenarios() []scenario {
	return []scenario{
		{name: "a hold keeps a queue closed until it is released", run: func(f *fixture) {
			m := f.message("orders")
			g := f.gate("orders", hold(queue.HoldPaused, 0))
			if reason, h, closed := g.Closed(f.clock()); !closed || reason != queue.HoldPaused || h.Note != "by the suite" || !h.Until.IsZero() {
				f.t.Fatalf("gate is %+v", g)
			}
			f.nothing("orders")
			var l queue.Lease
			wait := f.in(func() { l = f.lease("orders") })
			f.pass(grace)
			f.gate("orders", queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
			wait()
			if l.ID != m.ID {
				f.t.Fatal("another message was leased")
			}
		}},
		{name: "a timed hold opens by itself and wakes who waits", run: func(f *fixture) {
			f.message("orders")
			g := f.gate("orders", hold(queue.HoldCooldown, 2*moment))
			f.lease("orders")
			if now := f.clock(); now.Before(g.Holds[queue.HoldCooldown].Until) {
				f.t.Fatalf("leased at %v, before the hold ended at %v", now, g.Holds[queue.HoldCooldown].Until)
			}
			if g := f.stats("orders").Gate; len(g.Holds) != 0 {
				f.t.Fatalf("a hold that ended is still shown: %+v", g)
			}
		}},
		{name: "a timed hold never shortens one that stands", run: func(f *fixture) {
			long := f.gate("orders", hold(queue.HoldCooldown, time.Hour)).Holds[queue.HoldCooldown].Until
			if got := f.gate("orders", hold(queue.HoldCooldown, time.Minute)).Holds[queue.HoldCooldown].Until; !got.Equal(long) {
				f.t.Fatalf("the hold ends at %v, want %v", got, long)
			}
			f.gate("orders", hold(queue.HoldCooldown, 0))
			if got := f.gate("orders", hold(queue.HoldCooldown, time.Minute)).Holds[queue.HoldCooldown].Until; !got.IsZero() {
				f.t.Fatalf("a hold without end got one: %v", got)
			}
		}},
		{name: "holds of several reasons stand on their own", run: func(f *fixture) {
			m := f.message("orders")
			f.gate("orders", hold(queue.HoldPaused, 0))
			f.gate("orders", hold(queue.HoldAuth, 0))
			f.gate("orders", queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
			f.nothing("orders")
			f.gate("orders", queue.GateChange{Release: []queue.HoldReason{queue.HoldAuth}})
			f.leaseID(m)
		}},
		{name: "a gate may be set before its queue has messages and is shown", run: func(f *fixture) {
			f.gate("orders", queue.GateChange{Limits: &queue.Limits{MaxLeased: 3, Rate: 5, Burst: 2}})
			f.gate("orders", hold(queue.HoldOperator, 0))
			g := f.stats("orders").Gate
			if g.Limits != (queue.Limits{MaxLeased: 3, Rate: 5, Burst: 2}) || len(g.Holds) != 1 {
				f.t.Fatalf("gate is %+v", g)
			}
		}},
		{name: "no more is leased at once than the limit", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 2})
			for range 4 {
				f.message("orders")
			}
			leases := f.leases(request(4, "orders"))
			if len(leases) != 2 {
				f.t.Fatalf("got %d leases, want 2", len(leases))
			}
			f.nothing("orders")
			var next queue.Lease
			wait := f.in(func() { next = f.lease("orders") })
			f.pass(grace)
			f.end(retry(leases[0], time.Hour))
			wait()
			f.nothing("orders")
			f.end(done(next))
			f.lease("orders")
		}},
		{name: "a recovering queue leases no more at once than it is given, beside its own limit", run: func(f *fixture) {
			one, all := 1, 0
			f.limit("orders", queue.Limits{MaxLeased: 3})
			first := f.gate("orders", queue.GateChange{Recover: &one}).Recovery
			for range 4 {
				f.message("orders")
			}
			probe := f.leases(request(4, "orders"))
			if len(probe) != 1 {
				f.t.Fatalf("got %d leases, want 1", len(probe))
			}
			f.nothing("orders")
			five := 5
			if again := f.gate("orders", queue.GateChange{Recover: &five}).Recovery; !again.Since.Equal(first.Since) || again.MaxLeased != 5 {
				f.t.Fatalf("recovery is %+v, was %+v", again, first)
			}
			if n := len(f.leases(request(4, "orders"))); n != 2 {
				f.t.Fatalf("got %d more leases, want 2: the limit is 3", n)
			}
			if g := f.gate("orders", queue.GateChange{Recover: &all}); g.Recovery != (queue.Recovery{}) || g.Limits.MaxLeased != 3 {
				f.t.Fatalf("gate is %+v", g)
			}
		}},
		{name: "what an endpoint was found to bear limits beside its own limit", run: func(f *fixture) {
			two, nine, off := 2, 9, 0
			f.limit("orders", queue.Limits{MaxLeased: 3})
			f.gate("orders", queue.GateChange{Adapt: &two})
			for range 4 {
				f.message("orders")
			}
			if n := len(f.leases(request(4, "orders"))); n != 2 {
				f.t.Fatalf("got %d leases, want 2", n)
			}
			if g := f.gate("orders", queue.GateChange{Adapt: &nine}); g.Adaptive != 9 || g.MaxLeased() != 3 {
				f.t.Fatalf("gate is %+v", g)
			}
			if n := len(f.leases(request(4, "orders"))); n != 1 {
				f.t.Fatalf("got %d more leases, want 1: the limit is 3", n)
			}
			if g := f.gate("orders", queue.GateChange{Adapt: &off}); g.Adaptive != 0 || g.MaxLeased() != 3 {
				f.t.Fatalf("gate is %+v", g)
			}
		}},
		{name: "a lost lease gives its slot back", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 1})
			m := f.message("orders")
			f.leaseFor("orders", moment)
			f.leaseID(m)
		}},
		{name: "raising the limit wakes who waits", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 1})
			f.message("orders")
			f.message("orders")
			f.lease("orders")
			wait := f.in(func() { f.lease("orders") })
			f.pass(grace)
			f.limit("orders", queue.Limits{MaxLeased: 2})
			wait()
		}},
		{name: "the rate is never exceeded and fully used", run: func(f *fixture) {
			const n = 8
			interval := moment / 2
			f.limit("orders", queue.Limits{Rate: float64(time.Second) / float64(interval)})
			for range n {
				f.message("orders")
			}
			start := f.clock()
			for i := range n {
				f.lease("orders")
				if early := start.Add(time.Duration(i) * interval).Sub(f.clock()); early > 0 {
					f.t.Fatalf("lease %d came %v too early", i, early)
				}
			}
			if took := f.clock().Sub(start); took > Patience/4 {
				f.t.Fatalf("%d leases took %v, want about %v", n, took, n*interval)
			}
		}},
		{name: "a raised rate does not wait for the old one", run: func(f *fixture) {
			f.limit("orders", queue.Limits{Rate: 1.0 / 60, Burst: 3})
			for range 3 {
				f.message("orders")
				f.lease("orders")
			}
			f.message("orders")
			f.nothing("orders")
			f.limit("orders", queue.Limits{Rate: 100})
			f.lease("orders") // within the fixture's patience, not after minutes
		}},
		{name: "a burst goes at once and then the rate holds", run: func(f *fixture) {
			f.limit("orders", queue.Limits{Rate: 1, Burst: 3})
			for range 6 {
				f.message("orders")
			}
			if n := len(f.leases(request(6, "orders"))); n != 3 {
				f.t.Fatalf("got %d leases at once, want 3", n)
			}
			f.nothing("orders")
		}},
		{name: "a closed queue does not hold up another in the same lease", run: func(f *fixture) {
			f.message("closed")
			f.gate("closed", hold(queue.HoldBreaker, 0))
			f.limit("slow", queue.Limits{Rate: 0.001})
			f.message("slow")
			f.message("slow")
			f.lease("slow")
			m := f.message("open")
			if l := f.leases(request(10, "closed", "slow", "open")); len(l) != 1 || l[0].ID != m.ID {
				f.t.Fatalf("got %d leases, the first of %q", len(l), l[0].Record.Queue)
			}
		}},
	}
}

func reserveScenarios() []scenario {
	return []scenario{
		{name: "a reservation takes a slot until it is returned", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 1})
			m := f.message("orders")
			ref := f.reserve("orders", time.Hour)
			if got := f.stats("orders"); got.Reserved != 1 || got.Leased != 0 {
				f.t.Fatalf("stats are %+v", got)
			}
			f.nothing("orders")
			wait := f.in(func() { f.leaseID(m) })
			f.pass(grace)
			f.ok(f.Return(f.ctx, ref))
			wait()
			f.ok(f.Return(f.ctx, ref)) // has ended: no error, and no second slot
			if got := f.stats("orders"); got.Reserved != 0 || got.Leased != 1 {
				f.t.Fatalf("stats are %+v", got)
			}
		}},
		{name: "a lease takes the slot that a reservation waits for", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 1})
			l := f.leaseID(f.message("orders"))
			wait := f.in(func() { f.reserve("orders", time.Hour) })
			f.pass(grace)
			f.end(done(l))
			wait()
		}},
		{name: "a queue without a gate has room at once", run: func(f *fixture) {
			a, b := f.reserve("orders", time.Hour), f.reserve("orders", time.Hour)
			if a == b {
				f.t.Fatal("two reservations have one reference")
			}
			f.counts("orders", queue.Counts{})
		}},
		{name: "a reservation that is not extended ends", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 1})
			ref := f.reserve("orders", moment)
			f.reserve("orders", time.Hour)
			f.is(f.extend(ref, time.Hour).Err, queue.ErrLeaseLost)
			f.ok(f.Return(f.ctx, ref))
			if n := f.stats("orders").Reserved; n != 1 {
				f.t.Fatalf("%d reservations stand, want 1", n)
			}
		}},
		{name: "an extended reservation stands", run: func(f *fixture) {
			ref := f.reserve("orders", 3*moment)
			f.okExtend(ref, time.Hour)
			f.pass(5 * moment)
			if n := f.stats("orders").Reserved; n != 1 {
				f.t.Fatalf("%d reservations stand, want 1", n)
			}
		}},
		{name: "a reservation is not a lease to settle", run: func(f *fixture) {
			ref := f.reserve("orders", time.Hour)
			f.is(f.trySettle(queue.Settlement{LeaseRef: ref, Kind: queue.SettleRelease}), queue.ErrLeaseLost)
			if n := f.stats("orders").Reserved; n != 1 {
				f.t.Fatalf("%d reservations stand, want 1", n)
			}
		}},
		{name: "a reservation uses up a token, returned or not", run: func(f *fixture) {
			f.limit("orders", queue.Limits{Rate: 0.001, Burst: 2})
			f.message("orders")
			f.ok(f.Return(f.ctx, f.reserve("orders", time.Hour)))
			f.ok(f.Return(f.ctx, f.reserve("orders", time.Hour)))
			f.nothing("orders")
		}},
		{name: "a context that ends first gets the reason", run: func(f *fixture) {
			f.gate("orders", hold(queue.HoldCooldown, time.Hour))
			e := f.refused("orders")
			if e.Queue != "orders" || e.Reason != string(queue.HoldCooldown) || e.After <= 30*time.Minute || e.After > time.Hour {
				f.t.Fatalf("error is %+v", e)
			}
			f.limit("invoices", queue.Limits{MaxLeased: 1})
			f.reserve("invoices", time.Hour)
			if e = f.refused("invoices"); e.Reason != "limit" || e.After != 0 {
				f.t.Fatalf("error is %+v", e)
			}
			f.limit("receipts", queue.Limits{Rate: 0.001})
			f.reserve("receipts", time.Hour)
			if e = f.refused("receipts"); e.Reason != "limit" || e.After <= time.Minute {
				f.t.Fatalf("error is %+v", e)
			}
		}},
		{name: "a context that has ended still gets what is free", run: func(f *fixture) {
			ctx, cancel := context.WithCancel(f.ctx)
			cancel()
			_, err := f.Reserve(ctx, "orders", time.Hour)
			f.ok(err)
		}},
		{name: "reservations and leases take turns", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 1})
			for range 20 {
				f.message("orders")
			}
			l := f.lease("orders")
			reserved := make(chan queue.LeaseRef, 1)
			wait := f.in(func() { reserved <- f.reserve("orders", time.Hour) })
			f.pass(grace)
			leases := 0
			for {
				next := make(chan queue.Lease, 1)
				again := f.in(func() { next <- f.lease("orders") })
				f.pass(grace)
				f.end(done(l))
				select {
				case ref := <-reserved:
					f.ok(f.Return(f.ctx, ref))
					again()
					wait()
					return
				case l = <-next:
				}
				if leases++; leases > 3 {
					f.t.Fatal("leases that came later went before the reservation")
				}
			}
		}},
	}
}

func hold(reason queue.HoldReason, d time.Duration) queue.GateChange {
	return queue.GateChange{Hold: []queue.HoldChange{{Reason: reason, For: d, Note: "by the suite"}}}
}

func (f *fixture) limit(queueName string, l queue.Limits) {
	f.t.Helper()
	f.gate(queueName, queue.GateChange{Limits: &l})
}

// reserve takes a reservation, waiting for it.
func (f *fixture) reserve(queueName string, ttl time.Duration) queue.LeaseRef {
	f.t.Helper()
	ref, err := f.Reserve(f.ctx, queueName, ttl)
	f.ok(err)
	return ref
}

// refused returns why there is no reservation to be had now.
func (f *fixture) refused(queueName string) *queue.GateError {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, grace)
	defer cancel()
	_, err := f.Reserve(ctx, queueName, time.Hour)
	var e *queue.GateError
	if !errors.As(err, &e) || !errors.Is(err, queue.ErrGateClosed) {
		f.t.Fatalf("error = %v, want a GateError", err)
	}
	return e
}
