package worker_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/worker"
	"github.com/openhqm/openhqm/queue"
)

func TestDrainLetsRunningCallsFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, worker.Config{Slots: 4, Grace: 20 * time.Second}, func(context.Context, *queue.Delivery) queue.Outcome {
			time.Sleep(10 * time.Second)
			return answered()
		}, nil)
		var ids []queue.ID
		for range 10 {
			ids = append(ids, p.submit("q"))
		}
		time.Sleep(time.Second)
		if took, err := p.drained(); err != nil || took != 9*time.Second {
			t.Errorf("drained in %s: %v", took, err)
		}
		for i, id := range ids {
			want := queue.Done
			if i >= 4 {
				want = queue.Ready
			}
			if r := p.get(id); r.State != want || r.Crashes != 0 {
				t.Errorf("message %d is %s, want %s", i, r.State, want)
			}
		}
	})
}

func TestDrainCutsWhatOutlivesTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, worker.Config{Slots: 4, Grace: 20 * time.Second}, untilEnded, nil)
		id := p.submit("q")
		synctest.Wait()
		if took, err := p.drained(); err != nil || took != 20*time.Second {
			t.Errorf("drained in %s: %v", took, err)
		}
		if r := p.get(id); r.State != queue.Ready || r.Attempts != 0 || r.Crashes != 0 || r.History[0].Class != queue.Unanswered {
			t.Errorf("%s after %+v", r.State, r.History)
		}
	})
}

func TestDrainReleasesWhatALeaseCallStillHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := false
		f := &faulty{}
		p := start(t, worker.Config{}, func(context.Context, *queue.Delivery) queue.Outcome { called = true; return answered() },
			func(o *worker.Options) { f.Broker = late{o.Broker}; o.Broker = f })
		id := p.submit("q")
		synctest.Wait()
		if _, err := p.drained(); err != nil {
			t.Error(err)
		}
		if r := p.get(id); r.State != queue.Ready || r.Deliveries != 1 || r.Attempts != 0 || len(r.History) != 0 || called {
			t.Errorf("%s after %d deliveries, called: %t", r.State, r.Deliveries, called)
		}
	})
}

// late hands leases over only when its context has ended.
type late struct{ worker.Broker }

func (l late) Lease(ctx context.Context, r queue.LeaseRequest) ([]*queue.Delivery, error) {
	ds, err := l.Broker.Lease(ctx, r)
	<-ctx.Done()
	return ds, err
}

func TestDrainSaysWhatDidNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := start(t, worker.Config{Grace: time.Second, SettleTimeout: time.Second}, func(context.Context, *queue.Delivery) queue.Outcome {
			<-release
			return answered()
		}, nil)
		p.submit("q")
		synctest.Wait()
		took, err := p.drained()
		if err == nil || !strings.Contains(err.Error(), "1 handlers did not end") || took > 5*time.Second {
			t.Errorf("drained in %s: %v", took, err)
		}
		close(release)
		synctest.Wait()
	})
}

func TestDrainEndsWithAnUnreachableStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{settle: func(ctx context.Context) error { <-ctx.Done(); return queue.ErrUnavailable }}
		p := start(t, worker.Config{Grace: time.Second, SettleTimeout: 3 * time.Second}, untilEnded,
			func(o *worker.Options) { f.Broker = o.Broker; o.Broker = f })
		p.submit("q")
		synctest.Wait()
		if took, err := p.drained(); err != nil || took != 4*time.Second {
			t.Errorf("drained in %s: %v", took, err)
		}
	})
}
