package e2e

import (
	"net/http"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// twoEndpoints is a configuration with no default.
const twoEndpoints = `
proxy:
  enabled: true
  endpoints:
    orders: {url: "http://127.0.0.1:1"}
    payments: {url: "http://127.0.0.1:1"}
    hidden: {url: "http://127.0.0.1:1", selectable: false}
`

func TestAnUnknownEndpointIsRefusedWithTheNamesThatExist(t *testing.T) {
	s := serve(t, configured(twoEndpoints))
	for name, sent := range map[string]request{
		"none of several": post("/x", "x"),
		"by field":        post("/x", "x", "OpenHQM-Endpoint: oders"),
		"by submit":       post("/api/v1/submit", `{"payload": 1, "metadata": {"endpoint": "oders"}}`, "Content-Type: application/json"),
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, send(t, s.address, sent), http.StatusNotFound, "orders", "payments")
		})
	}
	t.Run("not selectable", func(t *testing.T) {
		if got := send(t, s.address, post("/x", "x", "OpenHQM-Endpoint: hidden")); got.status != http.StatusNotFound {
			t.Errorf("status %d, want 404: %s", got.status, got.text())
		}
	})
}

func TestAnUnknownIDIsNotFound(t *testing.T) {
	s := serve(t)
	const unknown = "01890a5d-ac96-774b-bcce-b302099a8057"
	for _, sent := range []request{
		get("/api/v1/status/" + unknown), get("/api/v1/response/" + unknown),
		get("/api/v1/response/" + unknown + "/raw"), get("/api/v1/events/" + unknown),
		{method: "DELETE", target: "/api/v1/requests/" + unknown},
	} {
		got := send(t, s.address, sent)
		// The time in that ID is long past any retention: it may have been.
		if got.status != http.StatusGone && got.status != http.StatusNotFound {
			t.Errorf("%s %s: status %d, want 404 or 410", sent.method, sent.target, got.status)
			continue
		}
		wantProblem(t, got, got.status, unknown)
	}
}

func TestAMalformedIDGoesToTheAppThatOwnsThePath(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(418, "mine", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	for _, target := range []string{"/api/v1/status/1", "/api/v1/response/not-an-id/raw", "/api/v1/submit/x", "/api/v1/", "/api/v1/status/01890a5d-ac96-774b-bcce-b302099a8057/x"} {
		if got := send(t, s.address, get(target)); got.status != 418 {
			t.Errorf("%s: status %d, want the app's 418: %s", target, got.status, got.text())
		}
	}
}

func TestABadSubmitIsRefusedWithTheReason(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	before := len(r.Arrivals())
	tests := []struct {
		name, body, mention string
	}{
		{"empty", ``, "JSON"},
		{"cut", `{"payload": {`, "JSON"},
		{"not JSON", `payload=1`, "JSON"},
		{"trailing", `{"payload": 1} {"payload": 2}`, "JSON"},
		{"not an object", `[1]`, "object"},
		{"no payload", `{"headers": {}}`, "payload"},
		{"fields that are no strings", `{"payload": 1, "headers": {"X-A": 1}}`, "headers"},
		{"a field with a line break", `{"payload": 1, "headers": {"X-A": "a\r\nX-B: b"}}`, "X-A"},
		{"a field name with a blank", `{"payload": 1, "headers": {"X A": "a"}}`, "headers/X%20A"},
		{"priority out of range", `{"payload": 1, "metadata": {"priority": 10}}`, "priority"},
		{"timeout of zero", `{"payload": 1, "metadata": {"timeout": 0}}`, "timeout"},
		{"method that is none", `{"payload": 1, "metadata": {"method": "GE T"}}`, "method"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, s.address, post("/api/v1/submit", test.body, "Content-Type: application/json"))
			if got.status != http.StatusBadRequest && got.status != http.StatusUnprocessableEntity {
				t.Fatalf("status %d, want 400 or 422: %s", got.status, got.text())
			}
			wantProblem(t, got, got.status, test.mention)
		})
	}
	wantNothingStored(t, s, r, before)
}

func TestARepeatedKeyWithAnotherBodyIsRefused(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	first := s.enqueue(t, post("/pay", "1", `Idempotency-Key: "a"`))
	if key := waitArrivals(t, r, 1)[0].Values("Idempotency-Key"); len(key) != 1 || key[0] != `"a"` {
		t.Errorf("the endpoint was sent Idempotency-Key %q", key)
	}
	if second := s.enqueue(t, post("/pay", "1", "Idempotency-Key: a")); second != first {
		t.Errorf("the same key and body made %s beside %s", second, first)
	}
	wantProblem(t, send(t, s.address, post("/pay", "2", `Idempotency-Key: "a"`, "Prefer: respond-async")), http.StatusUnprocessableEntity, "Idempotency-Key")
	s.settled(t, first)
	if arrived := len(r.Arrivals()); arrived != 1 {
		t.Errorf("%d arrivals, want one", arrived)
	}
}
