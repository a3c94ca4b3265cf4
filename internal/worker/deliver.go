package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// active is one delivery between its lease and its settlement.
type active struct {
	cancel  context.CancelCauseFunc
	renewed time.Time // when the lease was last known to begin anew
}

// begin starts a delivery in a goroutine of its own, or gives it back if the worker is already to stop.
func (w *Worker) begin(ctx, calls, settles context.Context, d *queue.Delivery, deliveries *sync.WaitGroup) {
	call, cancel := context.WithCancelCause(calls)
	a := &active{cancel: cancel, renewed: time.Now()}
	w.mu.Lock()
	w.active[d.LeaseRef] = a
	w.running++
	w.held[d.Record.Queue]++
	if w.early[d.LeaseRef] {
		cancel(queue.ErrCancelRequested)
	}
	w.progress.MovedAt = a.renewed
	w.mu.Unlock()
	release := ctx.Err() != nil
	deliveries.Go(func() {
		defer cancel(nil)
		if fault.Planted(fault.DrainDrops) && release {
			return
		}
		o := queue.Outcome{Class: queue.NotBegun, Err: queue.ErrDraining, StartedAt: time.Now()}
		defer func() { w.settle(settles, d, o) }() // also when the handler ends its goroutine
		if !release {
			w.handle(call, d, &o)
		}
	})
}

// handle calls the queue's handler; a panic ends here.
func (w *Worker) handle(ctx context.Context, d *queue.Delivery, o *queue.Outcome) {
	handler, ok := w.o.Handler(d.Record.Queue)
	fault.Point(fault.LeaseHandedOut)
	started := time.Now()
	if !ok {
		*o = queue.Outcome{Class: queue.NotSent, Err: errors.New("this process has no handler for the queue"), StartedAt: started}
		return
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover() // nil if the handler ended its goroutine
		w.log.Error("handler panicked", slog.String(telemetry.KeyQueue, d.Record.Queue), slog.String(telemetry.KeyCorrelationID, d.ID.String()),
			slog.String(telemetry.KeyReason, kind(p)), slog.String(telemetry.KeyStack, string(debug.Stack())))
		w.o.Panicked(d.Record.Queue)
		// The text of a panic may hold anything, so it is not stored.
		*o = queue.Outcome{Class: queue.Unanswered, Err: errors.New("the handler panicked"), StartedAt: started, Duration: time.Since(started)}
	}()
	*o = handler.Handle(ctx, d)
	returned = true
	if o.StartedAt.IsZero() {
		o.StartedAt, o.Duration = started, time.Since(started)
	}
}

// kind says what was panicked with: the text of the runtime's own errors, which hold no data, else the type.
func kind(p any) string {
	if r, ok := p.(interface {
		error
		RuntimeError()
	}); ok {
		return r.Error()
	}
	return fmt.Sprintf("%T", p)
}

// settle ends a delivery. The slot is free before the settlement is durable; the lease is renewed until then.
func (w *Worker) settle(ctx context.Context, d *queue.Delivery, o queue.Outcome) {
	w.mu.Lock()
	w.running--
	w.settling++
	if w.held[d.Record.Queue]--; w.held[d.Record.Queue] == 0 {
		delete(w.held, d.Record.Queue)
	}
	w.mu.Unlock()
	// Woken now, the dispatcher runs as soon as Settle waits, and its lease joins the settlement's commit.
	w.signal()
	fault.Point(fault.SettleBeforeStore)
	err := w.broker.Settle(ctx, d, o)
	fault.Point(fault.SettleStored)
	w.mu.Lock()
	w.settling--
	full := w.settling == w.config.Slots-1
	delete(w.active, d.LeaseRef)
	if err == nil {
		w.progress.MovedAt = time.Now()
	}
	w.mu.Unlock()
	if full {
		w.signal()
	}
	w.logSettled(ctx, d, o, err)
}

// logSettled says what came of a delivery; a lost lease is news of this delivery alone, every other error of the store.
func (w *Worker) logSettled(ctx context.Context, d *queue.Delivery, o queue.Outcome, err error) {
	message := "delivery settled"
	switch {
	case err == nil:
		w.settlement.over()
	case errors.Is(err, queue.ErrLeaseLost):
		message = "delivery no longer counts"
	default:
		w.settlement.failed(err)
	}
	if !w.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{slog.String(telemetry.KeyCorrelationID, d.ID.String()), slog.String(telemetry.KeyQueue, d.Record.Queue),
		slog.Int(telemetry.KeyDelivery, d.Record.Deliveries), slog.String(telemetry.KeyClass, o.Class.String()),
		slog.Duration(telemetry.KeyDuration, o.Duration)}
	if o.Result != nil {
		attrs = append(attrs, slog.Int(telemetry.KeyStatus, o.Result.Status))
	}
	if o.Err != nil {
		attrs = append(attrs, slog.Any(telemetry.KeyReason, o.Err))
	}
	w.log.LogAttrs(ctx, slog.LevelDebug, message, attrs...)
}
