package storetest

import (
	"fmt"

	"github.com/openhqm/openhqm/queue"
)

func fairScenarios() []scenario {
	return []scenario{
		{name: "who comes while one key has a hundred thousand waiting starts after two of its completions a slot", run: func(f *fixture) {
			for slots, thousands := range map[int]int{1: 1, 4: flood} {
				queueName := fmt.Sprint("orders-", slots)
				first := fair("a", slots)
				for range thousands {
					batch := make([]*queue.Message, 1000)
					for i := range batch {
						batch[i] = NewMessage(queueName, first)
					}
					f.put(batch...)
				}
				running := f.leases(request(slots, queueName))
				if len(running) != slots {
					f.t.Fatalf("%d run, want %d", len(running), slots)
				}
				late := f.message(queueName, fair("b", slots))
				completions := 0
				for running[len(running)-1].ID != late.ID {
					f.end(done(running[0]))
					completions++
					running = append(running[1:], f.lease(queueName))
					if completions > 2*slots {
						f.t.Fatalf("%d slots: after %d completions of the other key it has not started", slots, completions)
					}
				}
			}
		}},
		{name: "three equal keys get a third each, however much of them waits", run: func(f *fixture) {
			for key, n := range map[string]int{"a": 300, "b": 100, "c": 100} {
				for range n {
					f.message("orders", fair(key, 5))
				}
			}
			running := f.leases(request(5, "orders"))
			counts := make(map[string]int)
			for range 240 {
				counts[running[0].Record.Lane.Key]++
				f.end(done(running[0]))
				running = append(running[1:], f.lease("orders"))
			}
			for key, n := range counts {
				if n < 240*30/100 || n > 240*36/100 {
					f.t.Errorf("%s got %d of 240: %v", key, n, counts)
				}
			}
		}},
		{name: "shares go by the bounds of the lanes", run: func(f *fixture) {
			for range 200 {
				f.message("orders", fair("small", 1))
				f.message("orders", fair("large", 3))
			}
			counts := make(map[string]int)
			for range 100 {
				l := f.lease("orders")
				counts[l.Record.Lane.Key]++
				f.end(done(l))
			}
			if counts["large"] < 72 || counts["large"] > 78 {
				f.t.Errorf("of 100: %v, want three quarters for the larger", counts)
			}
		}},
		{name: "a turn is kept when a lease is given back, and over the end of a process", run: func(f *fixture) {
			a1, a2, a3 := f.message("orders", fair("a", 1)), f.message("orders", fair("a", 1)), f.message("orders", fair("a", 1))
			b := f.message("orders", fair("b", 1))
			f.end(done(f.leaseID(a1))) // a2 goes behind b
			if f.h.Reopen != nil {
				f.reopen()
			}
			f.end(done(f.leaseID(b)))
			c := f.message("orders", fair("c", 1)) // comes behind a2, whose place is older than that of a3
			f.end(release(f.leaseID(a2)))
			f.same(f.drain("orders"), []queue.ID{a2.ID, c.ID, a3.ID})
		}},
		{name: "a fair lane of one is not ordered: a retry frees its place", run: func(f *fixture) {
			a1, a2 := f.message("orders", fair("a", 1)), f.message("orders", fair("a", 1))
			f.end(retry(f.leaseID(a1), moment))
			f.end(done(f.leaseID(a2)))
			f.leaseID(a1)
		}},
	}
}

func fair(key string, bound int) func(*queue.Message) {
	return func(m *queue.Message) { m.Lane = queue.Lane{Key: key, Bound: bound, Fair: true} }
}
