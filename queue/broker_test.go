package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

const testQueue = "orders"

// bench is a Broker over a store in a bubble of its own, with the events it reported.
type bench struct {
	*queue.Broker
	t      *testing.T
	ctx    context.Context
	policy queue.Policy
	mu     sync.Mutex
	events []queue.Event
}

// inBubble runs f with a running Broker whose time is the bubble's. wrap may put a decorator over the store.
func inBubble(t *testing.T, wrap func(queue.Store) queue.Store, f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		var store queue.Store = memory.New(memory.Options{MaxMessages: 1000})
		if wrap != nil {
			store = wrap(store)
		}
		ctx, cancel := context.WithCancel(t.Context())
		b := &bench{t: t, ctx: ctx, policy: queue.DefaultPolicy()}
		b.Broker = queue.NewBroker(store, queue.BrokerOptions{
			Policy: func(string) queue.Policy { return b.policy },
			Observer: queue.ObserverFunc(func(e queue.Event) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.events = append(b.events, e)
			}),
		})
		var running sync.WaitGroup
		running.Go(func() {
			if err := b.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		f(b)
		cancel()
		running.Wait()
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func submission(method string) *queue.Submission {
	return &queue.Submission{Queue: testQueue, Endpoint: testQueue,
		Request: queue.Request{Method: method, Target: "/orders?x=1", Host: "shop", Body: queue.InlineBody([]byte("42"))}}
}

func (b *bench) submit(s *queue.Submission) queue.ID {
	b.t.Helper()
	receipt, err := b.Submit(b.ctx, s)
	if err != nil {
		b.t.Fatalf("Submit: %v", err)
	}
	return receipt.ID
}

// lease takes the next delivery, waiting in the bubble's time.
func (b *bench) lease() *queue.Delivery {
	b.t.Helper()
	got, err := b.Lease(b.ctx, queue.LeaseRequest{Worker: "test", Max: 1, Slots: 1, TTL: 30 * time.Second,
		Queues: []queue.Want{{Queue: testQueue}}})
	if err != nil {
		b.t.Fatalf("Lease: %v", err)
	}
	return got[0]
}

func (b *bench) settle(d *queue.Delivery, o queue.Outcome) {
	b.t.Helper()
	if err := b.Settle(b.ctx, d, o); err != nil {
		b.t.Fatalf("Settle: %v", err)
	}
}

func (b *bench) get(id queue.ID) *queue.Record {
	b.t.Helper()
	r, err := b.Get(b.ctx, id)
	if err != nil {
		b.t.Fatalf("Get: %v", err)
	}
	return r
}

func answered(status int) queue.Outcome {
	return queue.Outcome{Class: queue.Answered, Result: &queue.Result{Status: status, Body: queue.InlineBody([]byte("answer"))}}
}

var errReset = errors.New("connection reset")

func (b *bench) want(id queue.ID, state queue.State, reason queue.Reason, attempts int) {
	b.t.Helper()
	r := b.get(id)
	if r.State != state || r.Reason != reason || r.Attempts != attempts {
		b.t.Errorf("%s %s with %d attempts, want %s %s with %d", r.State, r.Reason, r.Attempts, state, reason, attempts)
	}
}

func TestBrokerNeverRepeatsAnUnsafeRequestWhoseOutcomeIsUnknown(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		id := b.submit(submission(http.MethodPost))
		b.settle(b.lease(), queue.Outcome{Class: queue.Unanswered, Err: errReset})
		b.want(id, queue.Dead, queue.ReasonUnknownOutcome, 1)
	})
}

func TestBrokerFailsAnUnsafeRequestWhoseWorkerDied(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		id := b.submit(submission(http.MethodPost))
		d := b.lease()
		r, err := b.Wait(b.ctx, id, queue.UntilTerminal) // nobody extends the lease
		if err != nil || r.State != queue.Dead || r.Reason != queue.ReasonUnknownOutcome {
			t.Fatalf("after the lease: %v, %v", r, err)
		}
		if err := b.Settle(b.ctx, d, answered(200)); !errors.Is(err, queue.ErrLeaseLost) {
			t.Errorf("a late settlement: %v, want ErrLeaseLost", err)
		}
	})
}

