package e2e

import (
	"net/http"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// TestAPausedIntakeHoldsOverAKill pauses the intake of an endpoint's queue: whatever would be stored is refused, before and
// after a kill, while what was stored is delivered and calls that pass go on.
func TestAPausedIntakeHoldsOverAKill(t *testing.T) {
	t.Parallel()
	r := record(t, func(recorder.Arrival) recorder.Reply { return recorder.Answer(200, "ok", fixedDate) })
	options := []option{dataIn(t.TempDir() + "/data"), limited(r.URL(), "")}
	s := serve(t, options...)
	run := func(args ...string) {
		t.Helper()
		if out, code := s.cli(t, args...); code != 0 {
			t.Fatalf("%v ended %d: %s", args, code, out)
		}
	}
	run("queue", "pause", "app")
	there := s.enqueue(t, post("/orders", "1", "Idempotency-Key: one"))
	run("queue", "pause", "app", "--intake", "--note", "moving house")
	refuses := func(when string) {
		t.Helper()
		for what, refused := range map[string]request{
			"async":  post("/orders", "2", "Prefer: respond-async"),
			"held":   post("/orders", "2"),
			"large":  post("/orders", string(make([]byte, 200_000))),
			"submit": post("/api/v1/submit", `{"payload": 2}`, "Content-Type: application/json"),
		} {
			got := send(t, s.address, refused)
			if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
				t.Errorf("%s, %s: status %d, Retry-After %q: %s", when, what, got.status, got.header.Get("Retry-After"), got.text())
			}
			mentions(t, got.text(), "intake-paused", "moving house", "nothing was stored")
		}
		if id := s.enqueue(t, post("/orders", "1", "Idempotency-Key: one")); id != there {
			t.Errorf("%s: the repeat of what is there is %s, want %s", when, id, there)
		}
	}
	refuses("before the kill")
	s.kill(t)
	s = serve(t, options...)
	refuses("after the kill")
	run("queue", "resume", "app")
	if got := s.settled(t, there); got.Status != "COMPLETED" {
		t.Errorf("what was there is %s", got.Status)
	}
	if got := send(t, s.address, get("/orders")); got.status != http.StatusOK {
		t.Errorf("a call that passes got %d: %s", got.status, got.text())
	}
	run("queue", "resume", "app", "--intake")
	s.settled(t, s.enqueue(t, post("/orders", "3")))
	if accepted := s.metric(t, "openhqm_queue_accepted_total")[`openhqm_queue_accepted_total{queue_name="app"}`]; accepted != "2" {
		t.Errorf("%s were accepted, want 2: what was refused is not stored", accepted)
	}
}
