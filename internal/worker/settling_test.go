package worker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/worker"
	"github.com/openhqm/openhqm/queue"
)

// cancelling cancels what a lease call leased before that call returns.
type cancelling struct {
	worker.Broker
	cancel func(queue.ID)
}

func (c cancelling) Lease(ctx context.Context, r queue.LeaseRequest) ([]*queue.Delivery, error) {
	ds, err := c.Broker.Lease(ctx, r)
	for _, d := range ds {
		c.cancel(d.ID)
	}
	return ds, err
}

// Guarantee 4, where the store's notice is quicker than its lease call.
func TestCancelBeforeTheLeaseCallReturnsEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, worker.Config{}, untilEnded, func(o *worker.Options) {
			broker := o.Broker.(*queue.Broker)
			o.Broker = cancelling{broker, func(id queue.ID) {
				if _, err := broker.Cancel(context.Background(), id, queue.CancelOptions{}); err != nil {
					t.Errorf("cancel: %v", err)
				}
			}}
		})
		began := time.Now()
		id := p.submit("q")
		synctest.Wait()
		if r := p.get(id); r.State != queue.Cancelled || time.Since(began) != 0 {
			t.Errorf("%s after %s", r.State, time.Since(began))
		}
	})
}

// unnoticed is a store without the quick notice.
type unnoticed struct{ worker.Broker }

func (u unnoticed) Lease(ctx context.Context, r queue.LeaseRequest) ([]*queue.Delivery, error) {
	r.OnCancel = nil
	return u.Broker.Lease(ctx, r)
}

// Guarantee 4, where only a renewal tells.
func TestRenewalTellsOfACancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 30 * time.Second
		p := start(t, worker.Config{LeaseTTL: ttl}, untilEnded, func(o *worker.Options) { o.Broker = unnoticed{o.Broker} })
		id := p.submit("q")
		synctest.Wait()
		if _, err := p.broker.Cancel(t.Context(), id, queue.CancelOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(ttl / 2)
		synctest.Wait()
		if r := p.get(id); r.State != queue.Cancelled || !r.MayHaveRun {
			t.Errorf("%s half a lease after it was cancelled", r.State)
		}
	})
}

// A settlement that waits for the store must not lose its lease meanwhile: for a request that may not be repeated that
// would end an answered call as unknown_outcome.
func TestLeaseIsRenewedWhileItIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 30 * time.Second
		f := &faulty{settle: func(context.Context) error { time.Sleep(10 * ttl); return nil }}
		p := start(t, worker.Config{LeaseTTL: ttl}, func(context.Context, *queue.Delivery) queue.Outcome { return answered() },
			func(o *worker.Options) { f.Broker = o.Broker; o.Broker = f })
		id := p.submit("q")
		time.Sleep(11 * ttl)
		synctest.Wait()
		if r := p.get(id); r.State != queue.Done || r.Deliveries != 1 || r.Crashes != 0 {
			t.Errorf("%s after %d deliveries and %d crashes", r.State, r.Deliveries, r.Crashes)
		}
	})
}

// What waits to be settled is bounded by the slots, however quick the calls are.
func TestAStoreThatDoesNotSettleIsNotAskedForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots = 4
		settle := make(chan struct{})
		f := &faulty{settle: func(context.Context) error { <-settle; return nil }}
		p := start(t, worker.Config{Slots: slots}, func(context.Context, *queue.Delivery) queue.Outcome { return answered() },
			func(o *worker.Options) { f.Broker = o.Broker; o.Broker = f })
		const messages = 10 * slots
		for range messages {
			p.submit("q")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		// A lease call may be under way when the bound is reached, and asks for at most all slots.
		if got := p.worker.Progress(); got.Settling < slots || got.Settling >= 2*slots || got.Running != 0 {
			t.Errorf("%+v with %d slots", got, slots)
		}
		close(settle)
		time.Sleep(time.Minute)
		synctest.Wait()
		stats, err := p.broker.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if q := stats.Queues["q"]; q.Done != messages {
			t.Errorf("%d of %d done once the store settles", q.Done, messages)
		}
	})
}

// Calls that fill every slot are no stall, however long they take.
func TestFullSlotsAreNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, worker.Config{Slots: 2}, untilEnded, nil)
		for range 3 {
			p.submit("q")
		}
		time.Sleep(time.Hour)
		stats, err := p.broker.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if q := stats.Queues["q"]; q.Ready != 1 || p.worker.Stalled(stats, time.Minute) {
			t.Errorf("%d ready behind full slots, stalled: %t", q.Ready, p.worker.Stalled(stats, time.Minute))
		}
	})
}
