package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

func cancelled(id string) request {
	return request{method: "DELETE", target: "/api/v1/requests/" + id}
}

func TestWhatIsCancelledWhileItWaitsIsNeverSent(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "ok", fixedDate)...)))
	options := []option{endpoint(r.URL()), setting("WORKER__CONCURRENCY", "1"), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	running := s.enqueue(t, request{method: "PUT", target: "/running", body: "x"})
	waitArrivals(t, r, 1)
	ids := map[string]string{
		"ready":     s.enqueue(t, post("/ready", "x")),
		"scheduled": s.enqueue(t, post("/scheduled", "x", "OpenHQM-Delay: 1s")),
	}
	lane := s.enqueue(t, post("/lane", "x", "OpenHQM-Ordering-Key: k"))
	ids["parked"] = s.enqueue(t, post("/parked", "x", "OpenHQM-Ordering-Key: k"))
	for state, id := range ids {
		if d := s.due(t, id); d.State != state {
			t.Errorf("it is %s, want %s", d.State, state)
		}
		if got := send(t, s.address, cancelled(id)); got.status != http.StatusOK {
			t.Errorf("cancel of one that is %s: status %d: %s", state, got.status, got.text())
		}
	}
	s.kill(t)
	close(release)
	s = serve(t, options...)
	for _, id := range []string{running, lane, s.enqueue(t, post("/last", "x", "OpenHQM-Delay: 1500ms"))} {
		if got := s.settled(t, id); got.Status != "COMPLETED" {
			t.Errorf("another ended %+v", got)
		}
	}
	for state, id := range ids {
		if got := s.status(t, id); got.Status != "CANCELLED" || got.Deliveries != 0 {
			t.Errorf("cancelled while %s: %+v", state, got)
		}
		if s.due(t, id).MayHaveRun {
			t.Errorf("cancelled while %s: may have run", state)
		}
		wantProblem(t, s.replay(t, id), http.StatusConflict)
		wantProblem(t, send(t, s.address, cancelled(id)), http.StatusConflict)
	}
	for _, a := range r.Arrivals() {
		switch a.Target() {
		case "/running", "/lane", "/last":
		default:
			t.Errorf("%s arrived after it was cancelled", a.Target())
		}
	}
}

// TestALateAnswerDoesNotReviveWhatIsCancelled cancels a running call, a retry that
// waits, and a running call of a process that is then killed.
func TestALateAnswerDoesNotReviveWhatIsCancelled(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		switch a.Target() {
		case "/retried":
			return recorder.Answer(503, "again", fixedDate)
		case "/after":
			return recorder.Answer(200, "ok", fixedDate)
		}
		return append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "late", fixedDate)...)
	})
	options := []option{dataIn(t.TempDir() + "/data"), setting("WORKER__LEASE", "2s"), setting("WORKER__RETRY_DELAY_BASE", "20s"),
		setting("WORKER__RETRY_DELAY_MAX", "20s"), limited(r.URL(), "breaker: {failures: 0}")}
	s := serve(t, options...)
	running := s.enqueue(t, request{method: "PUT", target: "/running", body: "x"})
	retried := s.enqueue(t, request{method: "PUT", target: "/retried", body: "x"})
	waitArrivals(t, r, 2)
	got := send(t, s.address, cancelled(running))
	if got.status != http.StatusAccepted && got.status != http.StatusOK {
		t.Errorf("cancel of a running call: status %d: %s", got.status, got.text())
	}
	if got.status == http.StatusAccepted {
		mentions(t, got.text(), `"cancelling":true`, `"status":"PROCESSING"`)
	}
	began := time.Now()
	ended := func(id string) {
		t.Helper()
		if got := s.settled(t, id); got.Status != "CANCELLED" {
			t.Errorf("ended %+v, want CANCELLED", got)
		}
		if !s.due(t, id).MayHaveRun {
			t.Error("it was sent, and its status does not say that it may have run")
		}
		wantProblem(t, s.replay(t, id), http.StatusConflict)
	}
	ended(running)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the abort took %v while the endpoint hung", took)
	}
	eventually(t, exchangeTimeout, func() error {
		if got := send(t, s.address, cancelled(retried)); got.status != http.StatusOK && got.status != http.StatusConflict {
			return http.ErrNotSupported // the 503 is still on its way
		}
		return nil
	})
	ended(retried)
	killed := s.enqueue(t, request{method: "PUT", target: "/killed", body: "x"})
	waitArrivals(t, r, 3)
	send(t, s.address, cancelled(killed))
	s.kill(t)
	close(release) // the endpoint answers all of them now
	s = serve(t, options...)
	s.settled(t, s.enqueue(t, post("/after", "x")))
	for _, id := range []string{running, retried, killed} {
		ended(id)
	}
	count := map[string]int{}
	for _, a := range r.Arrivals() {
		count[a.Target()]++
	}
	if count["/running"] != 1 || count["/retried"] != 1 || count["/killed"] != 1 {
		t.Errorf("arrivals: %v, want each cancelled request once", count)
	}
}
