package storetest

import (
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func settleScenarios() []scenario {
	return []scenario{
		{name: "done keeps the result exactly", run: func(f *fixture) {
			m := f.message("orders")
			s := done(f.leaseID(m))
			s.Result.Header["Set-Cookie"] = []string{"a=1", "b=2"}
			s.Result.Trailer = map[string][]string{"X-Sum": {"7"}}
			f.end(s)
			r := f.state(m, queue.Done)
			equalResults(f, r.Result, s.Result)
			if r.Attempts != 1 || len(r.History) != 1 || r.History[0].Status != 200 || r.CompletedAt.IsZero() || r.Worker != "" || r.LeaseToken != 0 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Done: 1})
			f.nothing("orders")
		}},
		{name: "dead keeps the reason and the last answer", run: func(f *fixture) {
			m := f.message("orders")
			s := dead(f.leaseID(m), queue.ReasonEndpointError)
			f.end(s)
			r := f.state(m, queue.Dead)
			if r.Reason != queue.ReasonEndpointError {
				f.t.Fatalf("reason = %q", r.Reason)
			}
			equalResults(f, r.Result, s.Result)
			f.counts("orders", queue.Counts{Accepted: 1, Dead: 1})
		}},
		{name: "retry at once is ready again and counted", run: func(f *fixture) {
			m := f.message("orders")
			f.end(retry(f.leaseID(m), 0))
			if r := f.state(m, queue.Ready); r.Attempts != 1 || r.Deliveries != 1 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
			if l := f.leaseID(m); l.Record.Deliveries != 2 {
				f.t.Fatalf("delivery number is %d, want 2", l.Record.Deliveries)
			}
		}},
		{name: "release is ready again and uncounted", run: func(f *fixture) {
			m := f.message("orders")
			f.end(release(f.leaseID(m)))
			if r := f.state(m, queue.Ready); r.Attempts != 0 || r.Crashes != 0 || len(r.History) != 0 || r.Deliveries != 1 {
				f.t.Fatalf("record is %+v", r.Progress)
			}
		}},
		{name: "cancelled ends it and says whether it may have run", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseID(m)
			f.end(queue.Settlement{LeaseRef: l.LeaseRef, Kind: queue.SettleCancelled, MayHaveRun: true})
			if r := f.state(m, queue.Cancelled); !r.MayHaveRun {
				f.t.Fatal("MayHaveRun is false")
			}
		}},
		{name: "another token is fenced off", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseID(m)
			forged := done(l)
			forged.Token++
			f.is(f.trySettle(forged), queue.ErrLeaseLost)
			f.state(m, queue.Leased)
			f.end(done(l))
		}},
		{name: "a stale holder is fenced off by the next lease", run: func(f *fixture) {
			m := f.message("orders")
			stale := f.leaseID(m)
			f.end(release(stale))
			fresh := f.leaseID(m)
			if fresh.Token == stale.Token {
				f.t.Fatal("two leases have the same token")
			}
			f.is(f.trySettle(done(stale)), queue.ErrLeaseLost)
			s := done(fresh)
			s.Result = NewResult(201, "fresh")
			f.end(s)
			f.is(f.trySettle(done(stale)), queue.ErrLeaseLost)
			equalResults(f, f.get(m).Result, s.Result)
		}},
		{name: "a second settlement changes nothing", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseID(m)
			first := done(l)
			f.end(first)
			revision := f.get(m).Revision
			f.is(f.trySettle(dead(l, queue.ReasonEndpointError)), queue.ErrLeaseLost)
			r := f.state(m, queue.Done)
			equalResults(f, r.Result, first.Result)
			if r.Revision != revision {
				f.t.Fatal("a refused settlement raised the revision")
			}
		}},
		{name: "of concurrent settlements exactly one wins", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseID(m)
			kinds := []queue.Settlement{done(l), dead(l, queue.ReasonEndpointError), retry(l, time.Hour), release(l)}
			errs := make([]error, 40)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					answers, err := f.Settle(f.ctx, []queue.Settlement{kinds[i%len(kinds)]})
					if err != nil {
						f.t.Errorf("settle: %v", err)
						return
					}
					errs[i] = answers[0]
				})
			}
			wg.Wait()
			winner := -1
			for i, err := range errs {
				switch {
				case err != nil:
					f.is(err, queue.ErrLeaseLost)
				case winner >= 0:
					f.t.Fatalf("settlements %d and %d both won", winner, i)
				default:
					winner = i
				}
			}
			if winner < 0 {
				f.t.Fatal("no settlement won")
			}
			want := []queue.State{queue.Done, queue.Dead, queue.Scheduled, queue.Ready}[winner%len(kinds)]
			f.state(m, want)
			f.balanced()
		}},
		{name: "a batch answers each settlement", run: func(f *fixture) {
			a, b := f.message("orders"), f.message("orders")
			la, lb := f.leaseID(a), f.leaseID(b)
			unknown := done(la)
			unknown.ID = NewMessage("orders").ID
			errs, err := f.Settle(f.ctx, []queue.Settlement{done(la), unknown, done(la), done(lb)})
			f.ok(err)
			if len(errs) != 4 {
				f.t.Fatalf("%d answers for 4 settlements", len(errs))
			}
			f.ok(errs[0])
			f.is(errs[1], queue.ErrLeaseLost)
			f.is(errs[2], queue.ErrLeaseLost)
			f.ok(errs[3])
			f.counts("orders", queue.Counts{Accepted: 2, Done: 2})
		}},
		{name: "the history keeps the newest deliveries and counts the others", run: func(f *fixture) {
			m := f.message("orders")
			const n = queue.MaxHistory + 3
			for range n {
				f.end(retry(f.leaseID(m), 0))
			}
			r := f.get(m)
			if len(r.History) != queue.MaxHistory || r.HistoryDropped != 3 || r.Attempts != n {
				f.t.Fatalf("history has %d entries, %d dropped, %d attempts", len(r.History), r.HistoryDropped, r.Attempts)
			}
			if first := r.History[0].Delivery; first != 4 || r.LastAttempt().Delivery != n {
				f.t.Fatalf("history runs from %d to %d", first, r.LastAttempt().Delivery)
			}
		}},
	}
}

