package queue_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/openhqm/openhqm/queue"
)

// lostThenGone loses its first reply after the message was stored, and cannot be reached any more.
type lostThenGone struct {
	queue.Store
	calls int
}

func (l *lostThenGone) Enqueue(ctx context.Context, m []*queue.Message) ([]queue.Enqueued, error) {
	if l.calls++; l.calls > 1 {
		return nil, queue.ErrUnavailable
	}
	if _, err := l.Store.Enqueue(ctx, m); err != nil {
		return nil, err
	}
	return nil, queue.ErrOutcomeUnknown
}

func TestBrokerDoesNotCallRefusedWhatMayBeStored(t *testing.T) {
	inBubble(t, func(s queue.Store) queue.Store { return &lostThenGone{Store: s} }, func(b *bench) {
		receipt, err := b.Submit(b.ctx, submission(http.MethodPost))
		if !errors.Is(err, queue.ErrOutcomeUnknown) || receipt.ID.IsZero() {
			t.Errorf("%+v, %v; want an unknown outcome under an ID", receipt, err)
		}
	})
}

func TestBrokerSurvivesAHandlerWithoutAnAnswer(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		id := b.submit(submission(http.MethodPost))
		b.settle(b.lease(), queue.Outcome{Class: queue.Answered})
		b.want(id, queue.Dead, queue.ReasonUnknownOutcome, 1)
	})
}

func TestBrokerRefusesAnEditThatMayNotBeRepeated(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.policy.MaxAttempts = 1
		id := b.submit(submission(http.MethodPut))
		b.settle(b.lease(), answered(500))
		b.want(id, queue.Dead, queue.ReasonAttemptsExhausted, 1)
		edited := queue.Request{Method: http.MethodPost, Target: "/orders"}
		if _, err := b.Redrive(b.ctx, id, queue.Redrive{Request: &edited}); !errors.Is(err, queue.ErrInvalid) {
			t.Errorf("a PUT redriven as a POST: %v, want ErrInvalid", err)
		}
	})
}
