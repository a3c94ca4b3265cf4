package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// TestWorkWaitsForMaintenanceAcrossAKill: what is queued for an endpoint in maintenance waits, also after the process was killed,
// says why, and is judged by the endpoint's rules once the window is taken away.
func TestWorkWaitsForMaintenanceAcrossAKill(t *testing.T) {
	r, err := recorder.Start(recorder.Always(recorder.Answer(200, "<Envelope><Fault>no</Fault></Envelope>", "Content-Type: text/xml")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	from := time.Now().UTC().Add(-time.Hour)
	window := fmt.Sprintf("maintenance: [{from: '%s', to: '%s', timezone: UTC}]", from.Format("15:04"), from.Add(3*time.Hour).Format("15:04"))
	yaml := func(more string) option {
		return configured(fmt.Sprintf("proxy: {endpoints: {soap: {url: '%s', rules: [{body_regex: '<Fault>', then: fail}], %s}}}", r.URL(), more))
	}
	s := serve(t, yaml(window))
	id := s.enqueue(t, post("/order", "x"))
	if got := send(t, s.address, get("/page")); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("a call that passes through in maintenance: %+v", got)
	}
	s.kill(t)

	s = serve(t, yaml(window), dataIn(s.dir))
	if out, code := s.cli(t, "explain", id); code != 0 || !strings.Contains(out, "by its maintenance window") {
		t.Errorf("openhqm explain: %d %s", code, out)
	}
	if n := len(r.Arrivals()); n != 0 {
		t.Errorf("%d arrivals in maintenance", n)
	}
	s.stop(t)

	s = serve(t, yaml("max_retries: 1"), dataIn(s.dir))
	if final := s.settled(t, id); final.Status != "FAILED" || final.Attempts != 1 {
		t.Errorf("a fault in a 200 ended %+v", final)
	}
	if out, _ := s.cli(t, "explain", id); !strings.Contains(out, "endpoint_error") || !strings.Contains(out, "rule 1") {
		t.Errorf("openhqm explain: %s", out)
	}
}