func extendScenarios() []scenario {
	return []scenario{
		{name: "an extended lease outlives its first end", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseFor("orders", 3*moment)
			revision := f.get(m).Revision
			f.okExtend(l.LeaseRef, time.Hour)
			f.pass(5 * moment)
			if r := f.state(m, queue.Leased); r.Revision != revision {
				f.t.Fatal("an extension raised the revision")
			}
			f.end(done(l))
		}},
		{name: "an extension counts from now, also when that is sooner", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseFor("orders", time.Hour)
			f.okExtend(l.LeaseRef, moment)
			f.until(m, queue.Ready)
		}},
		{name: "a lease that has ended is lost", run: func(f *fixture) {
			m := f.message("orders")
			l := f.leaseFor("orders", moment)
			f.until(m, queue.Ready)
			f.is(f.extend(l.LeaseRef, time.Hour).Err, queue.ErrLeaseLost)
			again := f.leaseID(m)
			f.is(f.extend(l.LeaseRef, time.Hour).Err, queue.ErrLeaseLost)
			f.end(done(again))
			f.is(f.extend(again.LeaseRef, time.Hour).Err, queue.ErrLeaseLost)
		}},
		{name: "a batch answers each reference", run: func(f *fixture) {
			l := f.leaseID(f.message("orders"))
			unknown := queue.LeaseRef{ID: NewMessage("orders").ID, Token: 1}
			answers, err := f.Extend(f.ctx, []queue.LeaseRef{unknown, l.LeaseRef}, time.Hour)
			f.ok(err)
			if len(answers) != 2 {
				f.t.Fatalf("%d answers for 2 references", len(answers))
			}
			f.is(answers[0].Err, queue.ErrLeaseLost)
			f.ok(answers[1].Err)
		}},
	}
}

// extend returns what became of one extension.
func (f *fixture) extend(ref queue.LeaseRef, ttl time.Duration) queue.Extended {
	f.t.Helper()
	answers, err := f.Extend(f.ctx, []queue.LeaseRef{ref}, ttl)
	f.ok(err)
	if len(answers) != 1 {
		f.t.Fatalf("%d answers for 1 reference", len(answers))
	}
	return answers[0]
}

func (f *fixture) okExtend(ref queue.LeaseRef, ttl time.Duration) {
	f.t.Helper()
	if x := f.extend(ref, ttl); x.Err != nil || x.CancelRequested {
		f.t.Fatalf("extend answered %+v", x)
	}
}
