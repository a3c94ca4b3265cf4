package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

// inLane submits a message with an ordering key.
func (f *fixture) inLane(onDead queue.OnDead) queue.ID {
	f.t.Helper()
	return f.in(queue.Lane{Key: "customer-7", Bound: 1, OnDead: onDead})
}

func (f *fixture) in(lane queue.Lane) queue.ID {
	f.t.Helper()
	receipt, err := f.broker.Submit(f.t.Context(), &queue.Submission{Queue: "legacy", Endpoint: "legacy",
		Lane:    lane,
		Request: queue.Request{Method: "POST", Target: "/", Header: http.Header{}}})
	if err != nil {
		f.t.Fatal(err)
	}
	return receipt.ID
}

func (f *fixture) gate(change queue.GateChange) {
	f.t.Helper()
	if _, err := f.broker.SetGate(f.t.Context(), "legacy", change); err != nil {
		f.t.Fatal(err)
	}
}

// TestExplainSaysWhyAMessageIsWhereItIs has a case for every state and everything that ready work may wait for. The fake
// clock begins at midnight of 2000-01-01.
func TestExplainSaysWhyAMessageIsWhereItIs(t *testing.T) {
	retry := queue.DefaultPolicy()
	retry.Backoff = queue.Backoff{Base: 8 * time.Second, Max: 8 * time.Second}
	for name, c := range map[string]struct {
		arrange  func(f *fixture) queue.ID
		cause    queue.Cause
		sentence string // a regular expression
		check    func(t *testing.T, e client.Explanation)
	}{
		"ready, its turn comes": {func(f *fixture) queue.ID {
			f.submit(`{"payload":1}`)
			return f.submit(`{"payload":1}`)
		}, queue.CauseTurn, "^position 2 of `legacy`; the next free worker takes the first of the queue$", func(t *testing.T, e client.Explanation) {
			want(t, e.Position, 2)
			want(t, e.Depth, 2)
			want(t, e.Attempt, 1)
			want(t, e.MaxAttempts, 4)
		}},
		"ready, as many run as may": {func(f *fixture) queue.ID {
			f.gate(queue.GateChange{Limits: &queue.Limits{MaxLeased: 1}})
			f.submit(`{"payload":1}`)
			f.lease("legacy")
			return f.submit(`{"payload":1}`)
		}, queue.CauseConcurrency, "^position 1 of `legacy`; limit of 1 at once reached$", func(t *testing.T, e client.Explanation) {
			want(t, e.Limits.Concurrency, 1)
			want(t, e.Running, 1)
		}},
		"ready, a rate": {func(f *fixture) queue.ID {
			f.gate(queue.GateChange{Limits: &queue.Limits{Rate: 2.5}})
			return f.submit(`{"payload":1}`)
		}, queue.CauseRate, "^position 1 of `legacy`; at most 2.5 start a second$", nil},
		"ready, an adaptive limit": {func(f *fixture) queue.ID {
			one := 1
			f.gate(queue.GateChange{Limits: &queue.Limits{MaxLeased: 5}, Adapt: &one})
			f.submit(`{"payload":1}`)
			f.lease("legacy")
			return f.submit(`{"payload":1}`)
		}, queue.CauseConcurrency, "^position 1 of `legacy`; adaptive limit of 1 at once reached$", func(t *testing.T, e client.Explanation) {
			want(t, e.Limits, client.Limits{Concurrency: 5, Adaptive: 1, SyncShare: 50})
		}},
		"ready, a slow start": {func(f *fixture) queue.ID {
			one := 1
			f.gate(queue.GateChange{Limits: &queue.Limits{MaxLeased: 5}, Recover: &one})
			f.submit(`{"payload":1}`)
			f.lease("legacy")
			return f.submit(`{"payload":1}`)
		}, queue.CauseConcurrency, "^position 1 of `legacy`; the endpoint recovers from an outage, and the 1 at once that it is given run$", nil},
		"parked behind its key": {func(f *fixture) queue.ID {
			f.inLane(queue.OnDeadSkip)
			return f.inLane(queue.OnDeadSkip)
		}, queue.CauseLane, "^waiting behind its ordering key `customer-7`: at most 1 with it at once$", func(t *testing.T, e client.Explanation) {
			want(t, e.Key, "customer-7")
			want(t, e.State, "parked")
		}},
		"parked behind its fair share": {func(f *fixture) queue.ID {
			f.in(queue.Lane{Key: "customer-7", Bound: 1, Fair: true})
			return f.in(queue.Lane{Key: "customer-7", Bound: 1, Fair: true})
		}, queue.CauseLane, "^waiting for the turn of its key `customer-7`, of which 1 may be ready or running at once$", nil},
		"parked behind its rate": {func(f *fixture) queue.ID {
			slow := queue.Lane{Key: "customer-7", Bound: 4, Fair: true, Rate: 0.5, Burst: 1}
			f.in(slow)
			return f.in(slow)
		}, queue.CauseLane, "^waiting for the turn of its key `customer-7`, of which 4 may be ready or running at once, and 0.5 start a second$", nil},
		"parked behind its key, and closed": {func(f *fixture) queue.ID {
			f.gate(queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldPaused}}})
			f.inLane(queue.OnDeadSkip)
			return f.inLane(queue.OnDeadSkip)
		}, queue.CauseLane, "at once; queue `legacy` paused by an operator$", nil},
		"parked behind a dead letter": {func(f *fixture) queue.ID {
			f.inLane(queue.OnDeadBlock)
			id := f.inLane(queue.OnDeadBlock)
			f.settle(f.lease("legacy"), answered(500, "no"))
			return id
		}, queue.CauseLaneBlocked, "^waiting behind its ordering key `customer-7`, which dead letter [0-9a-f-]{36} blocks until it is redriven or removed$",
			func(t *testing.T, e client.Explanation) { want(t, len(e.BlockedBy), 36) }},
		"delayed": {func(f *fixture) queue.ID {
			return f.submit(`{"payload":1,"metadata":{"delay":90}}`)
		}, queue.CauseDelayed, "^delayed by its client: starts in 1m30s$", func(t *testing.T, e client.Explanation) {
			want(t, time.Until(*e.Until), 90*time.Second)
		}},
		"backing off": {func(f *fixture) queue.ID {
			id := f.submit(`{"payload":1}`)
			f.settle(f.lease("legacy"), answered(503, "no"))
			return id
		}, queue.CauseBackoff, `^next attempt 2 of 4 in [1-8]s \(the last was answered 503\)$`, func(t *testing.T, e client.Explanation) {
			want(t, e.Until != nil, true)
		}},
		"backing off, and closed": {func(f *fixture) queue.ID {
			id := f.submit(`{"payload":1,"metadata":{"method":"PUT"}}`)
			f.settle(f.lease("legacy"), answered(500, "no"))
			f.gate(queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldBreaker, For: time.Minute}}})
			return id
		}, queue.CauseBackoff, `^next attempt 2 of 4 in [1-8]s \(the last was answered 500\); endpoint ` + "`legacy` closed until 00:01:00 UTC by its circuit breaker", nil},
		"running": {func(f *fixture) queue.ID {
			id := f.submit(`{"payload":1}`)
			f.lease("legacy")
			return id
		}, queue.CauseRunning, "^attempt 1 of 4 is running with worker `test` since 00:00:00 UTC$", func(t *testing.T, e client.Explanation) {
			want(t, e.Worker, "test")
			want(t, time.Until(*e.Until), time.Hour)
		}},
		"being aborted": {func(f *fixture) queue.ID {
			id := f.submit(`{"payload":1}`)
			f.lease("legacy")
			f.call("DELETE", "/api/v1/requests/"+id.String(), "").wants(202)
			return id
		}, queue.CauseAborting, "^its cancellation was requested, and worker `test` is aborting the call$", nil},
		"done": {func(f *fixture) queue.ID { return f.finish(answered(404, "no")) },
			queue.CauseDone, "^completed at 00:00:00 UTC after 1 attempt with status 404$", nil},
		"dead": {func(f *fixture) queue.ID { return f.finish(answered(500, "no")) },
			queue.CauseDead, `^failed at 00:00:00 UTC after 1 attempt: endpoint_error \(the endpoint answered 500\); .openhqm dead redrive [0-9a-f-]{36}. puts it back$`,
			func(t *testing.T, e client.Explanation) { want(t, e.Reason, "endpoint_error") }},
		"cancelled": {func(f *fixture) queue.ID {
			id := f.submit(`{"payload":1}`)
			f.call("DELETE", "/api/v1/requests/"+id.String(), "").wants(200)
			return id
		}, queue.CauseCancelled, "^cancelled at 00:00:00 UTC$", nil},
		"expired": {func(f *fixture) queue.ID {
			id := f.submit(`{"payload":1,"metadata":{"method":"PUT"}}`)
			f.settle(f.lease("legacy"), answered(500, "no"))
			time.Sleep(25 * time.Hour)
			return id
		}, queue.CauseExpired, `^timed out at 2000-01-02 00:00:00 UTC: its deadline passed after 1 attempt; the endpoint may have been reached$|^timed out at 00:00:00 UTC: its deadline passed after 1 attempt; the endpoint may have been reached$`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(s *setup) { s.policy = retry })
				id := c.arrange(f)
				synctest.Wait()
				var e client.Explanation
				f.operate("GET", "/api/v1/messages/"+id.String()+"/explain", "").wants(200).into(&e)
				want(t, e.Cause, string(c.cause))
				want(t, e.CorrelationID, id.String())
				want(t, e.Status, f.record(id).Status())
				if !regexp.MustCompile(c.sentence).MatchString(e.Sentence) {
					t.Errorf("explanation %q, want %s", e.Sentence, c.sentence)
				}
				if c.check != nil {
					c.check(t, e)
				}
			})
		})
	}
	f := newFixture(t)
	f.operate("GET", "/api/v1/messages/"+queue.NewID(1, time.Now()).String()+"/explain", "").wants(404)
}

