package api_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/queue"
)

// serveProducer serves the producers' calls on loopback.
func serveProducer(t *testing.T, f *fixture) string {
	t.Helper()
	server := httptest.NewServer(ingress.Server(f.producer, 0, slog.New(slog.DiscardHandler)).Handler)
	t.Cleanup(server.Close)
	return server.URL
}

func (f *fixture) status(id queue.ID) client.Status {
	f.t.Helper()
	var s client.Status
	f.call("GET", "/api/v1/status/"+id.String(), "").wants(http.StatusOK).into(&s)
	return s
}

func TestStatusTellsTheWholeLife(t *testing.T) {
	f := newFixture(t)
	first := f.submit(`{"payload":1,"metadata":{"priority":3}}`)
	second := f.submit(`{"payload":2}`)

	s := f.status(second)
	want(t, s.Status, client.Pending)
	want(t, s.State, "ready")
	want(t, s.Position, 2)
	want(t, s.Endpoint, "legacy")
	want(t, f.status(first).Priority, 3)
	if s.ExpiresAt == nil || s.CompletedAt != nil || s.SubmittedAt.IsZero() || s.UpdatedAt.IsZero() {
		t.Errorf("times %+v", s)
	}

	d := f.lease("legacy")
	s = f.status(first)
	want(t, s.Status, client.Processing)
	want(t, s.Deliveries, 1)
	want(t, s.Attempts, 0)
	want(t, s.Position, 0)

	f.settle(d, queue.Outcome{Class: queue.NotSent, Err: errors.New("connection refused")})
	s = f.status(first)
	want(t, s.Status, client.Pending)
	want(t, s.State, "scheduled")
	want(t, s.Error, "connection refused")
	if s.NextAttempt == nil {
		t.Error("no next_attempt_at while scheduled")
	}

	f.settle(f.lease("legacy"), answered(201, "{}"))
	s = f.status(second)
	want(t, s.Status, client.Completed)
	want(t, s.StatusCode, 201)
	want(t, s.Attempts, 1)
	want(t, s.Error, "")
	if s.CompletedAt == nil || s.RemovedAt == nil || s.RemovedAt.Sub(*s.CompletedAt) != 24*time.Hour {
		t.Errorf("completed %v, readable until %v; want a day between", s.CompletedAt, s.RemovedAt)
	}
}

func TestStatusOfAFailedRequestIs200(t *testing.T) {
	f := newFixture(t)
	id := f.finish(answered(500, "broken"))
	s := f.status(id)
	want(t, s.Status, client.Failed)
	want(t, s.Reason, "endpoint_error")
	want(t, s.StatusCode, 500)
	want(t, s.Terminal(), true)
}

func TestStatusSaysWhatKeepsAQueueClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		id := f.submit(`{"payload":1}`)
		f.operate("POST", "/api/v1/queues/legacy/pause", "").wants(200)
		time.Sleep(3 * time.Second) // the broker measures each second
		s := f.status(id)
		want(t, s.ClosedBy, "paused")
		want(t, s.StartsAt == nil, true)
	})
}

func TestStatusEstimatesTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		_, err := f.broker.SetGate(t.Context(), "legacy", queue.GateChange{Limits: &queue.Limits{Rate: 0.5}})
		want(t, err, nil)
		for range 4 {
			f.submit(`{"payload":1}`)
		}
		id := f.submit(`{"payload":1}`)
		time.Sleep(3 * time.Second)
		s := f.status(id)
		want(t, s.Position, 5)
		if s.StartsAt == nil || time.Until(*s.StartsAt).Round(time.Second) != 8*time.Second {
			t.Errorf("estimated start %v at %v, want four messages at one in two seconds", s.StartsAt, time.Now())
		}
	})
}

