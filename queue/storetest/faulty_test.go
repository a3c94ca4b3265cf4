package storetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func faulty(t *testing.T, faults ...storetest.Fault) *storetest.Faulty {
	f := storetest.NewFaulty(memory.New(memory.Options{}), 1, faults...)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFaultyWithoutFaultsKeepsTheContract(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(_ testing.TB, o storetest.Options) queue.Store {
			return storetest.NewFaulty(memory.New(memory.Options{MaxMessages: o.MaxMessages, MaxBytes: o.MaxBytes}), 1)
		},
		Synctest: true,
	})
}

func TestFaultBeforeACallPreventsIt(t *testing.T) {
	f := faulty(t, storetest.Fault{Methods: []string{"Enqueue"}, Before: queue.ErrUnavailable, Times: 1})
	m := storetest.NewMessage("orders")
	if _, err := f.Enqueue(t.Context(), []*queue.Message{m}); !errors.Is(err, queue.ErrUnavailable) {
		t.Fatalf("error = %v, want ErrUnavailable", err)
	}
	if _, err := f.Get(t.Context(), m.ID); !errors.Is(err, queue.ErrNotFound) {
		t.Fatalf("error = %v, want ErrNotFound", err)
	}
	if _, err := f.Enqueue(t.Context(), []*queue.Message{m}); err != nil {
		t.Fatalf("the second call failed too: %v", err)
	}
	if n := f.Struck("Enqueue"); n != 1 {
		t.Fatalf("struck %d times, want 1", n)
	}
}

func TestFaultAfterACallLosesItsReply(t *testing.T) {
	f := faulty(t, storetest.Fault{Methods: []string{"Enqueue"}, After: queue.ErrOutcomeUnknown, Skip: 1})
	first, second := storetest.NewMessage("orders"), storetest.NewMessage("orders")
	if _, err := f.Enqueue(t.Context(), []*queue.Message{first}); err != nil {
		t.Fatalf("the spared call failed: %v", err)
	}
	if _, err := f.Enqueue(t.Context(), []*queue.Message{second}); !errors.Is(err, queue.ErrOutcomeUnknown) {
		t.Fatalf("error = %v, want ErrOutcomeUnknown", err)
	}
	if _, err := f.Get(t.Context(), second.ID); err != nil {
		t.Fatalf("the message is not stored: %v", err)
	}
}

func TestFaultsHappenAsOftenAsTheirProbability(t *testing.T) {
	f := faulty(t, storetest.Fault{Probability: 0.25, Before: queue.ErrUnavailable})
	const n = 4000
	for range n {
		if _, err := f.Stats(t.Context()); err != nil && !errors.Is(err, queue.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if got := f.Struck("Stats"); got < n/5 || got > n*3/10 {
		t.Fatalf("struck %d of %d times, want about a quarter", got, n)
	}
}

func TestFaultDelaysUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := faulty(t, storetest.Fault{Methods: []string{"Stats"}, Delay: time.Minute})
		start := time.Now()
		if _, err := f.Stats(t.Context()); err != nil || time.Since(start) != time.Minute {
			t.Fatalf("took %v and returned %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := f.Stats(ctx); err != nil || time.Since(start) != time.Second {
			t.Fatalf("took %v and returned %v", time.Since(start), err)
		}
	})
}