func TestExplainNamesEveryHold(t *testing.T) {
	sentences := map[queue.HoldReason]string{
		queue.HoldPaused:          "queue `legacy` paused until 00:02:00 UTC by an operator (as planned)",
		queue.HoldOperator:        "endpoint `legacy` held until 00:02:00 UTC by an operator (as planned)",
		queue.HoldCooldown:        "endpoint `legacy` closed until 00:02:00 UTC by its Retry-After (as planned)",
		queue.HoldBreaker:         "endpoint `legacy` closed until 00:02:00 UTC by its circuit breaker: too many calls failed (as planned)",
		queue.HoldEndpointMissing: "endpoint `legacy` is missing in the configuration (as planned)",
		queue.HoldAuth:            "endpoint `legacy` held until 00:02:00 UTC: it refused the configured credentials (as planned)",
		queue.HoldMaintenance:     "endpoint `legacy` closed until 00:02:00 UTC by its maintenance window (as planned)",
		queue.HoldDisk:            "endpoint `legacy` waits for room for its answers on the disk of the store (as planned)",
	}
	for _, reason := range queue.HoldReasons() {
		t.Run(string(reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.gate(queue.GateChange{Hold: []queue.HoldChange{{Reason: reason, For: 2 * time.Minute, Note: "as planned"}}})
				id := f.submit(`{"payload":1}`)
				var e client.Explanation
				f.operate("GET", "/api/v1/messages/"+id.String()+"/explain", "").wants(200).into(&e)
				want(t, e.Cause, "closed")
				want(t, e.Sentence, "position 1 of `legacy`; "+sentences[reason])
				want(t, time.Until(*e.Until), 2*time.Minute)
				want(t, e.Holds[0].Reason, string(reason))
				e = client.Explanation{}
				f.operate("GET", "/api/v1/queues/legacy/explain", "").wants(200).into(&e)
				want(t, e.Cause, "closed")
				want(t, e.Sentence, "1 wait in `legacy`, 0 running; "+sentences[reason])
				// One without an end of its own says none.
				f.gate(queue.GateChange{Hold: []queue.HoldChange{{Reason: reason}}})
				e = client.Explanation{}
				f.operate("GET", "/api/v1/queues/legacy/explain", "").wants(200).into(&e)
				want(t, e.Until == nil, true)
				want(t, strings.Contains(e.Sentence, "until"), false)
			})
		})
	}
}