func TestAnEstimateBeginsAfterTheHoldHoweverLongNothingMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for range 2 { // the second time the queue has been measured before, and has a rate
			f.finish(answered(200, "{}"))
			time.Sleep(1500 * time.Millisecond)
		}
		id := f.submit(`{"payload":1}`)
		time.Sleep(10 * time.Minute) // the measured rate is next to nothing by now
		f.operate("POST", "/api/v1/queues/legacy/pause", `{"seconds": 3600}`).wants(200)
		time.Sleep(2 * time.Second)
		s := f.status(id)
		want(t, s.ClosedBy, "paused")
		if s.StartsAt == nil || time.Until(*s.StartsAt) < 59*time.Minute {
			t.Errorf("estimated start %v at %v, want it after the pause of an hour", s.StartsAt, time.Now())
		}
	})
}

func TestUnknownAndRemovedIDs(t *testing.T) {
	f := newFixture(t)
	unknown := queue.NewID(1, time.Now()).String()
	removed := queue.NewID(1, time.Now().Add(-48*time.Hour)).String()
	for _, path := range []string{"/status/ID", "/response/ID", "/response/ID/raw", "/events/ID"} {
		a := f.call("GET", "/api/v1"+strings.Replace(path, "ID", unknown, 1), "").wants(404)
		want(t, a.problem("not-found")["correlation_id"], any(unknown))
		f.call("GET", "/api/v1"+strings.Replace(path, "ID", removed, 1), "").wants(410).problem("gone")
	}
	f.call("DELETE", "/api/v1/requests/"+unknown, "").wants(404).problem("not-found")
}

// later runs a call in the background; the channel gives its answer.
func (f *fixture) later(target string, fields ...string) <-chan answer {
	done := make(chan answer, 1)
	go func() { done <- f.call("GET", target, "", fields...) }()
	return done
}

func TestWaitingCallsAnswerWhenTheMessageIsFinished(t *testing.T) {
	for _, path := range []string{"/status/ID", "/response/ID", "/response/ID/raw"} {
		for _, ask := range [][]string{{"?wait=30s"}, {"?wait=30"}, {"", "Prefer", "wait=30"}} {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				id := f.submit(`{"payload":1}`)
				began := time.Now()
				done := f.later("/api/v1"+strings.Replace(path, "ID", id.String(), 1)+ask[0], ask[1:]...)
				time.Sleep(5 * time.Second)
				d := f.lease("legacy")
				time.Sleep(5 * time.Second)
				f.settle(d, answered(200, "{}"))
				a := (<-done).wants(200)
				want(t, time.Since(began), 10*time.Second)
				want(t, a.Header().Get("OpenHQM-State"), client.Completed)
				applied := ""
				if len(ask) > 1 {
					applied = "wait=30"
				}
				want(t, a.Header().Get("Preference-Applied"), applied)
			})
		}
	}
}

func TestWaitEndsWithTheStatusAsItIs(t *testing.T) {
	for ask, waited := range map[string]time.Duration{"": 0, "?wait=0": 0, "?wait=2.5": 2500 * time.Millisecond, "?wait=1m": time.Minute, "?wait=10m": time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			id := f.submit(`{"payload":1}`)
			f.lease("legacy")
			began := time.Now()
			var s client.Status
			f.call("GET", "/api/v1/status/"+id.String()+ask, "").wants(200).into(&s)
			want(t, s.Status, client.Processing)
			want(t, time.Since(began), waited)
		})
	}
}

// RFC 7240 3: Preference-Applied names what was honoured, and a wait that was shortened was not.
func TestAPreferredWaitIsAppliedOnlyAsItWasAsked(t *testing.T) {
	for ask, want := range map[string]struct {
		waited  time.Duration
		applied string
	}{"wait=0": {0, "wait=0"}, "wait=5": {5 * time.Second, "wait=5"}, "wait=60": {client.MaxWait, "wait=60"}, "wait=3600": {client.MaxWait, ""}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			id := f.submit(`{"payload":1}`)
			began := time.Now()
			a := f.call("GET", "/api/v1/status/"+id.String(), "", "Prefer", ask).wants(200)
			if took, applied := time.Since(began), a.Header().Get("Preference-Applied"); took != want.waited || applied != want.applied {
				t.Errorf("%s: after %s, applied %q; want %s, %q", ask, took, applied, want.waited, want.applied)
			}
		})
	}
}

