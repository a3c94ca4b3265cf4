package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// due is a status with the times of a message.
type due struct {
	State       string     `json:"state"`
	NextAttempt *time.Time `json:"next_attempt_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	MayHaveRun  bool       `json:"may_have_run"`
}

func (s *server) due(t testing.TB, id string) (d due) {
	t.Helper()
	decode(t, send(t, s.address, get("/api/v1/status/"+id)), &d)
	return d
}

// submitted sends an envelope and returns its correlation ID.
func (s *server) submitted(t testing.TB, envelope string, fields ...string) string {
	t.Helper()
	a := send(t, s.address, post("/api/v1/submit", envelope, append(fields, "Content-Type: application/json")...))
	if a.status != http.StatusAccepted {
		t.Fatalf("submit: status %d: %s", a.status, a.text())
	}
	return a.header.Get("OpenHQM-Correlation-Id")
}

func TestADelayedRequestIsNeverEarly(t *testing.T) {
	t.Parallel()
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	options := []option{endpoint(r.URL()), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	const delay = 4 * time.Second
	began := time.Now()
	at := began.Add(delay).UTC().Format(time.RFC3339Nano)
	ids := []string{
		s.enqueue(t, post("/1", "x", "OpenHQM-Delay: 4")),
		s.enqueue(t, post("/2", "x", "OpenHQM-Not-Before: "+at)),
		s.submitted(t, `{"payload":1,"metadata":{"path":"/3","delay":"4s"}}`),
		s.submitted(t, `{"payload":1,"metadata":{"path":"/4","not_before":"`+at+`","delay":1}}`),
	}
	far := s.enqueue(t, post("/far", "x", "OpenHQM-Delay: 1h"))
	got := send(t, s.address, post("/held", "x", "OpenHQM-Delay: 1h")) // nobody is held for what is not due
	if got.status != http.StatusAccepted {
		t.Errorf("status %d: %s", got.status, got.text())
	}
	for _, id := range ids {
		if d := s.due(t, id); time.Since(began) < delay && (d.State != "scheduled" || d.NextAttempt == nil || d.NextAttempt.Sub(began) < delay-time.Millisecond) {
			t.Errorf("waiting for its time: %+v", d)
		}
	}
	s.kill(t)
	s = serve(t, options...)
	for _, id := range ids {
		if final := s.settled(t, id); final.Status != "COMPLETED" || final.Attempts != 1 {
			t.Errorf("ended %+v", final)
		}
	}
	arrivals := r.Arrivals()
	if len(arrivals) != len(ids) {
		t.Errorf("%d arrivals: %s", len(arrivals), targetsOf(arrivals))
	}
	for _, a := range arrivals {
		if early := delay - a.At.Sub(began); early > 0 {
			t.Errorf("%s came %v early", a.Target(), early)
		}
	}
	if d := s.due(t, far); d.State != "scheduled" {
		t.Errorf("an hour away: %+v", d)
	}
}

func TestARequestThatWaitsBeyondItsDeadlineEndsTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		if a.Target() == "/first" {
			return append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "in the end", fixedDate)...)
		}
		return recorder.Answer(200, "ok", fixedDate)
	})
	options := []option{endpoint(r.URL()), setting("WORKER__CONCURRENCY", "1"), setting("WORKER__LEASE", "2s"), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	// Its deadline passes while it runs: the call goes on, and its answer counts.
	running := s.enqueue(t, post("/first", "x", "OpenHQM-Max-Age: 500ms"))
	waitArrivals(t, r, 1)
	soon := func() string { return time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano) }
	late := []string{
		s.enqueue(t, post("/late", "x", "OpenHQM-Max-Age: 1")),
		s.enqueue(t, post("/late", "x", "OpenHQM-Deadline: "+soon())),
		s.submitted(t, `{"payload":1,"metadata":{"path":"/late","max_age":"1s"}}`),
		s.submitted(t, `{"payload":1,"metadata":{"path":"/late","deadline":"`+soon()+`"}}`),
		s.submitted(t, `{"payload":1,"metadata":{"path":"/late"}}`, "OpenHQM-Max-Age: 1s"),
	}
	if d := s.due(t, late[0]); d.ExpiresAt == nil || time.Until(*d.ExpiresAt) > time.Second {
		t.Errorf("waiting with a deadline: %+v", d)
	}
	held := send(t, s.address, post("/late", "x", "OpenHQM-Max-Age: 1")) // is held, and told
	wantProblem(t, held, http.StatusGatewayTimeout)
	for _, id := range late {
		if got := s.settled(t, id); got.Status != "TIMEOUT" || got.Deliveries != 0 {
			t.Errorf("ended %+v, want TIMEOUT, never sent", got)
		}
		if d := s.due(t, id); d.MayHaveRun {
			t.Error("it may have run, says its status, and it was never sent")
		}
		wantProblem(t, s.replay(t, id), http.StatusGatewayTimeout)
	}
	close(release)
	if got := s.settled(t, running); got.Status != "COMPLETED" {
		t.Errorf("what ran when its deadline passed ended %+v, want its answer", got)
	}
	if a := s.replay(t, running); string(a.body) != "in the end" {
		t.Errorf("its answer is %d %s", a.status, a.text())
	}
	wantProblem(t, send(t, s.address, post("/late", "x", "OpenHQM-Deadline: 2020-01-01T00:00:00Z")), http.StatusBadRequest, "OpenHQM-Deadline", "later")
	before := len(r.Arrivals())
	if out, code := s.cli(t, "queue", "pause", "default"); code != 0 {
		t.Fatalf("pause ended %d: %s", code, out)
	}
	paused := s.enqueue(t, post("/late", "x", "OpenHQM-Max-Age: 1")) // its time passes while the process is down
	s.kill(t)
	time.Sleep(1200 * time.Millisecond)
	s = serve(t, options...)
	if got := s.settled(t, paused); got.Status != "TIMEOUT" {
		t.Errorf("over a restart: %+v", got)
	}
	if out, code := s.cli(t, "queue", "resume", "default"); code != 0 {
		t.Fatalf("resume ended %d: %s", code, out)
	}
	s.settled(t, s.enqueue(t, post("/after", "x")))
	if arrivals := r.Arrivals(); len(arrivals) != before+1 {
		t.Errorf("what had ended was sent: %s", targetsOf(arrivals[before:]))
	}
}

func TestARetryBeyondItsDeadlineEndsTimeoutAndMayHaveRun(t *testing.T) {
	t.Parallel()
	r := record(t, recorder.Always(recorder.Answer(503, "busy", fixedDate)))
	s := serve(t, limited(r.URL(), "breaker: {failures: 0}"), setting("WORKER__RETRY_DELAY_BASE", "100ms"),
		setting("WORKER__RETRY_DELAY_MAX", "200ms"), setting("WORKER__MAX_RETRIES", "1000"))
	id := s.enqueue(t, request{method: "PUT", target: "/x", body: "x", fields: []string{"OpenHQM-Max-Age: 1500ms"}})
	if got := s.settled(t, id); got.Status != "TIMEOUT" || got.Attempts < 2 {
		t.Errorf("ended %+v, want TIMEOUT after some attempts", got)
	}
	if d := s.due(t, id); !d.MayHaveRun {
		t.Error("it was sent, and its status does not say that it may have run")
	}
	arrived := len(r.Arrivals())
	s.settled(t, s.enqueue(t, request{method: "PUT", target: "/other", body: "x", fields: []string{"OpenHQM-Max-Age: 500ms"}}))
	for _, a := range r.Arrivals()[arrived:] {
		if a.Target() == "/x" {
			t.Error("it was sent after its end")
		}
	}
}

func TestAResultIsKeptFromItsCompletionNotFromItsSubmit(t *testing.T) {
	t.Parallel()
	r := record(t, recorder.Always(recorder.Answer(200, "kept", fixedDate)))
	s := serve(t, endpoint(r.URL()), setting("CACHE__TTL_SECONDS", "3"))
	const delay = 5 * time.Second
	began := time.Now()
	id := s.enqueue(t, post("/x", "x", "OpenHQM-Delay: 5")) // waits longer than results are kept
	for time.Since(began) < delay-time.Second {
		if got := s.status(t, id); got.Status != "PENDING" {
			t.Fatalf("after %v: %+v", time.Since(began), got)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if got := s.settled(t, id); got.Status != "COMPLETED" {
		t.Fatalf("ended %+v", got)
	}
	completed := time.Now()
	var until struct {
		At   time.Time `json:"readable_until"`
		Done time.Time `json:"completed_at"`
	}
	decode(t, send(t, s.address, get("/api/v1/status/"+id)), &until)
	if kept := until.At.Sub(until.Done); kept != 3*time.Second {
		t.Errorf("kept for %v after completion, want 3s", kept)
	}
	for time.Since(completed) < 2*time.Second {
		if a := s.replay(t, id); a.status != http.StatusOK && time.Since(completed) < 2*time.Second {
			t.Errorf("%v after completion: status %d", time.Since(completed), a.status)
		}
		time.Sleep(200 * time.Millisecond)
	}
	eventually(t, 30*time.Second, func() error {
		if a := s.replay(t, id); a.status != http.StatusGone {
			return fmt.Errorf("status %d", a.status)
		}
		return nil
	})
}