func TestExplainSaysWhatAQueueWaitsFor(t *testing.T) {
	for name, c := range map[string]struct {
		arrange  func(f *fixture)
		cause    queue.Cause
		sentence string
	}{
		"nothing":   {func(f *fixture) { f.submit(`{"payload":1,"metadata":{"delay":60}}`) }, queue.CauseIdle, "nothing waits in `legacy`; 1 scheduled for later"},
		"it runs":   {func(f *fixture) { f.submit(`{"payload":1}`); f.lease("legacy") }, queue.CauseRunning, "nothing waits in `legacy`; 1 running"},
		"its turns": {func(f *fixture) { f.submit(`{"payload":1}`) }, queue.CauseTurn, "1 wait in `legacy`, 0 running; the next free worker takes the first of the queue"},
		"its number": {func(f *fixture) {
			f.gate(queue.GateChange{Limits: &queue.Limits{MaxLeased: 1}})
			f.submit(`{"payload":1}`)
			f.lease("legacy")
			f.submit(`{"payload":1}`)
		}, queue.CauseConcurrency, "1 wait in `legacy`, 1 running; limit of 1 at once reached"},
		"its rate": { // the estimate is of what waits now, and not as it was when last measured
			func(f *fixture) {
				f.gate(queue.GateChange{Limits: &queue.Limits{Rate: 5, Burst: 1}})
				for range 11 {
					f.submit(`{"payload":1}`)
				}
				f.lease("legacy")
			}, queue.CauseRate, "10 wait in `legacy`, 1 running; at most 5 start a second, so the last starts in about 2s"},
		"its keys": {func(f *fixture) {
			f.inLane(queue.OnDeadSkip)
			f.inLane(queue.OnDeadSkip)
			f.lease("legacy")
		}, queue.CauseLane, "1 wait in `legacy` behind others of their keys; 1 running"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				c.arrange(f)
				var e client.Explanation
				f.operate("GET", "/api/v1/queues/legacy/explain", "").wants(200).into(&e)
				want(t, e.Cause, string(c.cause))
				want(t, e.Sentence, c.sentence)
				want(t, e.Endpoint, "legacy")
				want(t, e.Rate, 0) // nothing has finished
			})
		})
	}
	f := newFixture(t)
	f.operate("GET", "/api/v1/queues/lagacy/explain", "").wants(404)
}