func TestBadWaitIsRefused(t *testing.T) {
	f := newFixture(t)
	id := f.submit(`{"payload":1}`).String()
	for _, wait := range []string{"soon", "-1", "-1s", "1e99", "NaN"} {
		f.call("GET", "/api/v1/status/"+id+"?wait="+wait, "").wants(400).problem("bad-parameter")
	}
}

func TestCallsWithoutRoomToWaitAnswerAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(s *setup) { s.config.MaxWaiting = 1 })
		id := f.submit(`{"payload":1}`).String()
		waiting := f.later("/api/v1/status/" + id + "?wait=30")
		synctest.Wait()
		began := time.Now()
		f.call("GET", "/api/v1/status/"+id+"?wait=30", "").wants(200)
		a := f.call("GET", "/api/v1/status/"+id, "", "Prefer", "wait=30").wants(200)
		want(t, a.Header().Get("Preference-Applied"), "")
		f.call("GET", "/api/v1/events/"+id, "").wants(429).problem("too-many-requests")
		want(t, time.Since(began), 0)
		<-waiting
		f.call("GET", "/api/v1/status/"+id+"?wait=1", "").wants(200)
		want(t, time.Since(began), 31*time.Second)
	})
}

func TestDrainEndsWaitingCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		id := f.submit(`{"payload":1}`).String()
		calls := []<-chan answer{f.later("/api/v1/status/" + id + "?wait=30"), f.later("/api/v1/response/" + id + "/raw?wait=30"),
			f.later("/api/v1/events/" + id)}
		time.Sleep(time.Second)
		began := time.Now()
		f.producer.Drain()
		(<-calls[0]).wants(200)
		(<-calls[1]).wants(202)
		(<-calls[2]).wants(200)
		f.call("GET", "/api/v1/status/"+id+"?wait=30", "").wants(200)
		want(t, time.Since(began), 0)
	})
}

func TestCancel(t *testing.T) {
	f := newFixture(t)
	var s client.Status

	waiting := f.submit(`{"payload":1}`)
	f.call("DELETE", "/api/v1/requests/"+waiting.String(), "").wants(200).into(&s)
	want(t, s.Status, client.Cancelled)

	running := f.submit(`{"payload":2}`)
	d := f.lease("legacy")
	s = client.Status{}
	f.call("DELETE", "/api/v1/requests/"+running.String(), "").wants(202).into(&s)
	want(t, s.Status, client.Processing)
	want(t, s.Cancelling, true)
	f.settle(d, queue.Outcome{Class: queue.Unanswered, Err: queue.ErrCancelRequested})
	s = f.status(running)
	want(t, s.Status, client.Cancelled)
	want(t, s.MayHaveRun, true)

	finished := f.finish(answered(200, "{}"))
	p := f.call("DELETE", "/api/v1/requests/"+finished.String(), "").wants(409).problem("already-finished")
	want(t, p["message_status"], any(client.Completed))
	want(t, f.status(finished).Status, client.Completed)
}

func TestOnlyTheCallerReads(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.caller = func(r *http.Request) string { return r.Header.Get("X-Test-Caller") } })
	id := f.submit(`{"payload":1}`, "X-Test-Caller", "alice")
	want(t, f.record(id).Caller, "alice")
	for _, c := range [][2]string{{"GET", "/status/ID"}, {"GET", "/status/ID?wait=1"}, {"GET", "/response/ID"}, {"GET", "/response/ID/raw"},
		{"GET", "/events/ID"}, {"DELETE", "/requests/ID"}} {
		target := "/api/v1" + strings.Replace(c[1], "ID", id.String(), 1)
		f.call(c[0], target, "", "X-Test-Caller", "bob").wants(404).problem("not-found")
	}
	f.call("DELETE", "/api/v1/requests/"+id.String(), "", "X-Test-Caller", "alice").wants(200)
}
