package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// waitArrivals blocks until n requests have arrived.
func waitArrivals(t testing.TB, r *recorder.Recorder, n int) []recorder.Arrival {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), exchangeTimeout)
	defer cancel()
	arrivals, err := r.Wait(ctx, n)
	if err != nil {
		t.Fatalf("%d of %d requests arrived: %v", len(arrivals), n, err)
	}
	return arrivals
}

// cuts are ways in which an answer stays incomplete after the request was read.
var cuts = map[string]recorder.Reply{
	"closed without a byte":   nil,
	"reset":                   {recorder.Reset()},
	"half a status line":      {recorder.Write([]byte("HTTP/1.1 20")), recorder.Close()},
	"half the fields":         {recorder.Write([]byte("HTTP/1.1 200 OK\r\nX-A: 1\r\n")), recorder.Close()},
	"half a body":             {recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")), recorder.Close()},
	"half a body, then reset": {recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")), recorder.Delay(50 * time.Millisecond), recorder.Reset()},
	"half a chunk":            {recorder.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc")), recorder.Close()},
	"no last chunk":           {recorder.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")), recorder.Close()},
	"not HTTP":                {recorder.Write([]byte("SSH-2.0-x\r\n")), recorder.Close()},
	"two lengths":             {recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")), recorder.Close()},
}

func TestACutAnswerToAnUnsafeRequestIsNeverSentAgain(t *testing.T) {
	for name, reply := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(t, recorder.Always(reply))
			s := serve(t, endpoint(r.URL()), setting("WORKER__RETRY_DELAY_BASE", "10ms"))
			got, final := s.through(t, post("/order", "one", "Idempotency-Key: \"k\""))
			if final.Status != "FAILED" || final.Reason != "unknown_outcome" {
				t.Errorf("ended %s %q, want FAILED unknown_outcome", final.Status, final.Reason)
			}
			if got.status != http.StatusGatewayTimeout && got.status != http.StatusBadGateway {
				t.Errorf("raw answer %d, want 504 or 502: %s", got.status, got.text())
			}
			if arrived := len(r.Arrivals()); arrived != 1 {
				t.Errorf("arrived %d times, want once", arrived)
			}
		})
	}
}

func TestACutAnswerToASafeRequestIsRetriedUntilItIsWhole(t *testing.T) {
	for name, reply := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(t, recorder.Sequence(reply, reply, recorder.Answer(200, "whole", fixedDate)))
			s := serve(t, endpoint(r.URL()), setting("WORKER__RETRY_DELAY_BASE", "10ms"))
			got, final := s.through(t, request{method: "PUT", target: "/x", body: "again"})
			if final.Status != "COMPLETED" || final.Attempts != 3 || string(got.body) != "whole" {
				t.Errorf("ended %s %q after %d attempts with %q", final.Status, final.Reason, final.Attempts, got.body)
			}
			for _, arrival := range r.Arrivals() {
				if string(arrival.Body) != "again" {
					t.Errorf("an attempt sent the body %q", arrival.Body)
				}
			}
		})
	}
}

func TestAnEmptyPostWithAnIdempotencyKeyIsSentOnceOverAReusedConnection(t *testing.T) {
	// Go's transport repeats such a request by itself when a kept connection
	// breaks, unless it is prevented.
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		if a.Target() == "/warm" {
			return recorder.Answer(200, "")
		}
		return recorder.Reply{recorder.Close()}
	})
	s := serve(t, endpoint(r.URL()))
	for _, key := range []string{"Idempotency-Key: \"k\"", "X-Idempotency-Key: k"} {
		s.through(t, post("/warm", "x"))
		before := len(r.Arrivals())
		_, final := s.through(t, post("/once", "", key))
		if arrived := len(r.Arrivals()) - before; arrived != 1 {
			t.Errorf("%s: arrived %d times", key, arrived)
		}
		if final.Reason != "unknown_outcome" {
			t.Errorf("%s: ended %s %q, want unknown_outcome", key, final.Status, final.Reason)
		}
	}
}

func TestARefusedConnectionCostsNoAttempt(t *testing.T) {
	address := freeAddress(t)
	s := serve(t, endpoint("http://"+address), setting("WORKER__MAX_RETRIES", "0"), setting("WORKER__RETRY_DELAY_BASE", "50ms"), setting("WORKER__RETRY_DELAY_MAX", "200ms"))
	id := s.enqueue(t, post("/order", "x"))
	eventually(t, exchangeTimeout, func() error {
		if got := s.status(t, id); got.Deliveries < 3 {
			return fmt.Errorf("%d deliveries", got.Deliveries)
		}
		return nil
	})
	if got := s.status(t, id); got.Attempts != 0 || got.terminal() {
		t.Errorf("while the app is down: %+v, want no attempt counted and not the end", got)
	}
	r, err := recorder.StartAt(address, recorder.Always(recorder.Answer(200, "up", fixedDate)))
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	t.Cleanup(func() { r.Close() })
	if final := s.settled(t, id); final.Status != "COMPLETED" || final.Attempts != 1 {
		t.Errorf("after the app came up: %+v, want COMPLETED in one attempt", final)
	}
}

