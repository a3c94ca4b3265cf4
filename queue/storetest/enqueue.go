package storetest

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func enqueueScenarios() []scenario {
	return []scenario{
		{name: "a stored message reads back exactly as it was given", run: func(f *fixture) {
			m := f.message("orders", func(m *queue.Message) {
				m.Route, m.Caller, m.Priority, m.Metadata = "r", "alice", 3, []byte(`{"a":1}`)
				m.Request.Trailer = map[string][]string{"X-Sum": {"1"}}
			})
			r := f.state(m, queue.Ready)
			if r.Revision != 1 || r.Deliveries != 0 || r.Result != nil || !r.CompletedAt.IsZero() {
				f.t.Fatalf("a new record is not fresh: %+v", r.Progress)
			}
			equalMessages(f, r.Message, m)
		}},
		{name: "an ID that is stored is answered as the first time", run: func(f *fixture) {
			m := f.message("orders")
			answers, err := f.Enqueue(f.ctx, []*queue.Message{m})
			f.ok(err)
			if answers[0] != (queue.Enqueued{ID: m.ID}) {
				f.t.Fatalf("the repeat got %+v", answers[0])
			}
			f.end(done(f.leaseID(m)))
			answers, err = f.Enqueue(f.ctx, []*queue.Message{m})
			f.ok(err)
			if answers[0] != (queue.Enqueued{ID: m.ID}) {
				f.t.Fatalf("the repeat after completion got %+v", answers[0])
			}
			f.nothing("orders")
			f.counts("orders", queue.Counts{Accepted: 1, Done: 1})
		}},
		{name: "one batch may hold one ID twice", run: func(f *fixture) {
			m := NewMessage("orders")
			answers, err := f.Enqueue(f.ctx, []*queue.Message{m, m})
			f.ok(err)
			if len(answers) != 2 || answers[0] != answers[1] || answers[1] != (queue.Enqueued{ID: m.ID}) {
				f.t.Fatalf("answers are %+v", answers)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Ready: 1})
		}},
		{name: "an empty batch is nothing", run: func(f *fixture) {
			answers, err := f.Enqueue(f.ctx, nil)
			f.ok(err)
			if len(answers) != 0 {
				f.t.Fatalf("answers are %+v", answers)
			}
		}},
		{name: "a batch keeps its order", run: func(f *fixture) {
			messages := []*queue.Message{NewMessage("orders"), NewMessage("orders"), NewMessage("orders")}
			f.put(messages...)
			for _, m := range messages {
				f.end(done(f.leaseID(m)))
			}
		}},
		{name: "what breaks a limit is refused and the rest of its batch stored", run: func(f *fixture) {
			good := NewMessage("orders")
			bad := []*queue.Message{
				NewMessage("orders", func(m *queue.Message) { m.ID = queue.ID{} }),
				NewMessage("orders", func(m *queue.Message) { m.Queue = "" }),
				NewMessage(strings.Repeat("q", queue.MaxNameLength+1)),
				NewMessage("orders", func(m *queue.Message) { m.Priority = queue.MaxPriority + 1 }),
				NewMessage("orders", func(m *queue.Message) {
					m.Lane = queue.Lane{Key: strings.Repeat("k", queue.MaxKeyLength+1), Bound: 1}
				}),
			}
			answers, err := f.Enqueue(f.ctx, append(bad, good))
			f.ok(err)
			for i := range bad {
				if !errors.Is(answers[i].Err, queue.ErrInvalid) {
					f.t.Errorf("message %d: error = %v, want ErrInvalid", i, answers[i].Err)
				}
			}
			f.ok(answers[len(bad)].Err)
			f.counts("orders", queue.Counts{Accepted: 1, Ready: 1})
		}},
		{name: "the bound on messages refuses and gives room when one finishes", options: Options{MaxMessages: 2}, run: func(f *fixture) {
			first := f.put(NewMessage("orders"), NewMessage("invoices"))
			refused := NewMessage("orders")
			answers, err := f.Enqueue(f.ctx, []*queue.Message{refused})
			f.ok(err)
			var full *queue.FullError
			if !errors.As(answers[0].Err, &full) || full.Bound != "messages" || full.Limit != 2 {
				f.t.Fatalf("error = %#v, want a FullError of 2 messages", answers[0].Err)
			}
			_, err = f.Get(f.ctx, refused.ID)
			f.is(err, queue.ErrNotFound)
			answers, err = f.Enqueue(f.ctx, []*queue.Message{first})
			f.ok(err)
			f.ok(answers[0].Err) // stored already: idempotent even when full
			f.end(done(f.leaseID(first)))
			f.put(refused)
		}},
		{name: "the bound on bytes refuses", options: Options{MaxBytes: 256 << 10}, run: func(f *fixture) {
			large := func(m *queue.Message) { m.Request.Body = queue.InlineBody(make([]byte, 60<<10)) }
			stored := 0
			for range 10 {
				answers, err := f.Enqueue(f.ctx, []*queue.Message{NewMessage("orders", large)})
				f.ok(err)
				if answers[0].Err != nil {
					var full *queue.FullError
					if !errors.As(answers[0].Err, &full) || full.Bound != "bytes" {
						f.t.Fatalf("error = %#v, want a FullError of bytes", answers[0].Err)
					}
					break
				}
				stored++
			}
			if stored == 0 || stored > 4 {
				f.t.Fatalf("%d messages of 60 KiB went into 256 KiB", stored)
			}
		}},
		{name: "what is finished takes no room", options: Options{MaxBytes: 256 << 10}, run: func(f *fixture) {
			large := func(m *queue.Message) { m.Request.Body = queue.InlineBody(make([]byte, 60<<10)) }
			for range 10 {
				f.message("orders", large)
				f.end(done(f.lease("orders")))
			}
			f.counts("orders", queue.Counts{Accepted: 10, Done: 10})
		}},
		{name: "times are kept when the clock of the process and that of the store differ", run: func(f *fixture) {
			const ahead = 48 * time.Hour // how far the store's clock is ahead, as after a step back of the wall clock
			soon := NewMessage("orders", func(m *queue.Message) {
				m.AcceptedAt = f.clock().Add(-ahead)
				m.Deadline = m.AcceptedAt.Add(24 * time.Hour)
			})
			f.put(soon)
			f.end(done(f.leaseID(soon)))
			later := NewMessage("orders", func(m *queue.Message) {
				m.AcceptedAt = f.clock().Add(-ahead)
				m.NotBefore = m.AcceptedAt.Add(time.Hour)
			})
			f.put(later)
			f.state(later, queue.Scheduled)
		}},
	}
}

