package embedded_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/store/embedded"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

const callers = 64

func openBench(b *testing.B) *embedded.Store {
	s, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func benchMessage() *queue.Message {
	m := storetest.NewMessage("orders")
	m.Deadline = m.AcceptedAt.Add(24 * time.Hour)
	m.Request.Header = map[string][]string{"Content-Type": {"application/json"}, "User-Agent": {"bench/1.0"}, "Accept": {"*/*"}}
	m.Request.Body = queue.InlineBody(benchBody())
	return m
}

// benchBody is 1 KiB that compresses about as JSON does.
func benchBody() []byte {
	b := make([]byte, 0, 1100)
	for len(b) < 1024 {
		b = fmt.Appendf(b, `{"customer":%d,"article":"%x","amount":%d},`, rand.IntN(1e6), rand.Uint64(), rand.IntN(100))
	}
	return b[:1024]
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// concurrently spreads n calls over the callers and reports CPU per call.
func concurrently(b *testing.B, f func() error) {
	b.Helper()
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	before := cpu()
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(cpu()-before)/float64(time.Microsecond)/float64(b.N), "cpu-us/op")
}

// BenchmarkEnqueue is what ingress costs the store: nobody leases.
func BenchmarkEnqueue(b *testing.B) {
	s := openBench(b)
	ctx := context.Background()
	concurrently(b, func() error {
		_, err := s.Enqueue(ctx, []*queue.Message{benchMessage()})
		return err
	})
}

// BenchmarkMake is the part of the other benchmarks that is not the store.
func BenchmarkMake(b *testing.B) {
	concurrently(b, func() error {
		benchMessage()
		return nil
	})
}

// BenchmarkLife is a whole life, each caller being client and worker: enqueue, lease, settle.
func BenchmarkLife(b *testing.B) {
	s := openBench(b)
	ctx := context.Background()
	concurrently(b, func() error {
		if _, err := s.Enqueue(ctx, []*queue.Message{benchMessage()}); err != nil {
			return err
		}
		leases, err := s.Lease(ctx, queue.LeaseRequest{Max: 1, Slots: callers, TTL: time.Minute, Queues: []queue.Want{{Queue: "orders"}}})
		if err != nil {
			return err
		}
		_, err = s.Settle(ctx, []queue.Settlement{{LeaseRef: leases[0].LeaseRef, Kind: queue.SettleDone,
			Result: storetest.NewResult(200, "done"), Attempt: &queue.Attempt{Delivery: 1, StartedAt: time.Now(), Class: queue.Answered, Status: 200, Counted: true}}})
		return err
	})
}

// BenchmarkAlone is the latency of one enqueue on an idle store: one sync.
func BenchmarkAlone(b *testing.B) {
	s := openBench(b)
	for b.Loop() {
		if _, err := s.Enqueue(context.Background(), []*queue.Message{benchMessage()}); err != nil {
			b.Fatal(err)
		}
	}
}