func TestBrokerRepeatsWhatMayBeRepeatedUntilItsAttemptsAreUsedUp(t *testing.T) {
	for name, s := range map[string]*queue.Submission{
		"an idempotent method":                   submission(http.MethodPut),
		"an unsafe one that the endpoint allows": submission(http.MethodPost),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bench) {
				b.policy.RetryUnsafe = s.Request.Method == http.MethodPost
				id := b.submit(s)
				for n := 1; n <= b.policy.MaxAttempts; n++ {
					d := b.lease()
					if last := n == b.policy.MaxAttempts; d.Last != last {
						t.Errorf("attempt %d: Last = %v", n, d.Last)
					}
					b.settle(d, queue.Outcome{Class: queue.Unanswered, Err: errReset})
				}
				b.want(id, queue.Dead, queue.ReasonAttemptsExhausted, b.policy.MaxAttempts)
			})
		})
	}
}

func TestBrokerRepeatsAKeyedRequestOnlyWhereTheEndpointHonoursTheKey(t *testing.T) {
	for _, honours := range []bool{true, false} {
		t.Run(fmt.Sprint(honours), func(t *testing.T) {
			inBubble(t, nil, func(b *bench) {
				b.policy.HonorsIdempotencyKey = honours
				s := submission(http.MethodPost)
				s.Request.Header = http.Header{"Idempotency-Key": {`"k"`}}
				id := b.submit(s)
				b.settle(b.lease(), queue.Outcome{Class: queue.Unanswered, Err: errReset})
				if r := b.get(id); r.State.Terminal() == honours {
					t.Errorf("state %s where the endpoint honours the key: %v", r.State, honours)
				}
			})
		})
	}
}

func TestBrokerCountsNoAttemptForWhatWasNotSent(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.policy.MaxAge = time.Hour
		id := b.submit(submission(http.MethodPost))
		for range 10 {
			b.settle(b.lease(), queue.Outcome{Class: queue.NotSent, Err: errors.New("connection refused")})
		}
		b.want(id, queue.Scheduled, "", 0)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.want(id, queue.Expired, "", 0)
	})
}

func TestBrokerTreatsEveryStatusByTheTable(t *testing.T) {
	type end struct {
		state  queue.State
		reason queue.Reason
	}
	retried := end{state: queue.Scheduled}
	result := end{state: queue.Done}
	special := map[string]map[int]end{
		http.MethodPut: {408: retried, 425: retried, 429: retried, 500: retried, 502: retried, 503: retried, 504: retried},
		http.MethodPost: {408: retried, 425: retried, 429: retried, 503: retried,
			500: {queue.Dead, queue.ReasonEndpointError}, 502: {queue.Dead, queue.ReasonUnknownOutcome},
			504: {queue.Dead, queue.ReasonUnknownOutcome}},
	}
	for method, exceptions := range special {
		t.Run(method, func(t *testing.T) {
			inBubble(t, nil, func(b *bench) {
				for status := 200; status < 600; status++ {
					id := b.submit(submission(method))
					b.settle(b.lease(), answered(status))
					want, ok := exceptions[status]
					if !ok {
						want = result
					}
					r := b.get(id)
					if r.State != want.state || r.Reason != want.reason {
						t.Errorf("%d: %s %s, want %s %s", status, r.State, r.Reason, want.state, want.reason)
					}
					if r.State.Terminal() && r.Result.Status != status {
						t.Errorf("%d: the answer was not kept", status)
					}
					if _, err := b.Cancel(b.ctx, id, queue.CancelOptions{}); err != nil && !errors.Is(err, queue.ErrTerminal) {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

func TestBrokerClosesTheQueueForARetryAfter(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		first, second := b.submit(submission(http.MethodPost)), b.submit(submission(http.MethodPost))
		o := answered(http.StatusServiceUnavailable)
		o.RetryAfter = time.Minute
		began := time.Now()
		b.settle(b.lease(), o)
		b.want(first, queue.Scheduled, "", 0)
		d := b.lease()
		if waited := time.Since(began); waited < time.Minute {
			t.Errorf("the other message was leased after %s, want a minute", waited)
		}
		if d.ID != second {
			t.Errorf("leased %s", d.ID)
		}
		if hold := b.Drain(testQueue); hold.Hold == queue.HoldCooldown {
			t.Error("still closed")
		}
	})
}

func TestBrokerHoldsAnEndpointThatRefusesInjectedCredentials(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.policy.InjectsAuth = true
		own := b.submit(submission(http.MethodPost)) // with its client's own credentials
		b.settle(b.lease(), answered(http.StatusUnauthorized))
		b.want(own, queue.Done, "", 1)

		id := b.submit(submission(http.MethodPost))
		refused := answered(http.StatusUnauthorized)
		refused.Injected = true
		b.settle(b.lease(), refused)
		b.want(id, queue.Scheduled, "", 0)
		stats, err := b.Stats(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		gate := stats.Queues[testQueue].Gate
		if reason, hold, closed := gate.Closed(stats.Now); !closed || reason != queue.HoldAuth || !hold.Until.IsZero() {
			t.Errorf("gate %+v", gate)
		}
	})
}

func TestBrokerDiscardsTheBodyOfAnAnswerThatIsNotKept(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		for status, kept := range map[int]bool{200: true, 408: false, 500: true} {
			id := b.submit(submission(http.MethodPost))
			d := b.lease()
			o := answered(status)
			var err error
			o.Result.Body, err = queue.ReceiveBodyPrefix(b.ctx, d.Bodies, bytes.NewReader(make([]byte, 2*queue.InlineLimit)), -1, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			b.settle(d, o)
			body, err := o.Result.Body.Open(b.ctx)
			if kept != (err == nil) || !kept && !errors.Is(err, queue.ErrNotFound) {
				t.Errorf("the body of a %d, kept: %t: %v", status, kept, err)
			}
			if err == nil {
				_ = body.Close() // it lies in memory
			}
			if _, err := b.Cancel(b.ctx, id, queue.CancelOptions{}); err != nil && !errors.Is(err, queue.ErrTerminal) {
				t.Fatal(err)
			}
		}
	})
}

func TestBrokerAppliesTheOverridesOfTheTable(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.policy.Statuses = map[int]queue.Verdict{503: queue.VerdictResult, 200: queue.VerdictFail}
		first := b.submit(submission(http.MethodPost))
		b.settle(b.lease(), answered(503))
		b.want(first, queue.Done, "", 1)
		second := b.submit(submission(http.MethodPost))
		b.settle(b.lease(), answered(200))
		b.want(second, queue.Dead, queue.ReasonEndpointError, 1)
	})
}

func TestBrokerCancelsARunningDelivery(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		id := b.submit(submission(http.MethodPost))
		d := b.lease()
		r, err := b.Cancel(b.ctx, id, queue.CancelOptions{})
		if err != nil || r.State != queue.Leased || !r.CancelRequested {
			t.Fatalf("Cancel: %v, %v", r, err)
		}
		b.settle(d, queue.Outcome{Class: queue.Unanswered, Err: fmt.Errorf("aborted: %w", queue.ErrCancelRequested)})
		b.want(id, queue.Cancelled, "", 1)
		if !b.get(id).MayHaveRun {
			t.Error("not marked as one that may have run")
		}
	})
}

