package worker

import (
	"context"
	"errors"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// A lease is renewed when a third of it is over, looked at each sixth. A call whose lease was not renewed is ended when
// five sixths are over, looked at each twelfth: so at the latest a twelfth before the lease ends, which leaves room for
// the time between the store's granting a lease and our hearing of it.
func (w *Worker) renewAfter() time.Duration { return w.config.LeaseTTL / 3 }
func (w *Worker) endAfter() time.Duration   { return w.config.LeaseTTL * 5 / 6 }

// renew prolongs the leases of deliveries that run or are being settled, in one batch, until ctx ends.
func (w *Worker) renew(ctx context.Context) {
	tick := time.NewTicker(w.config.LeaseTTL / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		refs := w.older(w.renewAfter())
		if len(refs) == 0 {
			continue
		}
		asked := time.Now() // the lease is at least TTL from here
		call, cancel := context.WithTimeout(ctx, w.config.LeaseTTL/2)
		extended, err := w.broker.Extend(call, refs, w.config.LeaseTTL)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				w.renewing.failed(err)
			}
			continue // the next look asks again; watch ends what is not renewed in time
		}
		w.renewing.over()
		for i, x := range extended {
			w.extended(refs[i], x, asked)
		}
	}
}

// watch ends calls whose lease was not renewed in time. It is apart from renew because a renewal may hang.
func (w *Worker) watch(ctx context.Context) {
	tick := time.NewTicker(w.config.LeaseTTL / 12)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if fault.Planted(fault.StaleCallGoesOn) {
			continue
		}
		for _, ref := range w.older(w.endAfter()) {
			w.end(ref, queue.ErrLeaseLost)
		}
	}
}

// older returns the leases that were last renewed so long ago.
func (w *Worker) older(age time.Duration) []queue.LeaseRef {
	w.mu.Lock()
	defer w.mu.Unlock()
	var refs []queue.LeaseRef
	for ref, a := range w.active {
		if time.Since(a.renewed) >= age {
			refs = append(refs, ref)
		}
	}
	return refs
}

func (w *Worker) extended(ref queue.LeaseRef, x queue.Extended, asked time.Time) {
	w.mu.Lock()
	a := w.active[ref]
	if a != nil && x.Err == nil {
		a.renewed = asked
	}
	w.mu.Unlock()
	switch {
	case errors.Is(x.Err, queue.ErrLeaseLost):
		w.end(ref, queue.ErrLeaseLost)
	case x.CancelRequested:
		w.end(ref, queue.ErrCancelRequested)
	}
}

// end ends the context of a delivery's call; the first cause stays.
func (w *Worker) end(ref queue.LeaseRef, cause error) {
	w.mu.Lock()
	a := w.active[ref]
	w.mu.Unlock()
	if a != nil {
		a.cancel(cause)
	}
}

// cancelled is the store's quick notice that a message was cancelled. It may come before the lease call has returned.
func (w *Worker) cancelled(ref queue.LeaseRef) {
	w.mu.Lock()
	a := w.active[ref]
	if a == nil {
		w.early[ref] = true
	}
	w.mu.Unlock()
	if a != nil {
		a.cancel(queue.ErrCancelRequested)
	}
}

// forgetEarly drops early notices once everything that the lease call returned has begun.
func (w *Worker) forgetEarly() {
	w.mu.Lock()
	clear(w.early)
	w.mu.Unlock()
}
