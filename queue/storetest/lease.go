package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func leaseScenarios() []scenario {
	return []scenario{
		{name: "a lease carries what the worker needs and is seen at once", run: func(f *fixture) {
			m := f.message("orders")
			before := f.clock()
			l := f.leaseFor("orders", time.Minute)
			if l.ID != m.ID || l.Token == 0 || l.Record.State != queue.Leased || l.Record.Deliveries != 1 || l.Record.Worker != "suite" {
				f.t.Fatalf("lease is %+v of %+v", l.LeaseRef, l.Record.Progress)
			}
			if l.ExpiresAt.Before(before.Add(time.Minute)) || l.ExpiresAt.After(f.clock().Add(time.Minute)) {
				f.t.Fatalf("lease ends at %v, want a minute after %v", l.ExpiresAt, before)
			}
			equalMessages(f, l.Record.Message, m)
			r := f.state(m, queue.Leased)
			if r.LeaseToken != l.Token || r.Deliveries != 1 {
				f.t.Fatalf("record is %+v, want the lease %+v", r.Progress, l.LeaseRef)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Leased: 1})
			f.nothing("orders")
		}},
		{name: "a lease waits for a message and gets it from the enqueue", run: func(f *fixture) {
			var l queue.Lease
			wait := f.in(func() { l = f.lease("orders") })
			f.pass(grace)
			m := f.message("orders")
			wait()
			if l.ID != m.ID {
				f.t.Fatalf("leased %v, want %v", l.ID, m.ID)
			}
		}},
		{name: "each of many waiting leases gets one message", run: func(f *fixture) {
			const n = 20
			var mu sync.Mutex
			seen := make(map[queue.ID]int)
			wait := f.in(func() {
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() {
						leases, err := f.Lease(f.ctx, request(1, "orders"))
						mu.Lock()
						defer mu.Unlock()
						for _, l := range leases {
							seen[l.ID]++
						}
						if err != nil || len(leases) != 1 {
							f.t.Errorf("got %d leases and %v", len(leases), err)
						}
					})
				}
				wg.Wait()
			})
			for range n {
				f.message("orders")
			}
			wait()
			if len(seen) != n {
				f.t.Fatalf("%d different messages were leased, want %d", len(seen), n)
			}
		}},
		{name: "a waiting lease ends with the cause of its context", run: func(f *fixture) {
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(f.ctx)
			wait := f.in(func() {
				if _, err := f.Lease(ctx, request(1, "orders")); !errors.Is(err, cause) {
					f.t.Errorf("error = %v, want the cause", err)
				}
			})
			f.pass(grace)
			cancel(cause)
			wait()
			f.leaseID(f.message("orders")) // nobody else took it
		}},
		{name: "a context that has ended takes no lease", run: func(f *fixture) {
			f.message("orders")
			ctx, cancel := context.WithCancel(f.ctx)
			cancel()
			leases, err := f.Lease(ctx, request(1, "orders"))
			if len(leases) > 0 {
				f.t.Fatalf("leased %v", leases[0].ID)
			}
			f.is(err, context.Canceled)
			f.counts("orders", queue.Counts{Accepted: 1, Ready: 1})
		}},
		{name: "no lease is lost to a context that ends as it is granted", run: func(f *fixture) {
			const n = 50
			var mu sync.Mutex
			held := 0
			wait := f.in(func() {
				var wg sync.WaitGroup
				for i := range n {
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(f.ctx, time.Duration(i%5)*time.Millisecond/2)
						defer cancel()
						leases, _ := f.Lease(ctx, request(1, "orders"))
						mu.Lock()
						defer mu.Unlock()
						held += len(leases)
					})
					wg.Go(func() { f.tryPut(NewMessage("orders")) })
				}
				wg.Wait()
			})
			wait()
			if got := f.stats("orders").Leased; got != int64(held) {
				f.t.Fatalf("%d are leased, and %d leases were returned", got, held)
			}
		}},
		{name: "no more is leased than asked for", run: func(f *fixture) {
			for range 5 {
				f.message("orders")
			}
			if n := len(f.leases(request(3, "orders"))); n != 3 {
				f.t.Fatalf("got %d leases, want 3", n)
			}
			if n := len(f.leases(request(10, "orders"))); n != 2 {
				f.t.Fatalf("got %d leases, want the 2 that are left", n)
			}
		}},
		{name: "only wanted queues are leased", run: func(f *fixture) {
			f.message("invoices")
			f.nothing("orders")
			if l := f.leases(request(1, "orders", "invoices")); l[0].Record.Queue != "invoices" {
				f.t.Fatalf("leased from %q", l[0].Record.Queue)
			}
		}},
		{name: "queues with eligible work take turns", run: func(f *fixture) {
			for range 6 {
				f.message("orders")
			}
			f.message("invoices")
			f.message("invoices")
			f.message("receipts")
			f.message("receipts")
			perQueue := make(map[string]int)
			for _, l := range f.leases(request(6, "orders", "invoices", "receipts", "empty")) {
				perQueue[l.Record.Queue]++
			}
			if perQueue["orders"] != 2 || perQueue["invoices"] != 2 || perQueue["receipts"] != 2 {
				f.t.Fatalf("six leases went to %v, want two for each", perQueue)
			}
		}},
		{name: "queues take turns over calls of one lease", run: func(f *fixture) {
			perQueue := make(map[string]int)
			for range 4 {
				f.message("orders")
				f.message("invoices")
			}
			for range 4 {
				perQueue[f.leases(request(1, "orders", "invoices"))[0].Record.Queue]++
			}
			if perQueue["orders"] != 2 || perQueue["invoices"] != 2 {
				f.t.Fatalf("four leases went to %v, want two for each", perQueue)
			}
		}},
		{name: "a queue holds three quarters of the slots while another has work", run: func(f *fixture) {
			for range 8 {
				f.message("slow")
			}
			for range 8 {
				f.message("fast")
			}
			r := request(2, "slow", "fast")
			r.Slots = 8
			r.Queues[0].Held = 6
			for _, l := range f.leases(r) {
				if l.Record.Queue != "fast" {
					f.t.Fatalf("a seventh slot of eight went to the slow queue")
				}
			}
		}},
		{name: "what one call takes counts against the three quarters", run: func(f *fixture) {
			for range 4 {
				f.message("slow")
				f.message("fast")
			}
			r := request(4, "slow", "fast")
			r.Slots = 9
			r.Queues[0].Held = 5
			slow := 0
			for _, l := range f.leases(r) {
				if l.Record.Queue == "slow" {
					slow++
				}
			}
			if slow > 1 {
				f.t.Fatalf("the slow queue holds %d slots of nine, want at most 6", 5+slow)
			}
		}},
		{name: "a queue may hold every slot while no other has eligible work", run: func(f *fixture) {
			for range 8 {
				f.message("slow")
			}
			f.message("held")
			f.gate("held", hold(queue.HoldPaused, 0))
			r := request(8, "slow", "held")
			r.Slots = 8
			if n := len(f.leases(r)); n != 8 {
				f.t.Fatalf("got %d leases, want 8", n)
			}
		}},
		{name: "three quarters are at least one slot", run: func(f *fixture) {
			f.message("orders")
			f.message("invoices")
			r := request(1, "orders", "invoices")
			r.Slots = 1
			if n := len(f.leases(r)); n != 1 {
				f.t.Fatalf("got %d leases, want 1", n)
			}
		}},
		{name: "a lease of a busy queue does not hold up one of another", run: func(f *fixture) {
			f.gate("closed", hold(queue.HoldPaused, 0))
			f.message("closed")
			ctx, cancel := context.WithCancel(f.ctx)
			wait := f.in(func() {
				if _, err := f.Lease(ctx, request(1, "closed")); !errors.Is(err, context.Canceled) {
					f.t.Errorf("lease of the closed queue ended with %v", err)
				}
			})
			f.message("open")
			f.lease("open")
			cancel()
			wait()
		}},
	}
}

