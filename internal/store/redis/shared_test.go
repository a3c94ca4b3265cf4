package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/store/redis"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// pair opens two stores on one queue, as two processes would, and runs the first.
func pair(t *testing.T) (one, other *redis.Store) {
	at := serve(t, t.TempDir(), "").address
	one, other = open(t, redis.Options{Addrs: []string{at}}), open(t, redis.Options{Addrs: []string{at}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- one.Run(ctx, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, s := range []*redis.Store{one, other} {
			if err := s.Close(); err != nil && !errors.Is(err, queue.ErrClosed) {
				t.Error(err)
			}
		}
	})
	return one, other
}

func request(most int) queue.LeaseRequest {
	return queue.LeaseRequest{Worker: "w", Max: most, Slots: 100, TTL: time.Minute, Queues: []queue.Want{{Queue: "orders"}}}
}

func put(t *testing.T, s queue.Store, n int) {
	t.Helper()
	for range n {
		if all, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil || all[0].Err != nil {
			t.Fatal(err, all)
		}
	}
}

func TestLimitsAreThoseOfAllProcesses(t *testing.T) {
	one, other := pair(t)
	if _, err := one.SetGate(t.Context(), "orders", queue.GateChange{Limits: &queue.Limits{MaxLeased: 3}}); err != nil {
		t.Fatal(err)
	}
	put(t, one, 10)
	first, err := one.Lease(t.Context(), request(2))
	if err != nil || len(first) != 2 {
		t.Fatal(first, err)
	}
	second, err := other.Lease(t.Context(), request(5))
	if err != nil || len(second) != 1 {
		t.Fatalf("%d leases by the other, %v; want the one that is left of 3", len(second), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := other.Reserve(ctx, "orders", time.Minute); !errors.Is(err, queue.ErrGateClosed) {
		t.Errorf("a call passes beyond the limit: %v", err)
	}
}

// TestWhoWaitsIsWokenByAnotherProcess settles by one process what the other waits for, far sooner than it would look by itself.
func TestWhoWaitsIsWokenByAnotherProcess(t *testing.T) {
	one, other := pair(t)
	leased := make(chan []queue.Lease, 1)
	go func() {
		got, err := other.Lease(t.Context(), request(1))
		if err != nil {
			t.Error(err)
		}
		leased <- got
	}()
	gone := make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() { put(t, one, 1); close(gone) })
	got := <-leased
	<-gone
	if len(got) != 1 {
		t.Fatal("nothing was leased")
	}
	settled := make(chan *queue.Record, 1)
	go func() {
		r, err := one.Wait(t.Context(), got[0].ID, queue.UntilTerminal)
		if err != nil {
			t.Error(err)
		}
		settled <- r
	}()
	time.AfterFunc(100*time.Millisecond, func() {
		_, err := other.Settle(t.Context(), []queue.Settlement{{LeaseRef: got[0].LeaseRef, Kind: queue.SettleDone, Result: storetest.NewResult(200, "ok")}})
		if err != nil {
			t.Error(err)
		}
	})
	if r := <-settled; r.State != queue.Done || r.Result == nil {
		t.Errorf("%+v", r)
	}
}

func TestAProcessThatClosesGivesItsWorkBack(t *testing.T) {
	one, other := pair(t)
	put(t, one, 1)
	if _, err := other.Lease(t.Context(), request(1)); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := one.Lease(t.Context(), request(1))
	if err != nil || len(got) != 1 || got[0].Record.Deliveries != 2 || got[0].Record.Crashes != 1 {
		t.Errorf("%+v %v", got, err)
	}
}