func TestBrokerGivesBackWhatDrainCutWithoutCountingIt(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		id := b.submit(submission(http.MethodPut))
		b.settle(b.lease(), queue.Outcome{Class: queue.Unanswered, Err: fmt.Errorf("cut: %w", queue.ErrDraining)})
		b.want(id, queue.Ready, "", 0)
		b.settle(b.lease(), queue.Outcome{Class: queue.NotBegun, Err: queue.ErrDraining})
		b.want(id, queue.Ready, "", 0)
	})
}

func TestBrokerFixesTheDeadlineAtSubmit(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.policy.MaxAge = time.Hour
		later := submission(http.MethodGet)
		later.Deadline = time.Now().Add(10 * time.Hour)
		sooner := submission(http.MethodGet)
		sooner.Deadline = time.Now().Add(time.Minute)
		now := time.Now()
		if d := b.get(b.submit(later)).DeadlineAt; !d.Equal(now.Add(time.Hour)) {
			t.Errorf("a deadline beyond max_age: %s", d.Sub(now))
		}
		if d := b.get(b.submit(sooner)).DeadlineAt; !d.Equal(now.Add(time.Minute)) {
			t.Errorf("a deadline of its own: %s", d.Sub(now))
		}
		delayed := submission(http.MethodGet)
		delayed.Delay = 2 * time.Hour
		if _, err := b.Submit(b.ctx, delayed); !errors.Is(err, queue.ErrInvalid) {
			t.Errorf("a delay beyond the deadline: %v", err)
		}
	})
}

