package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
)

func TestAPausedIntakeRefusesSubmitsAndDeliversWhatIsThere(t *testing.T) {
	f := newFixture(t)
	first := f.submit(`{"payload":1}`, "Idempotency-Key", "once")
	var q client.Queue
	f.operate("POST", "/api/v1/queues/legacy/intake/pause", `{"seconds": 60, "note": "release 7"}`).wants(200).into(&q)
	want(t, len(q.Holds), 0)
	want(t, q.Intake.Note, "release 7")
	want(t, q.Intake.Until.Sub(q.Intake.Since).Round(time.Second), time.Minute)

	refused := f.call("POST", "/api/v1/submit", `{"payload":2}`).wants(503)
	want(t, strings.Contains(refused.problem("intake-paused")["detail"].(string), "(release 7); nothing was stored"), true)
	want(t, refused.Header().Get("Retry-After"), "60")
	want(t, f.submit(`{"payload":1}`, "Idempotency-Key", "once"), first)
	f.call("POST", "/api/v1/submit", `{"payload":2,"metadata":{"endpoint":"billing"}}`).wants(202)
	f.settle(f.lease("legacy"), answered(200, "ok"))

	var e client.Explanation
	f.operate("GET", "/api/v1/queues/legacy/explain", "").wants(200).into(&e)
	want(t, strings.Contains(e.Sentence, "; new requests get 503 until "), true)
	want(t, strings.HasSuffix(e.Sentence, ": an operator paused the intake (release 7)"), true)

	q = client.Queue{}
	f.operate("POST", "/api/v1/queues/legacy/intake/resume", "").wants(200).into(&q)
	want(t, q.Intake, nil)
	want(t, q.Counts.Accepted, 1)
	f.submit(`{"payload":2}`)
	f.operate("POST", "/api/v1/queues/legacy/intake/pause", `{"secs":1}`).wants(400).problem("bad-json")
	f.operate("POST", "/api/v1/queues/lagacy/intake/pause", "").wants(404)
	f.operate("POST", "/api/v1/queues/lagacy/intake/resume", "").wants(404)
}
