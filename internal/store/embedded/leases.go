package embedded

import (
	"container/heap"
	"context"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// lease is a lease or, without a record, a reservation. When it ends is known in memory only: one process owns the
// directory, and after a restart every lease has ended. Guarded by Store.state.
type lease struct {
	stored
	id        queue.ID
	token     queue.Token
	expiresAt time.Time
	onCancel  func(queue.LeaseRef)
	room      int64 // what its answer may take on the disk
	reserves  *line // of a reservation: the queue
	at        int   // index in Store.expiries
}

func (l *lease) ref() queue.LeaseRef { return queue.LeaseRef{ID: l.id, Token: l.token} }

// expiries is a heap of leases by their end.
type expiries []*lease

func (x expiries) Len() int           { return len(x) }
func (x expiries) Less(i, j int) bool { return x[i].expiresAt.Before(x[j].expiresAt) }

func (x expiries) Swap(i, j int) {
	x[i], x[j] = x[j], x[i]
	x[i].at, x[j].at = i, j
}

func (x *expiries) Push(v any) {
	l := v.(*lease)
	l.at = len(*x)
	*x = append(*x, l)
}

func (x *expiries) Pop() any {
	old := *x
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*x = old[:len(old)-1]
	return l
}

func (s *Store) addLease(l *lease) {
	s.leases[l.id] = l
	s.disk.answers.Add(l.room)
	heap.Push(&s.expiries, l)
}

// dropLease forgets a lease. There may be none: at open, leased records have only their record.
func (s *Store) dropLease(id queue.ID) {
	l := s.leases[id]
	if l == nil {
		return
	}
	delete(s.leases, id)
	s.disk.answers.Add(-l.room)
	heap.Remove(&s.expiries, l.at)
	if l.reserves != nil {
		l.reserves.reserved--
	}
}

// Extend prolongs leases and reservations. It writes nothing.
func (s *Store) Extend(_ context.Context, refs []queue.LeaseRef, ttl time.Duration) ([]queue.Extended, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	results := make([]queue.Extended, len(refs))
	s.state.Lock()
	defer s.state.Unlock()
	expiresAt := s.clock.now().Add(ttl)
	for i, ref := range refs {
		l := s.leases[ref.ID]
		if l == nil || l.token != ref.Token {
			results[i].Err = queue.ErrLeaseLost
			continue
		}
		sooner := expiresAt.Before(l.expiresAt)
		l.expiresAt = expiresAt
		heap.Fix(&s.expiries, l.at)
		results[i].CancelRequested = l.rec != nil && l.rec.CancelRequested
		if sooner {
			s.timer.poke(expiresAt)
		}
	}
	return results, nil
}
