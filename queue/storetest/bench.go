package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// benchBody is the size of a benchmark's request and result bodies in bytes.
const benchBody = 1 << 10

// Bench measures a store: what a submit costs and what a message costs from submit to result, alone and under
// concurrency. Time per operation is per message.
func Bench(b *testing.B, h Harness) {
	b.Run("enqueue", func(b *testing.B) {
		s := benchStore(b, h)
		b.ReportAllocs()
		for b.Loop() {
			benchEnqueue(b, s)
		}
	})
	b.Run("enqueue from 64 goroutines", func(b *testing.B) {
		s := benchStore(b, h)
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				benchEnqueue(b, s)
			}
		})
	})
	b.Run("enqueue, lease and settle", func(b *testing.B) {
		s := benchStore(b, h)
		b.ReportAllocs()
		for b.Loop() {
			benchEnqueue(b, s)
			benchWork(b, s, 1)
		}
	})
	b.Run("enqueue, lease and settle from 64 goroutines", func(b *testing.B) {
		s := benchStore(b, h)
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				benchEnqueue(b, s)
				benchWork(b, s, 1)
			}
		})
	})
	b.Run("lease and settle by one worker with 64 slots", func(b *testing.B) {
		s := benchStore(b, h)
		b.ReportAllocs()
		left := 0
		for b.Loop() {
			if left--; left < 0 {
				b.StopTimer()
				for range 64 {
					benchEnqueue(b, s)
				}
				left = 63
				b.StartTimer()
				benchWork(b, s, 64)
			}
		}
	})
}

func benchStore(b *testing.B, h Harness) queue.Store {
	b.Helper()
	s := h.Open(b, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx, nil); err != nil {
			b.Errorf("run: %v", err)
		}
	}()
	b.Cleanup(func() {
		cancel()
		<-ended
		if err := s.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
	})
	return s
}

func benchEnqueue(b *testing.B, s queue.Store) {
	m := NewMessage("bench", func(m *queue.Message) {
		m.KeepResult = time.Minute
		m.Request.Body = queue.InlineBody(make([]byte, benchBody))
	})
	answers, err := s.Enqueue(context.Background(), []*queue.Message{m})
	if err != nil || answers[0].Err != nil {
		b.Errorf("enqueue: %v %v", err, answers)
	}
}

func benchWork(b *testing.B, s queue.Store, n int) {
	for n > 0 {
		leases, err := s.Lease(context.Background(), request(n, "bench"))
		if err != nil {
			b.Errorf("lease: %v", err)
			return
		}
		settlements := make([]queue.Settlement, len(leases))
		for i, l := range leases {
			settlements[i] = done(l)
			settlements[i].Result.Body = queue.InlineBody(make([]byte, benchBody))
		}
		if _, err := s.Settle(context.Background(), settlements); err != nil {
			b.Errorf("settle: %v", err)
			return
		}
		n -= len(leases)
	}
}
