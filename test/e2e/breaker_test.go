package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// TestAnOpenBreakerSurvivesAKill opens a breaker, kills the process, and lets the endpoint come back: what waits stays
// waiting until the hold ends, and then one call goes first.
func TestAnOpenBreakerSurvivesAKill(t *testing.T) {
	const wait = 8 * time.Second
	address := freeAddress(t)
	yaml := configured(fmt.Sprintf("proxy: {default_endpoint: app, endpoints: {app: {url: 'http://%s', breaker: {wait: %s, wait_max: 1m}}}}", address, wait))
	s := serve(t, yaml, setting("WORKER__RETRY_DELAY_BASE", "10ms"))
	began := time.Now()
	var ids []string
	for range 6 {
		ids = append(ids, s.enqueue(t, post("/order", "x")))
	}
	const held, recovering = `openhqm_queue_holds{queue_name="app",reason="breaker"}`, `openhqm_queue_recovery_limit{queue_name="app"}`
	closed := func(s *server) error {
		if v := s.metric(t, "openhqm_queue_holds")[held]; v != "1" {
			return fmt.Errorf("the hold is %q", v)
		}
		if v := s.metric(t, "openhqm_queue_recovery_limit")[recovering]; v != "1" {
			return fmt.Errorf("recovery is %q", v)
		}
		return nil
	}
	eventually(t, wait/2, func() error { return closed(s) })
	if out, code := s.cli(t, "endpoint", "list"); code != 0 || !strings.Contains(out, "breaker until") {
		t.Errorf("openhqm endpoint list: %d %s", code, out)
	}
	s.kill(t)

	r, err := recorder.StartAt(address, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	s = serve(t, yaml, dataIn(s.dir), setting("WORKER__RETRY_DELAY_BASE", "10ms"))
	if time.Since(began) < wait { // else the machine was slow, and the hold may have ended
		if err := closed(s); err != nil && time.Since(began) < wait {
			t.Errorf("after the restart: %v", err)
		}
	}
	for _, id := range ids {
		if final := s.settled(t, id); final.Status != "COMPLETED" || final.Attempts != 1 {
			t.Errorf("ended %+v, want COMPLETED in one attempt", final)
		}
	}
	if first := r.Arrivals()[0].At.Sub(began); first < wait {
		t.Errorf("called after %v, the breaker is open for %v", first, wait)
	}
	if n := len(r.Arrivals()); n != len(ids) {
		t.Errorf("%d arrivals of %d messages", n, len(ids))
	}
}

// What an operator who releases an endpoint after its breaker is told: it opens, slowly.
func TestReleasingAnOpenBreakerSaysThatCallsBeginSlowly(t *testing.T) {
	address := freeAddress(t)
	s := serve(t, configured(fmt.Sprintf("proxy: {wait: 2s, endpoints: {app: {url: 'http://%s', breaker: {wait: 10m, wait_max: 10m}}}}", address)),
		setting("WORKER__RETRY_DELAY_BASE", "10ms"))
	var ids []string
	for range 6 {
		ids = append(ids, s.enqueue(t, post("/order", "x")))
	}
	eventually(t, exchangeTimeout, func() error {
		if out, _ := s.cli(t, "endpoint", "list"); !strings.Contains(out, "breaker until") {
			return fmt.Errorf("not closed: %s", out)
		}
		return nil
	})
	began := time.Now()
	refused := send(t, s.address, get("/page"))
	if took := time.Since(began); refused.status != 503 || refused.header.Get("Retry-After") == "" || took > time.Second {
		t.Errorf("passed through while the breaker is open: %d after %v, %s", refused.status, took, refused.text())
	}
	r, err := recorder.StartAt(address, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	if err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	t.Cleanup(func() { _ = r.Close() })
	out, code := s.cli(t, "endpoint", "release", "app")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	mentions(t, out, "endpoint app is open", "its breaker was open: it begins with 1 at once")
	for _, id := range ids {
		if final := s.settled(t, id); final.Status != "COMPLETED" {
			t.Errorf("ended %+v", final)
		}
	}
}
