package storetest

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

func listScenarios() []scenario {
	return []scenario{
		{name: "records come oldest ID first, page by page", run: func(f *fixture) {
			var messages []*queue.Message
			for range 25 {
				messages = append(messages, f.message("orders"))
			}
			f.same(f.ids(queue.Filter{}), sorted(messages...))
			f.same(f.ids(queue.Filter{Limit: 4}), sorted(messages...))
			page, err := f.List(f.ctx, queue.Filter{Limit: 4})
			f.ok(err)
			if len(page.Records) != 4 || page.Next == "" {
				f.t.Fatalf("page has %d records and next %q", len(page.Records), page.Next)
			}
		}},
		{name: "a page has a hundred records unless told otherwise", run: func(f *fixture) {
			var messages []*queue.Message
			for range 101 {
				messages = append(messages, NewMessage("orders"))
			}
			f.put(messages...)
			page, err := f.List(f.ctx, queue.Filter{})
			f.ok(err)
			if len(page.Records) != 100 || page.Next == "" {
				f.t.Fatalf("page has %d records and next %q", len(page.Records), page.Next)
			}
		}},
		{name: "a cursor survives the removal of its record", run: func(f *fixture) {
			messages := []*queue.Message{f.message("orders"), f.message("orders"), f.message("orders")}
			want := sorted(messages...)
			page, err := f.List(f.ctx, queue.Filter{Limit: 1})
			f.ok(err)
			_, err = f.Purge(f.ctx, queue.Filter{Limit: 1})
			f.ok(err)
			f.same(f.ids(queue.Filter{Limit: 1, Cursor: page.Next}), want[1:])
		}},
		{name: "a cursor that is none is refused", run: func(f *fixture) {
			f.message("orders")
			_, err := f.List(f.ctx, queue.Filter{Cursor: "nonsense"})
			f.is(err, queue.ErrInvalid)
		}},
		{name: "filters select by what they name", run: func(f *fixture) {
			plain := f.message("orders")
			other := f.message("invoices", func(m *queue.Message) {
				m.Endpoint, m.Caller, m.AcceptedAt = "billing", "alice", m.AcceptedAt.Add(-time.Hour)
				m.Lane = queue.Lane{Key: "k", Bound: 3}
			})
			failed := f.message("failing")
			f.end(dead(f.leaseID(failed), queue.ReasonPoison))
			between := plain.AcceptedAt.Add(-time.Minute)
			for name, c := range map[string]struct {
				filter queue.Filter
				want   []queue.ID
			}{
				"queue":           {queue.Filter{Queue: "orders"}, sorted(plain)},
				"unknown queue":   {queue.Filter{Queue: "none"}, nil},
				"state":           {queue.Filter{States: []queue.State{queue.Dead}}, sorted(failed)},
				"states":          {queue.Filter{States: []queue.State{queue.Dead, queue.Ready}}, sorted(plain, other, failed)},
				"reason":          {queue.Filter{Reason: queue.ReasonPoison}, sorted(failed)},
				"another reason":  {queue.Filter{Reason: queue.ReasonLost}, nil},
				"endpoint":        {queue.Filter{Endpoint: "billing"}, sorted(other)},
				"caller":          {queue.Filter{Caller: "alice"}, sorted(other)},
				"lane":            {queue.Filter{LaneKey: "k"}, sorted(other)},
				"accepted after":  {queue.Filter{After: between}, sorted(plain, failed)},
				"accepted before": {queue.Filter{Before: between}, sorted(other)},
				"both":            {queue.Filter{Queue: "orders", Caller: "alice"}, nil},
			} {
				f.t.Logf("filter by %s", name)
				f.same(f.ids(c.filter), c.want)
			}
		}},
		{name: "hidden queues are listed only by name", run: func(f *fixture) {
			hidden, visible := f.message("_internal"), f.message("orders")
			f.same(f.ids(queue.Filter{}), sorted(visible))
			f.same(f.ids(queue.Filter{Queue: "_internal"}), sorted(hidden))
			if _, shown := f.allStats().Queues["_internal"]; !shown {
				f.t.Fatal("stats do not show the hidden queue")
			}
		}},
		{name: "a list carries results and inline bodies", run: func(f *fixture) {
			m := f.message("orders")
			f.end(done(f.leaseID(m)))
			for r := range f.all(queue.Filter{}) {
				equalMessages(f, r.Message, m)
				if r.Result == nil || string(f.bytes(r.Result.Body)) != "done" {
					f.t.Fatalf("result is %+v", r.Result)
				}
			}
		}},
	}
}

func purgeScenarios() []scenario {
	return []scenario{
		{name: "what matches and is not leased is removed and counted", run: func(f *fixture) {
			finished := f.message("orders")
			f.end(done(f.leaseID(finished)))
			leased := f.message("orders")
			l := f.leaseID(leased)
			ready, scheduled := f.message("orders"), f.message("orders", notBefore(time.Hour))
			elsewhere := f.message("invoices")
			p, err := f.Purge(f.ctx, queue.Filter{Queue: "orders"})
			f.ok(err)
			if p.Removed != 3 || p.Next != "" {
				f.t.Fatalf("purged %+v, want 3", p)
			}
			for _, m := range []*queue.Message{finished, ready, scheduled} {
				f.gone(m)
			}
			f.counts("orders", queue.Counts{Accepted: 4, Leased: 1, Removed: 3})
			f.end(done(l))
			f.nothing("orders")
			f.state(elsewhere, queue.Ready)
		}},
		{name: "it goes on where it stopped", run: func(f *fixture) {
			for range 5 {
				f.message("orders")
			}
			p, err := f.Purge(f.ctx, queue.Filter{Limit: 2})
			f.ok(err)
			if p.Removed != 2 || p.Next == "" {
				f.t.Fatalf("purged %+v, want 2 and more to come", p)
			}
			p, err = f.Purge(f.ctx, queue.Filter{Limit: 10, Cursor: p.Next})
			f.ok(err)
			if p.Removed != 3 || p.Next != "" {
				f.t.Fatalf("purged %+v, want the last 3", p)
			}
		}},
		{name: "hidden queues are purged only by name", run: func(f *fixture) {
			hidden := f.message("_internal")
			_, err := f.Purge(f.ctx, queue.Filter{})
			f.ok(err)
			f.state(hidden, queue.Ready)
			_, err = f.Purge(f.ctx, queue.Filter{Queue: "_internal"})
			f.ok(err)
			f.gone(hidden)
		}},
		{name: "a purged message may be enqueued again", run: func(f *fixture) {
			m := f.message("orders")
			_, err := f.Purge(f.ctx, queue.Filter{})
			f.ok(err)
			f.put(m)
			f.counts("orders", queue.Counts{Accepted: 2, Ready: 1, Removed: 1})
		}},
	}
}

// allStats returns the figures of every queue.
func (f *fixture) allStats() queue.Stats {
	f.t.Helper()
	s, err := f.Stats(f.ctx)
	f.ok(err)
	return s
}