func TestBrokerJoinsARepeatedIdempotencyKey(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		keyed := func(body string) *queue.Submission {
			s := submission(http.MethodPost)
			s.Request.Body = queue.InlineBody([]byte(body))
			s.IdempotencyKey = "order-1"
			var err error
			if s.Fingerprint, err = s.Request.Fingerprint(b.ctx); err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := b.submit(keyed("42"))
		receipt, err := b.Submit(b.ctx, keyed("42"))
		if err != nil || !receipt.Duplicate || receipt.ID != first {
			t.Errorf("a repeat: %+v, %v", receipt, err)
		}
		if _, err := b.Submit(b.ctx, keyed("43")); !errors.Is(err, queue.ErrKeyReused) {
			t.Errorf("another body: %v, want ErrKeyReused", err)
		}
		other := keyed("43")
		other.Caller = "somebody else"
		if receipt, err := b.Submit(b.ctx, other); err != nil || receipt.Duplicate {
			t.Errorf("another caller: %+v, %v", receipt, err)
		}
	})
}

func TestBrokerKeepsAKeyAsLongAsItsMessageMayStand(t *testing.T) {
	const hour, ever = time.Hour, time.Duration(0)
	for _, c := range []struct{ maxAge, keepResult, want time.Duration }{
		{hour, 2 * hour, 3 * hour},
		{hour, ever, ever},     // the result stays for ever
		{ever, 2 * hour, ever}, // it may wait for ever
		{ever, -1, ever},
		{hour, -1, hour}, // the result goes at once
	} {
		t.Run(fmt.Sprintf("%s and %s", c.maxAge, c.keepResult), func(t *testing.T) {
			inBubble(t, nil, func(b *bench) {
				b.policy.MaxAge, b.policy.KeepResult = c.maxAge, c.keepResult
				s := submission(http.MethodPost)
				s.IdempotencyKey, s.Fingerprint = "order-1", [32]byte{1}
				if got := b.get(b.submit(s)).Idempotency.Keep; got != c.want {
					t.Errorf("the key is kept for %s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestBrokerRefusesWhatCouldNotBeSent(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		for name, change := range map[string]func(*queue.Submission){
			"no queue":            func(s *queue.Submission) { s.Queue = "" },
			"a long callback":     func(s *queue.Submission) { s.Callback = strings.Repeat("x", queue.MaxCallbackLength+1) },
			"a hidden queue":      func(s *queue.Submission) { s.Queue = queue.CallbackQueue },
			"a priority of 10":    func(s *queue.Submission) { s.Priority = 10 },
			"a method with space": func(s *queue.Submission) { s.Request.Method = "GET /x" },
			"a target with CRLF":  func(s *queue.Submission) { s.Request.Target = "/x\r\nHost: y" },
			"a relative target":   func(s *queue.Submission) { s.Request.Target = "x" },
			"a host with CRLF":    func(s *queue.Submission) { s.Request.Host = "x\r\ny" },
			"a negative delay":    func(s *queue.Submission) { s.Delay = -1 },
		} {
			s := submission(http.MethodPost)
			change(s)
			if _, err := b.Submit(b.ctx, s); !errors.Is(err, queue.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", name, err)
			}
		}
	})
}

// lostReplies makes the first n Enqueue and Settle calls lose their reply after they were done.
type lostReplies struct {
	queue.Store
	mu sync.Mutex
	n  int
}

func (l *lostReplies) lose() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
	return l.n >= 0
}

func (l *lostReplies) Enqueue(ctx context.Context, m []*queue.Message) ([]queue.Enqueued, error) {
	got, err := l.Store.Enqueue(ctx, m)
	if l.lose() {
		return nil, queue.ErrOutcomeUnknown
	}
	return got, err
}

func (l *lostReplies) Settle(ctx context.Context, s []queue.Settlement) ([]error, error) {
	errs, err := l.Store.Settle(ctx, s)
	if l.lose() {
		return nil, queue.ErrOutcomeUnknown
	}
	return errs, err
}

func TestBrokerStoresOneMessageWhenRepliesAreLost(t *testing.T) {
	inBubble(t, func(s queue.Store) queue.Store { return &lostReplies{Store: s, n: 3} }, func(b *bench) {
		b.submit(submission(http.MethodPost))
		stats, err := b.Stats(b.ctx)
		if err != nil || stats.Queues[testQueue].Accepted != 1 {
			t.Errorf("%+v, %v", stats.Queues[testQueue], err)
		}
	})
}

func TestBrokerSaysWhenItDoesNotKnow(t *testing.T) {
	inBubble(t, func(s queue.Store) queue.Store { return &lostReplies{Store: s, n: 1 << 20} }, func(b *bench) {
		began := time.Now()
		receipt, err := b.Submit(b.ctx, submission(http.MethodPost))
		if !errors.Is(err, queue.ErrOutcomeUnknown) || receipt.ID.IsZero() {
			t.Fatalf("%+v, %v", receipt, err)
		}
		if took := time.Since(began); took < time.Second || took > 2*time.Second {
			t.Errorf("gave up after %s", took)
		}
		if _, err := b.Get(b.ctx, receipt.ID); err != nil {
			t.Errorf("the receipt's ID: %v", err)
		}
	})
}

func TestBrokerKnowsItsOwnSettlementWhenTheReplyIsLost(t *testing.T) {
	lost := &lostReplies{}
	inBubble(t, func(s queue.Store) queue.Store { lost.Store = s; return lost }, func(b *bench) {
		id := b.submit(submission(http.MethodPost))
		d := b.lease()
		lost.mu.Lock()
		lost.n = 2
		lost.mu.Unlock()
		o := answered(200)
		o.StartedAt = time.Now()
		b.settle(d, o)
		b.want(id, queue.Done, "", 1)
	})
}

func TestBrokerSaysGoneOnlyAfterRetention(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.policy.KeepResult = time.Hour
		id := b.submit(submission(http.MethodPost))
		time.Sleep(3 * time.Hour) // waiting long must not look like having been removed (R15)
		b.settle(b.lease(), answered(200))
		b.want(id, queue.Done, "", 1)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if _, err := b.Get(b.ctx, id); !errors.Is(err, queue.ErrGone) {
			t.Errorf("after retention: %v, want ErrGone", err)
		}
		if _, err := b.Get(b.ctx, queue.NewID(0, time.Now())); !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("an unknown ID: %v, want ErrNotFound", err)
		}
	})
}