func TestAnAnswerBeyondTheLimitIsFlagged(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, strings.Repeat("x", 3000), fixedDate)))
	s := serve(t, endpoint(r.URL()), setting("PROXY__MAX_RESPONSE_SIZE", "2000"))
	got, final := s.through(t, post("/big", "x"))
	if !final.terminal() {
		t.Fatalf("ended %+v", final)
	}
	problem := wantProblem(t, got, http.StatusBadGateway)
	mentions(t, problem.Detail, "partial")
	id := s.enqueue(t, post("/big", "x"))
	s.settled(t, id)
	partial := send(t, s.address, get("/api/v1/response/"+id+"/raw?partial=1"))
	if partial.status != 200 || string(partial.body) != strings.Repeat("x", 2000) {
		t.Errorf("?partial=1: status %d, %d bytes, want 200 and the first 2000", partial.status, len(partial.body))
	}
}

func TestASlowAnswerIsCutAtTheEndpointsTimeout(t *testing.T) {
	r := record(t, recorder.Always(recorder.Reply{
		recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")),
		recorder.Delay(time.Hour),
	}))
	s := serve(t, endpoint(r.URL()), setting("WORKER__TIMEOUT_SECONDS", "500ms"))
	began := time.Now()
	_, final := s.through(t, post("/slow", "x"))
	if final.Reason != "unknown_outcome" {
		t.Errorf("ended %s %q, want unknown_outcome", final.Status, final.Reason)
	}
	if took := time.Since(began); took < 500*time.Millisecond || took > 20*time.Second {
		t.Errorf("took %v, want soon after the timeout of 500 ms", took)
	}
}

func TestAcceptedWorkSurvivesAKillAndAnUnsafeCallIsNotRepeated(t *testing.T) {
	release := make(chan struct{})
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		if strings.HasPrefix(a.Target(), "/hang") {
			return append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "late")...)
		}
		return recorder.Answer(200, "done "+a.Target(), fixedDate)
	})
	options := []option{endpoint(r.URL()), setting("WORKER__LEASE", "1s"), setting("WORKER__CONCURRENCY", "2"), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	unsafe := s.enqueue(t, post("/hang/unsafe", "x"))
	safe := s.enqueue(t, request{method: "PUT", target: "/hang/safe", body: "x"})
	waitArrivals(t, r, 2)
	waiting := s.enqueue(t, post("/waiting", "x"))
	s.kill(t)

	s = serve(t, options...)
	if got := s.settled(t, unsafe); got.Status != "FAILED" || got.Reason != "unknown_outcome" {
		t.Errorf("the unsafe call in flight ended %s %q, want FAILED unknown_outcome", got.Status, got.Reason)
	}
	close(release)
	for id, what := range map[string]string{safe: "the safe call in flight", waiting: "the one that waited"} {
		if got := s.settled(t, id); got.Status != "COMPLETED" {
			t.Errorf("%s ended %s %q, want COMPLETED", what, got.Status, got.Reason)
		}
	}
	count := map[string]int{}
	for _, arrival := range r.Arrivals() {
		count[arrival.Target()]++
	}
	if count["/hang/unsafe"] != 1 || count["/waiting"] != 1 || count["/hang/safe"] != 2 {
		t.Errorf("arrivals by target: %v", count)
	}
}

func TestASecondSignalEndsTheProcessAtOnceAndLosesNothing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "done", fixedDate)...)))
	options := []option{endpoint(r.URL()), setting("WORKER__CONCURRENCY", "1"), setting("WORKER__LEASE", "2s"),
		setting("WORKER__GRACE", "10m"), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	running := s.enqueue(t, request{method: "PUT", target: "/running", body: "x"})
	waitArrivals(t, r, 1)
	waiting := s.enqueue(t, post("/waiting", "x"))
	s.signal(t, terminate)
	eventually(t, exchangeTimeout, func() error {
		if !strings.Contains(s.out.String(), "second signal") {
			return fmt.Errorf("it does not drain yet")
		}
		return nil
	})
	s.signal(t, terminate)
	if code := s.exit(t, 10*time.Second); code == 0 {
		t.Error("exit code 0, although calls were cut")
	}
	close(release)
	s = serve(t, options...)
	for _, id := range []string{running, waiting} {
		if got := s.settled(t, id); got.Status != "COMPLETED" {
			t.Errorf("%s ended %+v", id, got)
		}
	}
}

func TestSIGTERMLetsTheRunningCallFinishAndKeepsTheRest(t *testing.T) {
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "done", fixedDate)...)))
	options := []option{endpoint(r.URL()), setting("WORKER__CONCURRENCY", "1"), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	running := s.enqueue(t, post("/running", "x"))
	waitArrivals(t, r, 1)
	waiting := s.enqueue(t, post("/waiting", "x"))
	s.signal(t, terminate)
	time.AfterFunc(300*time.Millisecond, func() { close(release) })
	if code := s.exit(t, 60*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}

	s = serve(t, options...)
	for _, id := range []string{running, waiting} {
		if got := s.settled(t, id); got.Status != "COMPLETED" || got.Attempts != 1 {
			t.Errorf("%s ended %+v, want COMPLETED in one attempt", id, got)
		}
	}
	if arrived := len(r.Arrivals()); arrived != 2 {
		t.Errorf("%d arrivals, want each request once", arrived)
	}
}
