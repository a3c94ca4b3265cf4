package app

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/openhqm/openhqm/queue"
)

func TestWhatIsInAnAnswerDecidesWhatBecomesOfItsRequest(t *testing.T) {
	var mu sync.Mutex
	arrivals := map[string]int{}
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		arrivals[r.URL.Path]++
		n := arrivals[r.URL.Path]
		mu.Unlock()
		w.Header().Set("Content-Type", "text/xml")
		switch {
		case r.URL.Path == "/fault":
			_, _ = io.WriteString(w, "<Envelope><soap:Fault>no</soap:Fault></Envelope>")
		case r.URL.Path == "/page":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<h1>Sorry")
		case r.URL.Path == "/busy" && n == 1:
			_, _ = io.WriteString(w, "<Busy/>")
		case r.URL.Path == "/login" && n < 4:
			http.Redirect(w, r, "/login?next", http.StatusFound)
		case r.URL.Path == "/unsure":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"state": "unsure"}`)
		default:
			_, _ = io.WriteString(w, "<ok/>")
		}
	})
	p := start(t, load(t, `
worker: {retry_delay_base: 1ms, retry_delay_max: 10ms, max_retries: 1}
proxy:
  default_endpoint: soap
  endpoints:
    soap:
      url: '`+app+`'
      success: {header: {Content-Type: ^(text/xml|application/json)}}
      rules:
        - {status: [302], header: {Location: /login}, then: wait}
        - {body_regex: '<(\w+:)?Fault[ >]', then: fail}
        - {body_regex: '<Busy/>', then: retry}
        - {jq: '.state == "unsure"', then: unknown_outcome}
`), Options{})
	for path, want := range map[string]struct {
		status   string
		reason   queue.Reason
		arrivals int
		why      string
	}{
		"/fault":  {"FAILED", queue.ReasonEndpointError, 1, "rule 2"},
		"/page":   {"FAILED", queue.ReasonEndpointError, 1, "success"},
		"/busy":   {"COMPLETED", "", 2, ""},
		"/login":  {"COMPLETED", "", 4, ""}, // more than its attempts: waiting costs none
		"/unsure": {"FAILED", queue.ReasonUnknownOutcome, 1, "rule 4"},
		"/good":   {"COMPLETED", "", 1, ""},
	} {
		id := p.submit(t, path)
		if got := p.wait(t, id); got != want.status {
			t.Errorf("%s: %s, want %s", path, got, want.status)
		}
		parsed, err := queue.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Broker().Get(t.Context(), parsed)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		n := arrivals[path]
		mu.Unlock()
		if r.Reason != want.reason || n != want.arrivals || r.Result == nil {
			t.Errorf("%s: reason %q after %d arrivals, result kept %t; want %q, %d and true", path, r.Reason, n, r.Result != nil, want.reason, want.arrivals)
		}
		if last := r.LastAttempt(); last == nil || last.Class != queue.Answered || !strings.Contains(last.Error, want.why) {
			t.Errorf("%s: last attempt %+v, want an answer because of %q", path, last, want.why)
		}
	}
}

// A call that passes through is judged by its head: what `on` and the table would not see opens the breaker or not.
func TestPassedCallsAreJudgedByRulesOfTheHead(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.Header().Set("X-Maintenance", "yes")
		_, _ = io.WriteString(w, "<Busy/>")
	})
	p := start(t, load(t, `
proxy:
  default_endpoint: a
  endpoints:
    a:
      url: '`+app+`'
      rules: [{body_regex: Busy, then: result}, {header: {X-Maintenance: yes}, then: wait}]
`), Options{})
	if got := call(t, "GET", p.url+"/", ""); got.status != 200 || got.body != "<Busy/>" {
		t.Errorf("passed through: %d %q", got.status, got.body)
	}
	if _, held := gateOf(t, p, "a").Holds[queue.HoldCooldown]; !held {
		t.Error("the answer that a rule takes for wait, with Retry-After, did not close the endpoint")
	}
}
