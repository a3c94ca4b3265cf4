package storetest

import (
	"time"

	"github.com/openhqm/openhqm/queue"
)

// interval is how long a token of a paced lane takes to come in these scenarios.
const interval = 4 * moment

func paceScenarios() []scenario {
	return []scenario{
		{name: "a key is leased no faster than its rate and burst, and holds up no other", run: func(f *fixture) {
			f.pass(3 * interval)
			for range 4 {
				f.message("orders", paced("a", 2))
			}
			other := f.message("orders", paced("b", 2))
			began := f.clock()
			leases := f.leases(request(10, "orders"))
			if len(leases) != 3 || leases[2].ID != other.ID {
				f.t.Fatalf("got %d leases, want two of one key and one of the other", len(leases))
			}
			f.counts("orders", queue.Counts{Accepted: 5, Parked: 2, Leased: 3})
			f.end(done(leases[0])) // room in the lane is no token
			for n := 1; n <= 2; n++ {
				f.end(done(f.lease("orders")))
				if at, earliest := f.clock(), began.Add(time.Duration(n)*interval); at.Before(earliest) {
					f.t.Fatalf("lease %d beyond the burst came at %v, before %v", n, at, earliest)
				}
			}
		}},
		{name: "what waits behind a hold takes its token when it is leased", run: func(f *fixture) {
			f.gate("orders", hold(queue.HoldPaused, 0))
			for range 6 {
				f.message("orders", paced("a", 2))
			}
			f.pass(5 * interval)
			f.counts("orders", queue.Counts{Accepted: 6, Ready: 2, Parked: 4})
			f.gate("orders", queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
			if n := len(f.leases(request(10, "orders"))); n != 2 {
				f.t.Fatalf("%d were leased at once, want the burst of 2", n)
			}
		}},
		{name: "a key that rests has its burst again", run: func(f *fixture) {
			f.pass(3 * interval)
			for range 2 {
				f.end(done(f.leaseID(f.message("orders", paced("a", 2)))))
			}
			f.pass(3 * interval)
			f.message("orders", paced("a", 2))
			f.message("orders", paced("a", 2))
			if n := len(f.leases(request(10, "orders"))); n != 2 {
				f.t.Fatalf("got %d leases, want the burst of 2", n)
			}
		}},
		{name: "a retry takes a token like a first attempt, and one that is given back waits for its own", run: func(f *fixture) {
			f.pass(3 * interval)
			m := f.message("orders", paced("a", 1))
			began := f.clock()
			f.end(retry(f.leaseID(m), 0))
			l := f.leaseID(m)
			if at := f.clock(); at.Before(began.Add(interval)) {
				f.t.Fatalf("tried again at %v, before %v", at, began.Add(interval))
			}
			f.end(release(l))
			f.leaseID(m)
			if at := f.clock(); at.Before(began.Add(2 * interval)) {
				f.t.Fatalf("leased again at %v, before %v", at, began.Add(2*interval))
			}
		}},
		{name: "a lane's rate needs a fair lane", run: func(f *fixture) {
			m := NewMessage("orders", func(m *queue.Message) { m.Lane = queue.Lane{Key: "a", Bound: 1, Rate: 1} })
			f.is(f.tryPut(m).Err, queue.ErrInvalid)
		}},
	}
}

func paced(key string, burst int) func(*queue.Message) {
	return func(m *queue.Message) {
		m.Lane = queue.Lane{Key: key, Bound: 10, Fair: true, Rate: 1 / interval.Seconds(), Burst: burst}
	}
}
