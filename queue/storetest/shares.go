package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// sharing is how leases and reservations share one gate.
func sharing() []scenario {
	return []scenario{
		{name: "slots go to leases and reservations by weight while both wait", run: func(f *fixture) {
			for i, c := range []struct{ share, reserved int }{{0, 4}, {50, 4}, {25, 2}, {75, 6}} {
				leased, reserved := f.bothWait(fmt.Sprint("orders-", i), queue.Limits{MaxLeased: 8, SyncShare: c.share})
				if reserved != c.reserved || leased != 8-c.reserved {
					f.t.Fatalf("share %d: %d leases and %d reservations, want %d reservations of 8", c.share, leased, reserved, c.reserved)
				}
			}
		}},
		{name: "tokens go to leases and reservations by weight while both wait", run: func(f *fixture) {
			for i, c := range []struct{ share, reserved int }{{50, 4}, {25, 2}, {75, 6}} {
				leased, reserved := f.bothWait(fmt.Sprint("orders-", i), queue.Limits{Rate: 0.001, Burst: 8, SyncShare: c.share})
				if reserved != c.reserved || leased != 8-c.reserved {
					f.t.Fatalf("share %d: %d leases and %d reservations, want %d reservations of 8", c.share, leased, reserved, c.reserved)
				}
			}
		}},
		{name: "a share that nobody wants is lent", run: func(f *fixture) {
			f.limit("leases", queue.Limits{MaxLeased: 4, SyncShare: 75})
			for range 6 {
				f.message("leases")
			}
			if n := len(f.leases(request(6, "leases"))); n != 4 {
				f.t.Fatalf("%d leases while nothing passes, want 4", n)
			}
			f.limit("calls", queue.Limits{MaxLeased: 4, SyncShare: 25})
			for range 4 {
				f.reserve("calls", time.Hour)
			}
			// Work is queued, and nobody leases it.
			f.limit("idle", queue.Limits{MaxLeased: 4, SyncShare: 25})
			f.message("idle")
			for range 4 {
				f.reserve("idle", time.Hour)
			}
		}},
		{name: "a slot that comes free goes to the side that holds less than its share", run: func(f *fixture) {
			f.limit("orders", queue.Limits{MaxLeased: 2})
			for range 10 {
				f.message("orders")
			}
			held := f.leases(request(2, "orders"))
			more := make(chan []queue.Lease, 1)
			wait := f.in(func() { more <- f.leases(request(5, "orders")) }) // first in line
			f.pass(grace)
			refs := make(chan queue.LeaseRef, 2)
			for range 2 {
				defer f.in(func() { refs <- f.reserve("orders", time.Hour) })()
			}
			f.pass(grace)
			f.end(done(held[0]))
			f.ok(f.Return(f.ctx, <-refs))
			<-refs // it stands
			if len(more) > 0 {
				f.t.Fatal("both slots went to leases")
			}
			f.end(done(held[1]))
			wait()
			if n := len(<-more); n != 1 {
				f.t.Fatalf("%d leases beside a reservation, want 1", n)
			}
		}},
	}
}

// bothWait gives a closed queue many who lease and many who reserve, opens it, and returns what each side got.
func (f *fixture) bothWait(name string, l queue.Limits) (leased, reserved int) {
	f.t.Helper()
	f.limit(name, l)
	f.gate(name, hold(queue.HoldPaused, 0))
	for range 20 {
		f.message(name)
	}
	ctx, cancel := context.WithCancel(f.ctx)
	var mu sync.Mutex
	var waits []func()
	for range 20 {
		waits = append(waits, f.in(func() {
			if _, err := f.Reserve(ctx, name, time.Hour); err == nil {
				mu.Lock()
				defer mu.Unlock()
				reserved++
			}
		}))
	}
	waits = append(waits, f.in(func() {
		got, err := f.Lease(f.ctx, request(20, name))
		f.ok(err)
		mu.Lock()
		defer mu.Unlock()
		leased = len(got)
	}))
	f.pass(grace)
	f.gate(name, queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
	f.pass(grace)
	cancel()
	for _, wait := range waits {
		wait()
	}
	return leased, reserved
}
