package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func statsScenarios() []scenario {
	return []scenario{
		{name: "an empty store has no queues", run: func(f *fixture) {
			if s := f.allStats(); len(s.Queues) != 0 || s.Now.IsZero() {
				f.t.Fatalf("stats are %+v", s)
			}
		}},
		{name: "counters follow a message through its life", run: func(f *fixture) {
			m := f.message("orders", notBefore(moment))
			f.counts("orders", queue.Counts{Accepted: 1, Scheduled: 1})
			l := f.leaseID(m)
			f.counts("orders", queue.Counts{Accepted: 1, Leased: 1})
			f.end(retry(l, time.Hour))
			f.counts("orders", queue.Counts{Accepted: 1, Scheduled: 1})
			f.cancel(m)
			f.counts("orders", queue.Counts{Accepted: 1, Cancelled: 1})
			_, err := f.Purge(f.ctx, queue.Filter{})
			f.ok(err)
			f.counts("orders", queue.Counts{Accepted: 1, Removed: 1})
		}},
		{name: "the oldest ready message gives the age", run: func(f *fixture) {
			before := f.clock()
			first := f.message("orders")
			f.pass(moment)
			second := f.message("orders")
			const late = time.Second
			if at := f.stats("orders").OldestAt; at.Before(before.Add(-late)) || at.After(f.clock()) {
				f.t.Fatalf("the oldest is ready since %v, want %v or up to a second later", at, before)
			}
			f.end(done(f.leaseID(first)))
			f.end(done(f.leaseID(second)))
			f.pass(late)
			if at := f.stats("orders").OldestAt; !at.IsZero() {
				f.t.Fatalf("an empty queue is waiting since %v", at)
			}
		}},
		{name: "a release does not make the queue younger", run: func(f *fixture) {
			first := f.message("orders")
			waiting := f.message("orders")
			limit := f.clock()
			l := f.leaseID(first)
			const late = time.Second
			f.pass(late + moment)
			f.end(queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleRelease})
			since := f.get(waiting).UpdatedAt
			if at := f.stats("orders").OldestAt; at.Before(since) || at.After(limit.Add(late)) {
				f.t.Fatalf("the oldest is ready since %v, want %v or up to a second later", at, since)
			}
		}},
		{name: "bytes grow with what is stored and shrink with what is removed", run: func(f *fixture) {
			empty := f.allStats().Bytes
			f.message("orders", func(m *queue.Message) { m.Request.Body = queue.InlineBody(make([]byte, 50<<10)) })
			if grown := f.allStats().Bytes - empty; grown < 50<<10 {
				f.t.Fatalf("a body of 50 KiB counts as %d bytes", grown)
			}
			_, err := f.Purge(f.ctx, queue.Filter{})
			f.ok(err)
			if left := f.allStats().Bytes - empty; left >= 50<<10 {
				f.t.Fatalf("%d bytes are left", left)
			}
		}},
		{name: "the clock goes forward", run: func(f *fixture) {
			before := f.clock()
			f.pass(moment)
			if d := f.clock().Sub(before); d < moment {
				f.t.Fatalf("the clock went %v in %v", d, moment)
			}
		}},
		{name: "capabilities say what the store is", run: func(f *fixture) {
			c := f.Capabilities()
			if c.Name == "" || c.Place == "" || c.Durability == "" {
				f.t.Fatalf("capabilities are %+v", c)
			}
			if c.Recovered != (queue.Counts{}) {
				f.t.Fatalf("a fresh store recovered %+v", c.Recovered)
			}
		}},
	}
}

func closeScenarios() []scenario {
	return []scenario{
		{name: "every method answers that the store is closed", run: func(f *fixture) {
			m := f.message("orders")
			s := f.Store
			f.close()
			for name, err := range map[string]error{
				"Enqueue":     second(s.Enqueue(f.ctx, []*queue.Message{m})),
				"Lease":       second(s.Lease(f.ctx, request(1, "orders"))),
				"Extend":      second(s.Extend(f.ctx, []queue.LeaseRef{{ID: m.ID}}, time.Hour)),
				"Settle":      second(s.Settle(f.ctx, []queue.Settlement{{Kind: queue.SettleRelease}})),
				"Get":         second(s.Get(f.ctx, m.ID)),
				"Wait":        second(s.Wait(f.ctx, m.ID, 0)),
				"Position":    second(s.Position(f.ctx, m.ID)),
				"Cancel":      second(s.Cancel(f.ctx, m.ID, queue.CancelOptions{})),
				"List":        second(s.List(f.ctx, queue.Filter{})),
				"Redrive":     second(s.Redrive(f.ctx, m.ID, queue.Redrive{})),
				"Purge":       second(s.Purge(f.ctx, queue.Filter{})),
				"Import":      s.Import(f.ctx, []*queue.Record{foreign("orders", queue.Done)}),
				"SetGate":     second(s.SetGate(f.ctx, "orders", queue.GateChange{})),
				"Reserve":     second(s.Reserve(f.ctx, "orders", time.Hour)),
				"Return":      s.Return(f.ctx, queue.LeaseRef{}),
				"Room":        s.Room(),
				"Stats":       second(s.Stats(f.ctx)),
				"CreateBody":  second(s.CreateBody(f.ctx)),
				"OpenBody":    second(s.OpenBody(f.ctx, "0")),
				"DiscardBody": s.DiscardBody(f.ctx, queue.StoredBody("0", 1, s)),
				"Run":         s.Run(f.ctx, nil),
			} {
				if !errors.Is(err, queue.ErrClosed) {
					f.t.Errorf("%s: error = %v, want ErrClosed", name, err)
				}
			}
		}},
		{name: "blocked calls end", run: func(f *fixture) {
			m := f.message("orders")
			f.gate("orders", hold(queue.HoldPaused, 0))
			store := f.Store
			blocked := map[string]func() error{
				"Lease":   func() error { return second(store.Lease(f.ctx, request(1, "orders"))) },
				"Wait":    func() error { return second(store.Wait(f.ctx, m.ID, queue.UntilTerminal)) },
				"Reserve": func() error { return second(store.Reserve(f.ctx, "orders", time.Hour)) },
				"Run":     func() error { return store.Run(f.ctx, nil) },
			}
			var waits []func()
			for name, call := range blocked {
				waits = append(waits, f.in(func() {
					if err := call(); !errors.Is(err, queue.ErrClosed) {
						f.t.Errorf("%s: error = %v, want ErrClosed", name, err)
					}
				}))
			}
			f.pass(grace)
			f.close()
			for _, wait := range waits {
				wait()
			}
		}},
		{name: "Run ends with its context and may be started again", run: func(f *fixture) {
			f.stop()
			f.start()
			f.until(f.message("orders", deadline(moment)), queue.Expired)
		}},
		{name: "several may Run at once", run: func(f *fixture) {
			ctx, cancel := context.WithCancel(f.ctx)
			wait := f.in(func() {
				if err := f.Run(ctx, nil); err != nil {
					f.t.Errorf("run: %v", err)
				}
			})
			a := f.message("orders", deadline(moment))
			f.until(a, queue.Expired)
			cancel()
			wait()
			f.until(f.message("orders", deadline(moment)), queue.Expired)
			f.counts("orders", queue.Counts{Accepted: 2, Expired: 2})
		}},
	}
}

func second[T any](_ T, err error) error { return err }
