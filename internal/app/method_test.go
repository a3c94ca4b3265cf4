package app

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/openhqm/openhqm/queue"
)

func TestAMethodIsOverridden(t *testing.T) {
	var mu sync.Mutex
	count := map[string]int{}
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		count[r.Method+" "+r.URL.Path]++
		mu.Unlock()
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, r.Method+" "+string(body))
	})
	p := start(t, load(t, "worker: {retry_delay_base: 1ms}\nproxy: {default_endpoint: a, endpoints: {a: {url: '"+app+"', method_override: POST}, b: {url: '"+app+"', method_override: GET}}}"), Options{})
	for _, tc := range []struct{ method, endpoint, body, want string }{
		{"GET", "a", "", "POST "}, {"PUT", "a", "x", "POST x"}, {"POST", "a", "x", "POST x"}, {"OPTIONS", "a", "", "OPTIONS "},
		{"GET", "b", "", "GET "}, {"POST", "b", "x", "GET x"}, // passed through
	} {
		if got := call(t, tc.method, p.url+"/x", tc.body, "OpenHQM-Endpoint", tc.endpoint); got.status != 200 || got.body != tc.want {
			t.Errorf("%s to %s: %d %q, want %q", tc.method, tc.endpoint, got.status, got.body, tc.want)
		}
	}
	if got := call(t, "HEAD", p.url+"/head", ""); got.status != 200 {
		t.Errorf("HEAD: %d", got.status)
	}
	submitted := call(t, "POST", p.url+"/api/v1/submit", `{"payload": 1, "metadata": {"method": "PUT", "path": "/submit"}}`, "Content-Type", "application/json")
	if submitted.status != http.StatusAccepted {
		t.Fatalf("%d %s", submitted.status, submitted.body)
	}
	await(t, "the submit", func() bool { mu.Lock(); defer mu.Unlock(); return count["POST /submit"] == 1 })

	// A GET that is sent as a POST is one: what nobody knows the outcome of is not repeated.
	got := call(t, "GET", p.url+"/broken", "", "Prefer", "respond-async")
	id, err := queue.ParseID(got.header.Get("OpenHQM-Correlation-Id"))
	if err != nil {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	if word := p.wait(t, id.String()); word != "FAILED" {
		t.Error(word)
	}
	r, err := p.Broker().Get(t.Context(), id)
	if err != nil || r.Reason != queue.ReasonUnknownOutcome {
		t.Errorf("ended %+v, %v", r, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if count["POST /broken"] != 1 || count["HEAD /head"] != 1 {
		t.Errorf("arrivals: %v", count)
	}
}
