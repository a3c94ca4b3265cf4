package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// refusalLasts is how long one refused write makes the store unhealthy when no other write follows. Nobody sends to a
// process that is not ready, so that only time can tell it to try again.
const refusalLasts = 5 * time.Second

// storeHealth learns from what passes whether the store takes writes, and ends the process when it is broken. A probe that
// wrote for its own sake would cost an fsync for each of whoever asks.
type storeHealth struct {
	next    queue.Observer
	log     *slog.Logger
	refused atomic.Pointer[refusal]
	broken  func(error) // called with an error after which nothing may be acknowledged any more
}

// refusal is why the store did not take the last write.
type refusal struct {
	err error
	at  time.Time
}

// Observe implements queue.Observer.
func (s *storeHealth) Observe(e queue.Event) {
	s.next.Observe(e)
	switch e.Kind {
	case queue.EventAccepted:
		if s.refused.Load() != nil && s.refused.Swap(nil) != nil {
			s.log.Info("the store takes new messages again")
		}
	case queue.EventRefused:
		s.see(e.Err)
	}
}

// see judges a failed write. A queue that is full of messages is healthy: it does what it was told to.
func (s *storeHealth) see(err error) {
	var full *queue.FullError
	disk := errors.As(err, &full) && full.Bound == "disk"
	broken := fatal(err)
	if disk || broken || errors.Is(err, queue.ErrUnavailable) || errors.Is(err, queue.ErrOutcomeUnknown) {
		if s.refused.Swap(&refusal{err, time.Now()}) == nil {
			attrs := []any{telemetry.KeyError, err}
			if disk {
				attrs = append(attrs, "remedy", "free space on the disk of the data directory, or lower queue.embedded.min_free")
			}
			s.log.Warn("the store takes no new messages", attrs...)
		}
	}
	if broken {
		s.broken(err)
	}
}

// fatal reports whether an error says that the store is broken: it is none of those that a store may return and go on
// (the contract of queue.Store), and not the end of a caller's context.
func fatal(err error) bool {
	if err == nil {
		return false
	}
	for _, known := range []error{queue.ErrInvalid, queue.ErrKeyReused, queue.ErrIntakePaused, queue.ErrFull, queue.ErrUnavailable,
		queue.ErrOutcomeUnknown, queue.ErrClosed, queue.ErrNotFound, queue.ErrUnsupported, queue.ErrBodyTooLarge,
		queue.ErrDraining, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return false
		}
	}
	return true
}

// check returns a health check: the store answers, and took the last write it was given.
func (s *storeHealth) check(broker *queue.Broker) func(context.Context) error {
	return func(ctx context.Context) error {
		if r := s.refused.Load(); r != nil && time.Since(r.at) < refusalLasts {
			return fmt.Errorf("the store takes no new messages: %w", r.err)
		}
		if _, err := broker.Stats(ctx); err != nil {
			return fmt.Errorf("the store does not answer: %w", err)
		}
		return nil
	}
}
