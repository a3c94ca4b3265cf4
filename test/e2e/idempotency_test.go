package e2e

import (
	"net/http"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// TestAKeySurvivesAKill repeats keyed requests while the first waits, while it
// runs, when it has ended, and after kills in between.
func TestAKeySurvivesAKill(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		if a.Target() == "/pay?order=1" {
			return append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(201, "paid", fixedDate)...)
		}
		return recorder.Answer(200, "ok", fixedDate)
	})
	options := []option{dataIn(t.TempDir() + "/data"), setting("WORKER__LEASE", "2s"), limited(r.URL(), "honors_idempotency_key: true")}
	s := serve(t, options...)
	if out, code := s.cli(t, "queue", "pause", "app"); code != 0 {
		t.Fatalf("pause ended %d: %s", code, out)
	}
	pay := post("/pay?order=1", "42", `Idempotency-Key: "once"`)
	first := s.enqueue(t, pay)
	bare := post("/pay?order=1", "42", `Idempotency-Key: once`)
	again := func(when string) {
		t.Helper()
		for _, repeat := range []request{pay, bare} {
			if id := s.enqueue(t, repeat); id != first {
				t.Errorf("%s: a repeat is %s, want %s", when, id, first)
			}
		}
		for what, other := range map[string]request{
			"body":   post("/pay?order=1", "43", "Idempotency-Key: once"),
			"query":  post("/pay?order=2", "42", "Idempotency-Key: once"),
			"path":   post("/refund?order=1", "42", "Idempotency-Key: once"),
			"method": {method: "PUT", target: "/pay?order=1", body: "42", fields: []string{"Idempotency-Key: once"}},
		} {
			got := send(t, s.address, other.with("Prefer: respond-async"))
			if got.status != http.StatusUnprocessableEntity {
				t.Errorf("%s: another %s under the key: status %d: %s", when, what, got.status, got.text())
			}
		}
	}
	again("while it waits")
	s.kill(t)
	s = serve(t, options...)
	again("after a kill")
	if out, code := s.cli(t, "queue", "resume", "app"); code != 0 {
		t.Fatalf("resume ended %d: %s", code, out)
	}
	waitArrivals(t, r, 1)
	again("while it runs")
	s.kill(t)
	close(release)
	s = serve(t, options...)
	again("after a kill while it ran")
	if got := s.settled(t, first); got.Status != "COMPLETED" {
		t.Fatalf("ended %+v", got)
	}
	again("when it has ended")
	if got := send(t, s.address, pay); got.status != http.StatusCreated || string(got.body) != "paid" || got.header.Get("OpenHQM-Correlation-Id") != first {
		t.Errorf("a repeat that waits got %d %s, want the answer of the first", got.status, got.text())
	}
	s.kill(t)
	s = serve(t, options...)
	again("after another kill")
	for _, a := range r.Arrivals() {
		if a.Target() != "/pay?order=1" || string(a.Body) != "42" || a.Value("Idempotency-Key") == "" {
			t.Errorf("arrived: %s %s", a.Target(), a.Body)
		}
	}
	if n := len(r.Arrivals()); n != 2 {
		t.Errorf("%d arrivals, want one, and one more for the kill while it ran", n)
	}
}

func TestAKeyThatIsRequiredIsAskedFor(t *testing.T) {
	t.Parallel()
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, limited(r.URL(), "require_idempotency_key: true, caller_header: X-Tenant"))
	for _, sent := range []request{
		post("/pay", "42"), post("/pay", "42", "Prefer: respond-async"), post("/pay", "42", `Idempotency-Key: ""`),
		post("/pay", "42", "Accept: text/event-stream"), {method: "DELETE", target: "/pay"},
		post("/api/v1/submit", `{"payload":1}`, "Content-Type: application/json"),
	} {
		wantProblem(t, send(t, s.address, sent), http.StatusBadRequest, "Idempotency-Key is missing", "require_idempotency_key")
	}
	if n := len(r.Arrivals()); n != 0 {
		t.Fatalf("%d refused requests arrived", n)
	}
	if got := send(t, s.address, get("/balance")); got.status != http.StatusOK {
		t.Errorf("a safe request needs none: status %d: %s", got.status, got.text())
	}
	one := s.enqueue(t, post("/pay", "42", "Idempotency-Key: k", "X-Tenant: one"))
	two := s.enqueue(t, post("/pay", "42", "Idempotency-Key: k", "X-Tenant: two"))
	three := s.enqueue(t, post("/pay", "43", "Idempotency-Key: k", "X-Tenant: three"))
	if one == two || two == three || s.enqueue(t, post("/pay", "42", "Idempotency-Key: k", "X-Tenant: one")) != one {
		t.Error("a key is its caller's own")
	}
	for _, id := range []string{one, two, three} {
		s.settled(t, id)
	}
	if n := len(r.Arrivals()); n != 4 {
		t.Errorf("%d arrivals, want one of each caller, and the safe one", n)
	}
}
