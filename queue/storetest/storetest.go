// Package storetest proves that a queue.Store keeps the contract: a conformance suite with one file per subject, a test
// with random operations against an independent model, benchmarks, and a decorator that injects faults.
//
// It owns the words harness, scenario and fault.
//
// # Guarantees
//
//  1. [Run] asks for nothing that the comments in queue/store.go do not promise.
//  2. After every scenario the counters of every queue add up and equal a recount from the records.
//  3. What a scenario draws at random follows from a seed that is printed.
//
// # Concurrency
//
// Scenarios of a store that does real I/O run in parallel, each on a store of its own. With [Harness.Synctest] each runs
// alone in a bubble of testing/synctest, whose clock makes nobody wait.
//
// # Failure
//
// A scenario that waits in vain fails after [Patience].
//
// # Not here
//
// Crashes in the middle of a write, damaged files and lost connections: they belong to the tests of each store.
package storetest

import (
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Harness says how the suite gets at the store under test.
type Harness struct {
	// Open returns a fresh, empty store. The suite starts its Run, stops it, and closes the store when the scenario ends.
	Open func(tb testing.TB, options Options) queue.Store

	// Reopen ends a store that Open or Reopen returned, and opens the same data again with the same options. It should
	// end it as a crash would: without Close where the store has a way to do that. The suite has stopped Run before and
	// does not touch the old store afterwards. Nil: the store keeps nothing, and scenarios about durability assert that
	// its Capabilities say so.
	Reopen func(tb testing.TB, store queue.Store, options Options) queue.Store

	// Synctest says that the store may run in a bubble of testing/synctest: all its waiting is on channels, timers and
	// contexts, and it does no I/O.
	Synctest bool

	// Steps is how many operations the model test does; 0 means 3,000.
	Steps int
}

// Options are the bounds with which a store is opened; zero values do not bound.
type Options struct {
	MaxMessages int64 // unfinished messages, over all visible queues
	MaxBytes    int64 // of unfinished messages, bodies included, approximately
}

// Patience is how long a scenario waits for what must happen.
const Patience = 20 * time.Second

// grace is how long a scenario waits for what must not happen.
const grace = 25 * time.Millisecond

// moment is the unit of the times that scenarios set: long against scheduling delays, short against a test run.
const moment = 100 * time.Millisecond

// Run runs the conformance suite and the model test.
func Run(t *testing.T, h Harness) {
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.scenarios {
				t.Run(c.name, func(t *testing.T) { c.test(t, h) })
			}
		})
	}
	t.Run("model", func(t *testing.T) { testModel(t, h) })
}

// subject is one part of the contract.
type subject struct {
	name      string
	scenarios []scenario
}

// scenario is one rule of the contract and the test of it.
type scenario struct {
	name    string
	run     func(f *fixture)
	options Options
	idle    bool // Run is not started; the scenario may call f.start
}

func subjects() []subject {
	return []subject{
		{"enqueue", enqueueScenarios()},
		{"idempotency", idempotencyScenarios()},
		{"lease", leaseScenarios()},
		{"order", orderScenarios()},
		{"settle", settleScenarios()},
		{"extend", extendScenarios()},
		{"lost", lostScenarios()},
		{"schedule", scheduleScenarios()},
		{"deadline", deadlineScenarios()},
		{"lane", laneScenarios()},
		{"gate", gateScenarios()},
		{"intake", intakeScenarios()},
		{"fair", fairScenarios()},
		{"pace", paceScenarios()},
		{"reserve", reserveScenarios()},
		{"shares", sharing()},
		{"cancel", cancelScenarios()},
		{"redrive", redriveScenarios()},
		{"wait", waitScenarios()},
		{"position", positionScenarios()},
		{"list", listScenarios()},
		{"purge", purgeScenarios()},
		{"import", importScenarios()},
		{"retention", retentionScenarios()},
		{"callback", callbackScenarios()},
		{"body", bodyScenarios()},
		{"durability", durabilityScenarios()},
		{"stats", statsScenarios()},
		{"close", closeScenarios()},
	}
}

func (c scenario) test(t *testing.T, h Harness) {
	if !h.Synctest {
		t.Parallel()
	}
	inBubble(t, h, func(t *testing.T) {
		f := open(t, h, c.options)
		if !c.idle {
			f.start()
		}
		c.run(f)
	})
}

// NewMessage returns a message for a queue that has every mandatory field, changed by edits.
func NewMessage(queueName string, edits ...func(*queue.Message)) *queue.Message {
	now := time.Now().Truncate(time.Microsecond)
	m := &queue.Message{
		ID:            queue.NewID(queue.HomeOf(queueName), now),
		Queue:         queueName,
		Endpoint:      queueName,
		AcceptedAt:    now,
		MaxDeliveries: 5,
		KeepResult:    time.Hour,
		KeepDead:      time.Hour,
		Request: queue.Request{
			Method: "POST",
			Target: "/orders?from=suite",
			Scheme: "http",
			Host:   "app.example",
			Proto:  "HTTP/1.1",
			Remote: "192.0.2.1:50000",
			Header: map[string][]string{"Content-Type": {"text/plain"}, "X-Tag": {"one", "two"}},
			Body:   queue.InlineBody([]byte("hello")),
		},
	}
	for _, edit := range edits {
		edit(m)
	}
	return m
}

// NewResult returns a result with the given status and an inline body.
func NewResult(status int, body string) *queue.Result {
	return &queue.Result{
		Status:     status,
		Proto:      "HTTP/1.1",
		Header:     map[string][]string{"Content-Type": {"text/plain"}},
		Body:       queue.InlineBody([]byte(body)),
		Length:     -1,
		ReceivedAt: time.Now(),
		Duration:   time.Millisecond,
	}
}
