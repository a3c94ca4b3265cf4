package callback

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

const receiverURL = "http://receiver.example/done"

// bench is a broker over a store in a bubble, with a sender whose receiver stands behind a pipe: time passes at will, and
// what is asserted is what the store and the policy of its queue make of the sender's outcomes.
type bench struct {
	t       *testing.T
	ctx     context.Context
	broker  *queue.Broker
	sender  *Sender
	answer  func(n int) string // the answer to the n-th attempt, from 1; "" refuses the connection
	at      []time.Time        // when each attempt was made
	ids     []string           // the webhook-id of each one that arrived
	subject queue.ID
}

// policy is that of the defaults of the configuration, where no attempt costs more than the pauses between them.
func policy(name string) queue.Policy {
	p := queue.DefaultPolicy()
	if name == queue.CallbackQueue {
		p.MaxAttempts, p.MaxAge = 31, queue.TicketMaxAge
		p.Backoff = queue.Backoff{Base: 5 * time.Second, Max: 6 * time.Hour}
	}
	p.KeepResult = 1000 * time.Hour
	return p
}

// inBubble finishes a message that wants a callback, works off tickets until nothing is left to do, and calls check.
func inBubble(t *testing.T, answer func(n int) string, check func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{})
		b := &bench{t: t, broker: queue.NewBroker(store, queue.BrokerOptions{Policy: policy}), answer: answer}
		ctx, cancel := context.WithCancel(t.Context())
		b.ctx = ctx
		ended := make(chan error, 1)
		go func() { ended <- store.Run(ctx, nil) }() // and not the broker, which measures each second
		s, err := New(Config{Allow: []string{receiverURL}, Secrets: []string{key1}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.transport.DialContext, s.transport.DisableKeepAlives = b.dial, true
		b.sender = s
		b.finish()
		b.work()
		check(b)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// finish submits a message, answers it, and leaves its ticket behind.
func (b *bench) finish() {
	receipt, err := b.broker.Submit(b.ctx, &queue.Submission{Queue: "legacy", Callback: receiverURL,
		Request: queue.Request{Method: "POST", Target: "/", Body: queue.InlineBody([]byte("x"))}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.subject = receipt.ID
	d := b.lease("legacy")
	if err := b.broker.Settle(b.ctx, d, queue.Outcome{Class: queue.Answered, Result: &queue.Result{Status: 201,
		Body: queue.InlineBody([]byte("the answer")), Length: -1}, StartedAt: time.Now()}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) lease(name string) *queue.Delivery {
	ctx, cancel := context.WithTimeout(b.ctx, 2*queue.TicketMaxAge)
	defer cancel()
	ds, err := b.broker.Lease(ctx, queue.LeaseRequest{Worker: "w", Max: 1, Slots: 1, TTL: time.Minute, Queues: []queue.Want{{Queue: name}}})
	if err != nil {
		return nil // nothing came in all that time
	}
	return ds[0]
}

// work handles tickets until none comes any more.
func (b *bench) work() {
	for {
		d := b.lease(queue.CallbackQueue)
		if d == nil {
			return
		}
		b.at = append(b.at, time.Now())
		if err := b.broker.Settle(b.ctx, d, b.sender.Handle(b.ctx, d)); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) dial(context.Context, string, string) (net.Conn, error) {
	answer := b.answer(len(b.at))
	if answer == "" {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		q, err := http.ReadRequest(bufio.NewReader(theirs))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, q.Body)
		b.ids = append(b.ids, q.Header.Get("webhook-id"))
		_, _ = io.WriteString(theirs, answer)
	}()
	return ours, nil
}

func answering(status string, fields ...string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n" + strings.Join(append(fields, "\r\n"), "\r\n")
}

// records returns the subject and its ticket as they stand.
func (b *bench) records() (subject, ticket *queue.Record) {
	subject, err := b.broker.Get(b.ctx, b.subject)
	if err != nil {
		b.t.Fatal(err)
	}
	ticket, err = b.broker.Ticket(b.ctx, subject)
	if err != nil {
		b.t.Fatal(err)
	}
	return subject, ticket
}

// untouched asserts that the stored result is the one that was there before.
func (b *bench) untouched(subject *queue.Record) {
	b.t.Helper()
	body, _ := subject.Result.Body.Inline()
	if subject.State != queue.Done || string(body) != "the answer" || subject.Attempts != 1 || len(subject.History) != 1 {
		b.t.Errorf("the message is %s with %q after %d attempts", subject.State, body, subject.Attempts)
	}
}

func TestCallbacksFollowTheirOwnSchedule(t *testing.T) {
	inBubble(t, func(n int) string {
		if n < 8 {
			return answering("500 Broken")
		}
		return answering("204 No Content")
	}, func(b *bench) {
		subject, ticket := b.records()
		b.untouched(subject)
		if ticket.State != queue.Done || ticket.Attempts != 8 || len(b.at) != 8 {
			t.Fatalf("%s after %d attempts", ticket.State, ticket.Attempts)
		}
		for i := 1; i < len(b.at); i++ {
			if pause, longest := b.at[i].Sub(b.at[i-1]), policy(queue.CallbackQueue).Backoff.Ceiling(i); pause > longest+time.Second {
				t.Errorf("%s before attempt %d, want at most %s", pause, i+1, longest)
			}
		}
		for _, id := range b.ids {
			if id != ticket.ID.String() {
				t.Errorf("webhook-id %s, want %s each time", id, ticket.ID)
			}
		}
		if at := ticket.CompletedAt; at.Before(b.at[7]) || at.Sub(b.at[7]) > time.Second {
			t.Errorf("delivered at %s, want the last attempt, %s", at, b.at[7])
		}
	})
}

func TestACallbackIsGivenUpAfterItsAttempts(t *testing.T) {
	inBubble(t, func(int) string { return answering("500 Broken") }, func(b *bench) {
		subject, ticket := b.records()
		b.untouched(subject)
		if len(b.at) < 10 || len(b.at) > 31 {
			t.Errorf("%d attempts", len(b.at))
		}
		// Which of the two comes first is the jitter's choice.
		if ticket.State != queue.Expired && (ticket.State != queue.Dead || ticket.Reason != queue.ReasonAttemptsExhausted) {
			t.Errorf("%s %s", ticket.State, ticket.Reason)
		}
	})
}

func TestAReceiverThatWantsNoMoreIsLeftAlone(t *testing.T) {
	inBubble(t, func(int) string { return answering("410 Gone") }, func(b *bench) {
		subject, ticket := b.records()
		b.untouched(subject)
		if len(b.at) != 1 || ticket.State != queue.Dead || ticket.Reason != queue.ReasonEndpointError || ticket.Result.Status != 410 {
			t.Errorf("%s %s after %d attempts", ticket.State, ticket.Reason, len(b.at))
		}
	})
}

func TestWhatWasNotSentCostsNoAttemptAndEndsWithItsTime(t *testing.T) {
	inBubble(t, func(int) string { return "" }, func(b *bench) {
		subject, ticket := b.records()
		b.untouched(subject)
		if ticket.State != queue.Expired || ticket.Attempts != 0 {
			t.Errorf("%s after %d attempts", ticket.State, ticket.Attempts)
		}
		if took := ticket.CompletedAt.Sub(ticket.AcceptedAt); took < queue.TicketMaxAge || took > queue.TicketMaxAge+time.Second {
			t.Errorf("tried for %s, want %s", took, queue.TicketMaxAge)
		}
	})
}

func TestRetryAfterOfAReceiverDelaysItsCallbackAndNoOther(t *testing.T) {
	inBubble(t, func(n int) string {
		if n == 1 {
			return answering("503 Busy", "Retry-After: 600")
		}
		return answering("200 OK")
	}, func(b *bench) {
		if len(b.at) != 2 || b.at[1].Sub(b.at[0]) < 10*time.Minute || b.at[1].Sub(b.at[0]) > 11*time.Minute {
			t.Errorf("attempts at %v, want the second after ten minutes", b.at)
		}
		stats, err := b.broker.Stats(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if holds := stats.Queues[queue.CallbackQueue].Gate.Holds; len(holds) != 0 {
			t.Errorf("the queue is held for all receivers: %v", holds)
		}
	})
}
