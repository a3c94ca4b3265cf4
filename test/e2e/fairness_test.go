package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// TestAKeyIsNeverCalledFasterThanItsRate lets two tenants send more than their rate allows, over a kill, and reads the endpoint's
// own log: no second holds more calls of one tenant than rate and burst.
func TestAKeyIsNeverCalledFasterThanItsRate(t *testing.T) {
	t.Parallel()
	const rate, burst, each = 10, 3, 25
	r := record(t, func(recorder.Arrival) recorder.Reply { return recorder.Answer(200, "ok", fixedDate) })
	options := []option{dataIn(t.TempDir() + "/data"), configured(fmt.Sprintf(`
proxy:
  endpoints:
    app: {url: %q, retry_unsafe: true}
routes:
  - {name: tenants, endpoint: app, mode: async, fairness: {header: X-Tenant-Id, rate: %d/s, burst: %d}}
`, r.URL(), rate, burst))}
	s := serve(t, options...)
	var ids []string
	for range each {
		for _, tenant := range []string{"a", "b"} {
			ids = append(ids, s.enqueue(t, post("/"+tenant, "x", "X-Tenant-Id: "+tenant)))
		}
	}
	waitArrivals(t, r, 20)
	s.kill(t)
	s = serve(t, options...)
	for _, id := range ids {
		if got := s.settled(t, id); got.Status != "COMPLETED" {
			t.Errorf("ended %s %q", got.Status, got.Reason)
		}
	}
	for _, tenant := range []string{"a", "b"} {
		var at []time.Time
		for _, a := range r.Arrivals() {
			if strings.HasPrefix(a.Target(), "/"+tenant) {
				at = append(at, a.At)
			}
		}
		slices.SortFunc(at, time.Time.Compare)
		if len(at) < each {
			t.Errorf("%d arrivals of tenant %s, want %d", len(at), tenant, each)
		}
		for i := range at {
			n := 0
			for _, other := range at[i:] {
				// A call that its process reads late makes the next second fuller: the window is a fiftieth shorter.
				if other.Sub(at[i]) < 980*time.Millisecond {
					n++
				}
			}
			if n > rate+burst {
				t.Errorf("%d calls of tenant %s in a second, want at most %d", n, tenant, rate+burst)
			}
		}
	}
}