func orderScenarios() []scenario {
	return []scenario{
		{name: "first in, first out", run: func(f *fixture) {
			var want []queue.ID
			for range 10 {
				want = append(want, f.message("orders").ID)
			}
			f.same(f.drain("orders"), want)
		}},
		{name: "nine is the most urgent priority", run: func(f *fixture) {
			var want []queue.ID
			var messages []*queue.Message
			for p := range queue.MaxPriority + 1 {
				messages = append(messages, f.message("orders", priority(p)))
			}
			for p := queue.MaxPriority; len(want) < 7; p-- {
				want = append(want, messages[p].ID)
			}
			f.same(f.drain("orders")[:7], want)
		}},
		{name: "every eighth lease is the turn of a less urgent one, however many urgent ones came before it", run: func(f *fixture) {
			var urgent []queue.ID
			for range 20 {
				urgent = append(urgent, f.message("orders", priority(9)).ID)
			}
			patient := f.message("orders", priority(0))
			got := f.drain("orders")
			f.same(got[:7], urgent[:7])
			if got[7] != patient.ID {
				f.t.Fatalf("the eighth lease is %v, want the one of priority 0, %v", got[7], patient.ID)
			}
			f.same(got[8:], urgent[7:])
		}},
		{name: "less urgent priorities take turns", run: func(f *fixture) {
			want := make(map[int]queue.ID)
			for p, leases := range map[int][]int{6: {8, 32}, 3: {16}, 0: {24}} {
				for _, n := range leases {
					want[n] = f.message("orders", priority(p)).ID
				}
			}
			for range 40 {
				f.message("orders", priority(9))
			}
			for i, id := range f.drain("orders")[:32] {
				if turn, ok := want[i+1]; ok && id != turn {
					f.t.Errorf("lease %d is %v, want %v, whose turn it is", i+1, id, turn)
				}
			}
		}},
		{name: "what was released keeps its place", run: func(f *fixture) {
			first, second := f.message("orders"), f.message("orders")
			l := f.leaseID(first)
			f.end(release(l))
			f.same(f.drain("orders"), []queue.ID{first.ID, second.ID})
		}},
		{name: "what was lost keeps its place", run: func(f *fixture) {
			first, second := f.message("orders"), f.message("orders")
			f.leaseFor("orders", moment)
			f.until(first, queue.Ready)
			f.same(f.drain("orders"), []queue.ID{first.ID, second.ID})
		}},
		{name: "a retry stands in line anew", run: func(f *fixture) {
			first, second := f.message("orders"), f.message("orders")
			f.end(retry(f.leaseID(first), 0))
			third := f.message("orders")
			f.same(f.drain("orders"), []queue.ID{second.ID, first.ID, third.ID})
		}},
		{name: "a delayed message stands in line when it becomes due", run: func(f *fixture) {
			late := f.message("orders", notBefore(moment))
			early := f.message("orders")
			f.until(late, queue.Ready)
			last := f.message("orders")
			f.same(f.drain("orders"), []queue.ID{early.ID, late.ID, last.ID})
		}},
	}
}

// drain leases one message after the other until there is none, settles each, and returns the order.
func (f *fixture) drain(queueName string) []queue.ID {
	f.t.Helper()
	var ids []queue.ID
	for f.stats(queueName).Ready > 0 {
		l := f.lease(queueName)
		ids = append(ids, l.ID)
		f.end(done(l))
	}
	return ids
}

// clock returns the store's time.
func (f *fixture) clock() time.Time {
	f.t.Helper()
	s, err := f.Stats(f.ctx)
	f.ok(err)
	return s.Now
}

func priority(p int) func(*queue.Message) { return func(m *queue.Message) { m.Priority = uint8(p) } }

func notBefore(d time.Duration) func(*queue.Message) {
	return func(m *queue.Message) { m.NotBefore = m.AcceptedAt.Add(d) }
}

func deadline(d time.Duration) func(*queue.Message) {
	return func(m *queue.Message) { m.Deadline = m.AcceptedAt.Add(d) }
}