func idempotencyScenarios() []scenario {
	return []scenario{
		{name: "a repeat of a key joins the message that holds it", run: func(f *fixture) {
			m := f.message("orders", key("k", "same", time.Hour))
			answer := f.tryPut(NewMessage("orders", key("k", "same", time.Hour)))
			if answer != (queue.Enqueued{ID: m.ID, Duplicate: true}) {
				f.t.Fatalf("the repeat got %+v", answer)
			}
			f.end(done(f.leaseID(m)))
			if answer = f.tryPut(NewMessage("orders", key("k", "same", time.Hour))); answer.ID != m.ID || !answer.Duplicate {
				f.t.Fatalf("the repeat after completion got %+v", answer)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Done: 1})
		}},
		{name: "a key stands over all queues and only for its scope", run: func(f *fixture) {
			m := f.message("orders", key("k", "same", time.Hour))
			if answer := f.tryPut(NewMessage("invoices", key("k", "same", time.Hour))); answer.ID != m.ID {
				f.t.Fatalf("the repeat got %+v", answer)
			}
			f.message("orders", key("other", "same", time.Hour))
		}},
		{name: "a key with another request is refused", run: func(f *fixture) {
			m := f.message("orders", key("k", "one", time.Hour))
			answer := f.tryPut(NewMessage("orders", key("k", "two", time.Hour)))
			f.is(answer.Err, queue.ErrKeyReused)
			if answer.ID != m.ID || answer.Duplicate {
				f.t.Fatalf("the refusal is %+v, want the ID of the holder", answer)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Ready: 1})
		}},
		{name: "one batch may hold one key twice", run: func(f *fixture) {
			a, b := NewMessage("orders", key("k", "same", time.Hour)), NewMessage("orders", key("k", "same", time.Hour))
			answers, err := f.Enqueue(f.ctx, []*queue.Message{a, b})
			f.ok(err)
			if answers[0] != (queue.Enqueued{ID: a.ID}) || answers[1] != (queue.Enqueued{ID: a.ID, Duplicate: true}) {
				f.t.Fatalf("answers are %+v", answers)
			}
		}},
		{name: "a repeat under the same ID is not a duplicate", run: func(f *fixture) {
			m := f.message("orders", key("k", "same", time.Hour))
			if answer := f.tryPut(m); answer != (queue.Enqueued{ID: m.ID}) {
				f.t.Fatalf("the repeat got %+v", answer)
			}
		}},
		{name: "the reservation ends with its time", run: func(f *fixture) {
			f.message("orders", key("k", "one", moment))
			f.pass(2 * moment)
			f.message("orders", key("k", "two", time.Hour))
		}},
		{name: "the reservation outlives a record that is removed", run: func(f *fixture) {
			m := f.message("orders", key("k", "same", time.Hour))
			_, err := f.Purge(f.ctx, queue.Filter{Queue: "orders"})
			f.ok(err)
			if answer := f.tryPut(NewMessage("orders", key("k", "same", time.Hour))); !answer.Duplicate || answer.ID != m.ID {
				f.t.Fatalf("the repeat got %+v", answer)
			}
		}},
		{name: "a refused message reserves nothing", options: Options{MaxMessages: 1}, run: func(f *fixture) {
			first := f.message("orders")
			f.is(f.tryPut(NewMessage("orders", key("k", "one", time.Hour))).Err, queue.ErrFull)
			f.end(done(f.leaseID(first)))
			f.message("orders", key("k", "two", time.Hour))
		}},
		{name: "one hundred concurrent submits of a key give one message", run: func(f *fixture) {
			var wg sync.WaitGroup
			answers := make([]queue.Enqueued, 100)
			for i := range answers {
				wg.Go(func() {
					got, err := f.Enqueue(f.ctx, []*queue.Message{NewMessage("orders", key("k", "same", time.Hour))})
					if err != nil {
						f.t.Errorf("enqueue: %v", err)
						return
					}
					answers[i] = got[0]
				})
			}
			wg.Wait()
			stored := 0
			for _, a := range answers {
				if !a.Duplicate && a.Err == nil {
					stored++
				}
				if a.ID != answers[0].ID {
					f.t.Fatalf("two IDs hold the key: %v and %v", a.ID, answers[0].ID)
				}
			}
			if stored != 1 {
				f.t.Fatalf("%d were stored, want 1", stored)
			}
			f.counts("orders", queue.Counts{Accepted: 1, Ready: 1})
		}},
	}
}

// key gives a message an idempotency key.
func key(scope, fingerprint string, keep time.Duration) func(*queue.Message) {
	return func(m *queue.Message) {
		k := &queue.Idempotency{Keep: keep}
		copy(k.Scope[:], scope)
		copy(k.Fingerprint[:], fingerprint)
		m.Idempotency = k
	}
}

// tryPut enqueues one message and returns what became of it.
func (f *fixture) tryPut(m *queue.Message) queue.Enqueued {
	f.t.Helper()
	answers, err := f.Enqueue(f.ctx, []*queue.Message{m})
	f.ok(err)
	f.balanced()
	return answers[0]
}
