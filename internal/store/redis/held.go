package redis

import (
	"context"
	"sync"

	"github.com/openhqm/openhqm/queue"
)

// held is what ends with this process: its leases, reservations and staged bodies.
type held struct {
	mu     sync.Mutex
	leases map[queue.ID]queue.Token
	slots  map[queue.ID]bool
	bodies map[string]bool
}

func newHeld() held {
	return held{leases: make(map[queue.ID]queue.Token), slots: make(map[queue.ID]bool), bodies: make(map[string]bool)}
}

func (h *held) lease(ref queue.LeaseRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leases[ref.ID] = ref.Token
}

func (h *held) settled(ref queue.LeaseRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leases[ref.ID] == ref.Token {
		delete(h.leases, ref.ID)
	}
}

func (h *held) slot(id queue.ID, taken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if taken {
		h.slots[id] = true
	} else {
		delete(h.slots, id)
	}
}

func (h *held) body(ref string, staged bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if staged {
		h.bodies[ref] = true
	} else {
		delete(h.bodies, ref)
	}
}

// letGo ends everything that this process holds, as OnLost says. A server that does not answer is not asked again: it ends the rest
// itself, when its time is over.
func (s *Store) letGo() error {
	ctx := context.Background()
	for id, token := range s.held.leases {
		if err := s.lose(ctx, queue.LeaseRef{ID: id, Token: token}); err != nil {
			return err
		}
	}
	for id := range s.held.slots {
		if _, err := s.do(ctx, "return", true, idText(id)); err != nil {
			return err
		}
	}
	for ref := range s.held.bodies {
		if err := s.discard(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}
