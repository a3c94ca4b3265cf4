package embedded

import (
	"context"
	"sync"

	"github.com/openhqm/openhqm/queue"
)

// Get returns the record, never one that a crash could still take back.
func (s *Store) Get(_ context.Context, id queue.ID) (*queue.Record, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	return s.durable(id)
}

func (s *Store) durable(id queue.ID) (*queue.Record, error) {
	v, err := s.read(id)
	if syncErr := s.unsynced.settled(id); syncErr != nil {
		return nil, syncErr
	}
	if err != nil {
		return nil, err
	}
	if v.rec.State == queue.Leased {
		s.showLease(v.rec)
	}
	return v.rec, nil
}

// showLease corrects the end of a lease, which Extend moves in memory only.
func (s *Store) showLease(r *queue.Record) {
	s.state.Lock()
	defer s.state.Unlock()
	if l := s.leases[r.ID]; l != nil && l.token == r.LeaseToken {
		r.LeaseExpiresAt = l.expiresAt
	}
}

// Wait returns the record when its revision is above after, or its state terminal.
func (s *Store) Wait(ctx context.Context, id queue.ID, after queue.Revision) (*queue.Record, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	// First stand in line, then look: a change between the two is seen by one of them.
	w := s.waiters.add(id, after)
	defer s.waiters.remove(id, w)
	r, err := s.durable(id)
	if err != nil || satisfies(r, after) {
		return r, err
	}
	select {
	case r := <-w.ready:
		if r == nil {
			return nil, errNoRecord
		}
		return r, nil
	case <-ctx.Done():
		r, err := s.durable(id)
		if err != nil || satisfies(r, after) {
			return r, err
		}
		return r, context.Cause(ctx)
	case <-s.broken:
		return nil, s.brokenErr()
	case <-s.closing:
		return nil, queue.ErrClosed
	}
}

func satisfies(r *queue.Record, after queue.Revision) bool {
	if after == queue.UntilTerminal {
		return r.State.Terminal()
	}
	return r.Revision > after
}

// waiters are the calls of Wait, by the record that they wait for.
type waiters struct {
	mu   sync.Mutex
	byID map[queue.ID][]*waiter
}

type waiter struct {
	after queue.Revision
	ready chan *queue.Record // gets one record, or nil when it was removed
}

func (ws *waiters) add(id queue.ID, after queue.Revision) *waiter {
	w := &waiter{after: after, ready: make(chan *queue.Record, 1)}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.byID[id] = append(ws.byID[id], w)
	return w
}

func (ws *waiters) remove(id queue.ID, w *waiter) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	list := ws.byID[id]
	for i, other := range list {
		if other == w {
			list[i] = list[len(list)-1]
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(ws.byID, id)
	} else {
		ws.byID[id] = list
	}
}

// notify hands the records of a durable unit to those who wait for them. A record of a durable unit does not change
// any more: the next unit copies it first.
func (ws *waiters) notify(u *unit) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(ws.byID) == 0 {
		return
	}
	for _, e := range u.order {
		if e.rec == e.before.rec {
			continue
		}
		var id queue.ID
		if e.rec != nil {
			id = e.rec.ID
		} else if e.before.rec != nil {
			id = e.before.rec.ID
		}
		for _, w := range ws.byID[id] {
			if e.rec != nil && !satisfies(e.rec, w.after) {
				continue
			}
			select {
			case w.ready <- e.rec:
			default: // it has one already
			}
		}
	}
}
