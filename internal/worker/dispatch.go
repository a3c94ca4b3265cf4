package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// dispatch keeps one lease call outstanding for the slots that are free, and starts what it returns. It returns when ctx
// ends, or with the error that ends the worker.
func (w *Worker) dispatch(ctx, calls, settles context.Context, deliveries *sync.WaitGroup) error {
	for ctx.Err() == nil {
		ds, err := w.lease(ctx)
		for _, d := range ds {
			w.begin(ctx, calls, settles, d, deliveries)
		}
		w.forgetEarly()
		switch {
		case len(ds) > 0:
			w.leasing.over()
		case err == nil, errors.Is(err, errWoken), ctx.Err() != nil:
		case errors.Is(err, queue.ErrClosed):
			return err
		default:
			pause(ctx, delay(w.leasing.failed(err)))
		}
	}
	return nil
}

// lease waits for a free slot, then for work. It returns nothing when there is no queue to ask for, or when it was woken.
func (w *Worker) lease(ctx context.Context) ([]*queue.Delivery, error) {
	free := w.free(ctx)
	if free == 0 {
		return nil, nil
	}
	call, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// From here on Wake ends the call, so that no change of the queues below is missed.
	w.mu.Lock()
	w.rewant = cancel
	w.mu.Unlock()
	names := w.o.Queues()
	if len(names) == 0 {
		<-call.Done()
		return nil, context.Cause(call)
	}
	request := queue.LeaseRequest{Worker: w.config.Name, Max: free, Slots: w.config.Slots, TTL: w.config.LeaseTTL,
		Queues: make([]queue.Want, len(names)), OnCancel: w.cancelled}
	w.mu.Lock()
	for i, name := range names {
		request.Queues[i] = queue.Want{Queue: name, Held: w.held[name], Room: w.o.Room(name)}
	}
	w.mu.Unlock()
	if !w.leasing.began().IsZero() {
		// A call that waits for work does not fail: the trouble is over without waiting for work to come.
		quiet := time.AfterFunc(quietAfter, w.leasing.over)
		defer quiet.Stop()
	}
	return w.broker.Lease(call, request)
}

// quietAfter is how long a lease call must last for the trouble before it to be over.
const quietAfter = 10 * time.Second

// free waits until there is a free slot and returns how many there are, or 0 when ctx has ended.
//
// A slot is free when its call has ended and its settlement is on the way: the settlement and the next lease can then
// share one commit of the store. What is on the way is bounded by the slots, so that a store that does not settle is
// not asked for more.
func (w *Worker) free(ctx context.Context) int {
	for {
		w.mu.Lock()
		n := w.config.Slots - w.running
		if w.settling >= w.config.Slots {
			n = 0
		}
		w.mu.Unlock()
		if n > 0 {
			return n
		}
		select {
		case <-w.freed:
		case <-ctx.Done():
			return 0
		}
	}
}
