package api

import (
	"context"
	"errors"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// checkCallback refuses a receiver that a submit may not name.
func (p *Producer) checkCallback(receiver string) error {
	if receiver == "" {
		return nil
	}
	if problem := ingress.CheckCallback(p.o.Callback, "metadata.callback_url", receiver); problem != nil {
		return problem
	}
	return nil
}

// callbackOf returns how far the callback of a message is; nil if it wants none.
func callbackOf(ctx context.Context, broker *queue.Broker, rec *queue.Record) *client.CallbackState {
	if rec.Callback == "" {
		return nil
	}
	s := &client.CallbackState{State: client.CallbackWaiting, URL: telemetry.MaskQuery(rec.Callback)}
	id, ok := queue.TicketOf(rec)
	if !ok {
		return s
	}
	s.ID = id.String()
	ticket, err := broker.Ticket(ctx, rec)
	switch {
	case err == nil:
		describeTicket(s, ticket)
	case errors.Is(err, queue.ErrNotFound), errors.Is(err, queue.ErrGone):
		s.State = client.CallbackRemoved
	default:
		return nil // the store does not say now; the state of the message itself is true all the same
	}
	return s
}

// describeTicket adds what has become of a ticket.
func describeTicket(s *client.CallbackState, ticket *queue.Record) {
	s.Attempts = ticket.Attempts
	if last := ticket.LastAttempt(); last != nil {
		s.StatusCode, s.Error = last.Status, last.Error
	}
	switch ticket.State {
	case queue.Done:
		s.State, s.DeliveredAt = client.CallbackDelivered, instant(ticket.CompletedAt)
	case queue.Dead:
		s.State, s.Reason = client.CallbackFailed, string(ticket.Reason)
	case queue.Expired:
		s.State = client.CallbackExpired
	case queue.Cancelled:
		s.State = client.CallbackCancelled
	default:
		s.State, s.NextAttempt, s.ExpiresAt = client.CallbackPending, instant(ticket.EligibleAt), instant(ticket.DeadlineAt)
	}
}
