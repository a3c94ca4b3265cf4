package embedded

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// A window that is filled in a unit must see what that unit has changed: neither what has left the line meanwhile, nor a
// new message before those that stand between.
func TestAWindowIsFilledWithWhatItsUnitChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		s := openOn(t, fs)
		var want []queue.ID
		var messages []*queue.Message
		for range 2*windowSize + 10 {
			m := storetest.NewMessage("orders")
			messages, want = append(messages, m), append(want, m.ID)
		}
		if _, err := s.Enqueue(t.Context(), messages); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openOn(t, fs) // with empty windows
		defer s.Close()   // nothing depends on it
		if _, err := s.SetGate(t.Context(), "orders", queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldPaused}}}); err != nil {
			t.Fatal(err)
		}
		leased := make(chan []queue.Lease, 1)
		go func() {
			leases, err := s.Lease(t.Context(), queue.LeaseRequest{Max: len(want) + 1, Slots: len(want) + 1, TTL: time.Hour,
				Queues: []queue.Want{{Queue: "orders"}}})
			if err != nil {
				t.Errorf("lease: %v", err)
			}
			leased <- leases
		}()
		synctest.Wait() // it stands in line
		last := storetest.NewMessage("orders")
		gone := want[windowSize+5]
		want = append(slices.Delete(want, windowSize+5, windowSize+6), last.ID)
		var o *op
		o = newOp(func(u *unit) {
			s.line("orders").gate = queue.Gate{}
			u.enqueue(last, queue.AppendMessage(nil, last))
			u.remove(u.load(gone))
			u.finish(o)
		})
		if err := s.do(o); err != nil {
			t.Fatal(err)
		}
		got := <-leased
		if len(got) != len(want) {
			t.Fatalf("%d leases, want %d", len(got), len(want))
		}
		for i, l := range got {
			if l.ID != want[i] {
				t.Fatalf("lease %d is %s, want %s", i, l.ID, want[i])
			}
		}
	})
}

// A token that has come back belongs to the call that stands in line for it, even before Run has noticed.
func TestAReservationOvertakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openOn(t, vfs.NewMem())
		defer s.Close() // nothing depends on it
		if _, err := s.SetGate(t.Context(), "orders", queue.GateChange{Limits: &queue.Limits{Rate: 0.001}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Reserve(t.Context(), "orders", time.Hour); err != nil {
			t.Fatal(err)
		}
		first := make(chan error, 1)
		go func() {
			patient, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := s.Reserve(patient, "orders", time.Hour)
			first <- err
		}()
		synctest.Wait() // it stands in line
		s.state.Lock()
		s.line("orders").bucket = queue.Bucket{} // as time would have it
		s.state.Unlock()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Reserve(ended, "orders", time.Hour); !errors.Is(err, queue.ErrGateClosed) {
			t.Errorf("a call that came later got %v, want ErrGateClosed", err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

// The time of a lease begins when it is handed out, however long its commit took.
func TestASlowCommitTakesNothingFromALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var slow time.Duration
		s := openOn(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			d := slow
			mu.Unlock()
			if isSync(op.Kind) {
				time.Sleep(d)
			}
			return nil
		})))
		defer s.Close() // nothing depends on it
		m := storetest.NewMessage("orders")
		if _, err := s.Enqueue(t.Context(), []*queue.Message{m}); err != nil {
			t.Fatal(err)
		}
		const took = 300 * time.Millisecond
		const ttl = 8 * took
		mu.Lock()
		slow = took
		mu.Unlock()
		leases, err := s.Lease(t.Context(), queue.LeaseRequest{Max: 1, Slots: 1, TTL: ttl, Queues: []queue.Want{{Queue: "orders"}}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Get(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if left := r.LeaseExpiresAt.Sub(leases[0].Record.UpdatedAt.Add(took)); left < ttl {
			t.Errorf("%s of %s were left when the lease was handed out", left, ttl)
		}
	})
}

// Which IDs exist is known without the database only as long as none of them has been forgotten.
func TestAForgottenIDIsLookedUp(t *testing.T) {
	r := newRecent(0)
	at := time.Now()
	var all []queue.ID
	for i := range 3*recentIDs + 1 {
		id := queue.NewID(0, at.Add(time.Duration(i)*time.Millisecond))
		r.add(id)
		all = append(all, id)
	}
	known := 0
	for _, id := range all {
		stored, ok := r.knows(id)
		if ok && !stored {
			t.Fatalf("%s was stored and is denied", id)
		}
		if ok {
			known++
		}
	}
	if known < recentIDs || len(r.young)+len(r.old) > 2*recentIDs {
		t.Errorf("%d IDs are known, %d are kept", known, len(r.young)+len(r.old))
	}
	if stored, ok := r.knows(queue.NewID(0, at.Add(time.Hour))); stored || !ok {
		t.Errorf("a new ID: stored %t, known %t", stored, ok)
	}
}