func TestBrokerMeasuresHowFastAQueueDrains(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		for range 100 {
			b.submit(submission(http.MethodPost))
		}
		for range 20 {
			b.settle(b.lease(), answered(200))
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		d := b.Drain(testQueue)
		if d.Depth != 80 || d.Rate < 1.2 || d.Rate > 2.5 {
			t.Errorf("%+v, want a depth of 80 and about 2 a second", d)
		}
		if d.Wait < 30*time.Second || d.Wait > 80*time.Second {
			t.Errorf("estimated wait %s, want about 40 s", d.Wait)
		}
	})
}

func TestBrokerTellsAHoldWithoutAnEndFromAWait(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		hold := func(length time.Duration) {
			change := queue.GateChange{Limits: &queue.Limits{Rate: 10, Burst: 1}, Hold: []queue.HoldChange{{Reason: queue.HoldPaused, For: length}}}
			if _, err := b.SetGate(b.ctx, testQueue, change); err != nil {
				b.t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		for range 5 {
			b.submit(submission(http.MethodPost))
		}
		hold(time.Minute)
		if d := b.Drain(testQueue); d.Endless || d.Wait < 50*time.Second {
			t.Errorf("for a minute: %+v", d)
		}
		hold(0)
		if d := b.Drain(testQueue); d.Hold != queue.HoldPaused || !d.Endless || d.Wait != 500*time.Millisecond {
			t.Errorf("without an end: %+v, want half a second of work after it", d)
		}
		if d := b.Drain(testQueue); d.Rate != 0 || d.Pace != 10 {
			t.Errorf("%+v, want the limit as the pace while nothing was measured", d)
		}
	})
}

func TestBrokerRedrivesWithANewDeadline(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		id := b.submit(submission(http.MethodPost))
		b.settle(b.lease(), answered(500))
		b.want(id, queue.Dead, queue.ReasonEndpointError, 1)
		edited := queue.Request{Method: http.MethodPost, Target: "/orders?x=2"}
		r, err := b.Redrive(b.ctx, id, queue.Redrive{Request: &edited})
		if err != nil || r.Generation != 1 || r.Result != nil || !r.DeadlineAt.After(time.Now()) {
			t.Fatalf("%+v, %v", r, err)
		}
		d := b.lease()
		if d.Request().Target != edited.Target || d.Record.Request.Target != "/orders?x=1" || d.Record.Deliveries != 2 {
			t.Errorf("sent %+v, delivery %d", d.Request(), d.Record.Deliveries)
		}
		edited.Target = "x y"
		if _, err := b.Redrive(b.ctx, id, queue.Redrive{Request: &edited}); !errors.Is(err, queue.ErrInvalid) {
			t.Errorf("a bad edit: %v", err)
		}
	})
}
