package redis

import (
	"context"
	"errors"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// noTicket stands for a ticket where there is none.
var noTicket = []string{"", "", "", "", ""}

// announced makes a transition that ends a record which has to be announced. The library does not write tickets: it says what time it
// is, the ticket is made here for the record as it would be then, and given along. Where the record has changed meanwhile, the
// library asks for another.
func (s *Store) announced(ctx context.Context, id queue.ID, now time.Time, transition func(*queue.Record, time.Time) error,
	try func(ticket []string) (word, error)) (answer error, err error) {
	for {
		r, err := s.get(ctx, id)
		if errors.Is(err, queue.ErrNotFound) {
			return queue.ErrLeaseLost, nil
		}
		if err != nil {
			return nil, err
		}
		before := r.Revision
		changed := r.Clone()
		if err := transition(changed, now); err != nil {
			return err, nil
		}
		w, err := try(ticketArgs(queue.NewTicket(changed, now), before, now))
		if errors.Is(err, queue.ErrLeaseLost) {
			return err, nil
		}
		if err != nil || w.word != "ticket" {
			return nil, err
		}
		now = w.now
	}
}

// ticketArgs is a ticket as the library wants it.
func ticketArgs(m *queue.Message, revision queue.Revision, now time.Time) []string {
	if m == nil {
		return noTicket
	}
	encoded := queue.AppendMessage(nil, m)
	return []string{idText(m.ID), raw(encoded), raw(static(m, len(encoded))), text(float64(revision)), text(micros(now))}
}
