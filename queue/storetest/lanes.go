package storetest

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

func laneScenarios() []scenario {
	return []scenario{
		{name: "an ordered lane lets one run at a time, first in, first out", run: func(f *fixture) {
			a, b, c := f.message("orders", ordered("k")), f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.state(a, queue.Ready)
			f.state(b, queue.Parked)
			f.counts("orders", queue.Counts{Accepted: 3, Ready: 1, Parked: 2})
			for _, m := range []*queue.Message{a, b, c} {
				l := f.leaseID(m)
				f.nothing("orders")
				f.end(done(l))
			}
			f.counts("orders", queue.Counts{Accepted: 3, Done: 3})
		}},
		{name: "settling one makes the next ready in the same write", idle: true, run: func(f *fixture) {
			a, b := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.end(done(f.leaseID(a)))
			f.state(b, queue.Ready)
			f.leaseID(b)
		}},
		{name: "lanes do not wait for each other, nor does what is in none", run: func(f *fixture) {
			f.message("orders", ordered("k"))
			f.message("orders", ordered("k"))
			other, free := f.message("orders", ordered("other")), f.message("orders")
			elsewhere := f.message("invoices", ordered("k"))
			f.state(other, queue.Ready)
			f.state(free, queue.Ready)
			f.state(elsewhere, queue.Ready)
		}},
		{name: "in an ordered lane nothing overtakes a retry", run: func(f *fixture) {
			a, b := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.end(retry(f.leaseID(a), moment))
			f.state(a, queue.Scheduled)
			f.state(b, queue.Parked)
			f.end(retry(f.leaseID(a), 0))
			f.end(done(f.leaseID(a)))
			f.leaseID(b)
		}},
		{name: "in an ordered lane a delayed submit does not hold its place", run: func(f *fixture) {
			late := f.message("orders", ordered("k"), notBefore(2*moment))
			b := f.message("orders", ordered("k"))
			l := f.leaseID(b)
			f.until(late, queue.Parked)
			f.end(done(l))
			f.leaseID(late)
		}},
		{name: "urgency does not overtake within a lane", run: func(f *fixture) {
			a := f.message("orders", ordered("k"))
			b := f.message("orders", ordered("k"))
			c := f.message("orders", ordered("k"), priority(9))
			f.same(f.drain("orders"), []queue.ID{a.ID, b.ID, c.ID})
		}},
		{name: "a wider lane lets as many run as its bound", run: func(f *fixture) {
			var messages []*queue.Message
			for range 5 {
				messages = append(messages, f.message("orders", lane("k", 2, queue.OnDeadSkip)))
			}
			f.counts("orders", queue.Counts{Accepted: 5, Ready: 2, Parked: 3})
			leases := f.leases(request(10, "orders"))
			if len(leases) != 2 {
				f.t.Fatalf("got %d leases, want 2", len(leases))
			}
			f.end(done(leases[0]))
			f.state(messages[2], queue.Ready)
			f.state(messages[3], queue.Parked)
			f.counts("orders", queue.Counts{Accepted: 5, Ready: 1, Parked: 2, Leased: 1, Done: 1})
		}},
		{name: "in a wider lane a retry frees its place and comes back behind", run: func(f *fixture) {
			wide := lane("k", 2, queue.OnDeadSkip)
			a, b, c := f.message("orders", wide), f.message("orders", wide), f.message("orders", wide)
			la := f.leaseID(a)
			f.end(retry(la, 2*moment))
			f.state(c, queue.Ready)
			f.until(a, queue.Parked)
			f.end(done(f.leaseID(b)))
			f.state(a, queue.Ready)
		}},
		{name: "in a wider lane an immediate retry comes back behind too", run: func(f *fixture) {
			wide := lane("k", 2, queue.OnDeadSkip)
			a, _, c := f.message("orders", wide), f.message("orders", wide), f.message("orders", wide)
			f.end(retry(f.leaseID(a), 0))
			f.state(a, queue.Parked)
			f.state(c, queue.Ready)
		}},
		{name: "what was released or lost keeps its place in the lane", run: func(f *fixture) {
			a, b := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.end(release(f.leaseID(a)))
			f.state(a, queue.Ready)
			f.state(b, queue.Parked)
			f.leaseFor("orders", moment)
			f.leaseID(a)
			f.state(b, queue.Parked)
		}},
		{name: "a dead message is skipped", run: func(f *fixture) {
			a, b := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.end(dead(f.leaseID(a), queue.ReasonEndpointError))
			f.leaseID(b)
		}},
		{name: "a dead message blocks its lane until it is redriven", run: func(f *fixture) {
			blocking := lane("k", 1, queue.OnDeadBlock)
			a, b := f.message("orders", blocking), f.message("orders", blocking)
			f.end(dead(f.leaseID(a), queue.ReasonEndpointError))
			f.state(b, queue.Parked)
			c := f.message("orders", blocking)
			f.state(c, queue.Parked)
			f.nothing("orders")
			_, err := f.Redrive(f.ctx, a.ID, queue.Redrive{})
			f.ok(err)
			f.same(f.drain("orders"), []queue.ID{a.ID, b.ID, c.ID})
		}},
		{name: "a lost message that may not be repeated blocks its lane", run: func(f *fixture) {
			blocking := lane("k", 1, queue.OnDeadBlock)
			a := f.message("orders", blocking, func(m *queue.Message) { m.OnLost = queue.OnLostFail })
			b := f.message("orders", blocking)
			f.leaseFor("orders", moment)
			f.until(a, queue.Dead)
			f.state(b, queue.Parked)
		}},
		{name: "a blocked lane goes on when the dead message is purged", run: func(f *fixture) {
			blocking := lane("k", 1, queue.OnDeadBlock)
			a, b := f.message("orders", blocking), f.message("orders", blocking)
			f.end(dead(f.leaseID(a), queue.ReasonEndpointError))
			_, err := f.Purge(f.ctx, queue.Filter{Queue: "orders", States: []queue.State{queue.Dead}})
			f.ok(err)
			f.leaseID(b)
		}},
		{name: "a blocked lane goes on when the dead message's retention ends", run: func(f *fixture) {
			blocking := lane("k", 1, queue.OnDeadBlock)
			a := f.message("orders", blocking, func(m *queue.Message) { m.KeepDead = moment })
			b := f.message("orders", blocking)
			f.end(dead(f.leaseID(a), queue.ReasonEndpointError))
			f.leaseID(b)
			f.gone(a)
		}},
		{name: "in a wider blocked lane nothing becomes ready, and what is released is parked", run: func(f *fixture) {
			blocking := lane("k", 2, queue.OnDeadBlock)
			a, b, c := f.message("orders", blocking), f.message("orders", blocking), f.message("orders", blocking)
			la, lb := f.leaseID(a), f.leaseID(b)
			f.end(dead(la, queue.ReasonEndpointError))
			f.end(release(lb))
			f.state(b, queue.Parked)
			f.state(c, queue.Parked)
			_, err := f.Redrive(f.ctx, a.ID, queue.Redrive{})
			f.ok(err)
			f.state(b, queue.Ready)
			f.state(c, queue.Ready)
			f.state(a, queue.Parked)
		}},
		{name: "a skipped dead message that is redriven waits for its lane", run: func(f *fixture) {
			a, b, c := f.message("orders", ordered("k")), f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.end(dead(f.leaseID(a), queue.ReasonEndpointError))
			lb := f.leaseID(b)
			r, err := f.Redrive(f.ctx, a.ID, queue.Redrive{})
			f.ok(err)
			if r.State != queue.Parked {
				f.t.Fatalf("state = %v, want parked", r.State)
			}
			f.end(done(lb))
			f.same(f.drain("orders"), []queue.ID{a.ID, c.ID})
		}},
		{name: "cancelling one that waits in front makes the next ready", run: func(f *fixture) {
			a, b, c := f.message("orders", ordered("k")), f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.cancel(b)
			f.state(c, queue.Parked)
			f.cancel(a)
			f.state(b, queue.Cancelled)
			f.leaseID(c)
		}},
		{name: "cancelling a retry that holds its place makes the next ready", run: func(f *fixture) {
			a, b := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			f.end(retry(f.leaseID(a), time.Hour))
			f.state(b, queue.Parked)
			f.cancel(a)
			f.leaseID(b)
		}},
		{name: "cancelling a leased one keeps the lane until it is settled", run: func(f *fixture) {
			a, b := f.message("orders", ordered("k")), f.message("orders", ordered("k"))
			l := f.leaseID(a)
			f.cancel(a)
			f.state(b, queue.Parked)
			f.end(queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleCancelled})
			f.leaseID(b)
		}},
		{name: "parked messages expire, and what waits in front of others lets them go on", run: func(f *fixture) {
			a := f.message("orders", ordered("k"))
			b := f.message("orders", ordered("k"), deadline(moment))
			c := f.message("orders", ordered("k"))
			l := f.leaseID(a)
			f.until(b, queue.Expired)
			f.end(done(l))
			f.leaseID(c)

			d := f.message("invoices", ordered("k"), deadline(moment))
			e := f.message("invoices", ordered("k"))
			f.until(d, queue.Expired)
			f.leaseID(e)
		}},
		{name: "purging a waiting message lets its lane go on", run: func(f *fixture) {
			f.message("orders", ordered("k"), func(m *queue.Message) { m.Caller = "out" })
			b := f.message("orders", ordered("k"))
			_, err := f.Purge(f.ctx, queue.Filter{Caller: "out"})
			f.ok(err)
			f.leaseID(b)
		}},
	}
}

func lane(key string, bound int, onDead queue.OnDead) func(*queue.Message) {
	return func(m *queue.Message) { m.Lane = queue.Lane{Key: key, Bound: bound, OnDead: onDead} }
}

func ordered(key string) func(*queue.Message) { return lane(key, 1, queue.OnDeadSkip) }

// cancel withdraws a message or asks its holder to abort.
func (f *fixture) cancel(m *queue.Message) *queue.Record {
	f.t.Helper()
	r, err := f.Cancel(f.ctx, m.ID, queue.CancelOptions{})
	f.ok(err)
	f.balanced()
	return r
}
