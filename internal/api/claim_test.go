package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func TestOnlyExactShapesAreClaimed(t *testing.T) {
	id := queue.NewID(7, time.Now()).String()
	const pass = appStatus
	for _, c := range []struct {
		method, target string
		app, demo      int // status with an application behind us, and with the demo handler
	}{
		{"POST", "/api/v1/submit", 400, 400},
		{"GET", "/api/v1/status/" + id, 404, 404},
		{"HEAD", "/api/v1/status/" + id, 404, 404},
		{"GET", "/api/v1/status/" + strings.ToUpper(id), 404, 404},
		{"GET", "/api/v1/response/" + id, 404, 404},
		{"GET", "/api/v1/response/" + id + "/raw", 404, 404},
		{"GET", "/api/v1/events/" + id, 404, 404},
		{"DELETE", "/api/v1/requests/" + id, 404, 404},
		{"GET", "/api/v1/openapi.json", 200, 200},
		{"OPTIONS", "/api/v1/submit", 204, 204},
		// Another method, or no ID: ours only while no application can own it.
		{"GET", "/api/v1/submit", pass, 405},
		{"PUT", "/api/v1/status/" + id, pass, 405},
		{"GET", "/api/v1/status/42", pass, 400},
		{"GET", "/api/v1/status/" + id + "0", pass, 400},
		{"GET", "/api/v1/response/%20/raw", pass, 400},
		{"DELETE", "/api/v1/requests/" + id[:14] + "4" + id[15:], pass, 400}, // a UUID of another version,
		// Not our shapes.
		{"GET", "/", pass, pass},
		{"GET", "/api/v1", pass, pass},
		{"GET", "/api/v1/", pass, pass},
		{"GET", "/api/v1/status", pass, pass},
		{"GET", "/api/v1/status/", pass, pass},
		{"POST", "/api/v1/submit/", pass, pass},
		{"POST", "/api/v1//submit", pass, pass},
		{"POST", "/api/v1/%73ubmit", pass, pass},
		{"POST", "/api/v1/Submit", pass, pass},
		{"POST", "/api/v2/submit", pass, pass},
		{"GET", "/api/v1/status/" + id + "/more", pass, pass},
		{"GET", "/api/v1/response/" + id + "/raw/", pass, pass},
		{"GET", "/api/v1/queues", pass, pass},
		{"GET", "/status/" + id, pass, pass},
	} {
		t.Run(c.method+" "+strings.ReplaceAll(c.target, id, "ID"), func(t *testing.T) {
			newFixture(t).call(c.method, c.target, "").wants(c.app)
			newFixture(t, demo).call(c.method, c.target, "").wants(c.demo)
			newFixture(t, func(s *setup) { s.targets.fallback = "" }).call(c.method, c.target, "").wants(c.demo)
		})
	}
}

func TestMalformedIDIsExplained(t *testing.T) {
	p := newFixture(t, demo).call("GET", "/api/v1/status/42", "").wants(400).problem("bad-id")
	if detail := p["detail"].(string); !strings.Contains(detail, "36 characters") {
		t.Errorf("detail %q does not say what an ID looks like", detail)
	}
}

func TestAnotherMethodIsToldTheRightOnes(t *testing.T) {
	a := newFixture(t, demo).call("PATCH", "/api/v1/openapi.json", "").wants(405)
	a.problem("method-not-allowed")
	want(t, a.Header().Get("Allow"), "GET, HEAD, OPTIONS")
}

func TestPrefixIsConfigurable(t *testing.T) {
	for _, prefix := range []string{"/queue", ""} {
		f := newFixture(t, func(s *setup) { s.config.Prefix = prefix })
		a := f.call("POST", prefix+"/submit", `{"payload":1}`).wants(202)
		if location := a.Header().Get("Location"); !strings.HasPrefix(location, prefix+"/response/") {
			t.Errorf("Location %q does not begin with %s/response/", location, prefix)
		}
		if doc := f.call("GET", prefix+"/openapi.json", "").wants(200).Body.String(); strings.Contains(doc, "/api/v1") {
			t.Error("the OpenAPI document names the default prefix")
		}
		if prefix != "" {
			f.call("POST", "/api/v1/submit", `{"payload":1}`).wants(appStatus)
		}
	}
}

func TestCrossOriginCalls(t *testing.T) {
	listed := func(s *setup) { s.config.CORS.Origins = []string{"https://shop.example"} }
	none := func(s *setup) { s.config.CORS.Origins = nil }
	for name, c := range map[string]struct {
		change func(*setup)
		origin string
		allow  string
	}{
		"any":             {func(*setup) {}, "https://a.example", "*"},
		"no origin":       {func(*setup) {}, "", ""},
		"a listed one":    {listed, "https://shop.example", "https://shop.example"},
		"another one":     {listed, "https://a.example", ""},
		"none is allowed": {none, "https://a.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, c.change)
			var fields []string
			if c.origin != "" {
				fields = []string{"Origin", c.origin}
			}
			a := f.call("POST", "/api/v1/submit", `{"payload":1}`, fields...).wants(202)
			want(t, a.Header().Get("Access-Control-Allow-Origin"), c.allow)
			want(t, a.Header().Get("Access-Control-Allow-Credentials"), "")
			want(t, strings.Contains(a.Header().Get("Access-Control-Expose-Headers"), "Location, Retry-After"), c.allow != "")
			a = f.call("OPTIONS", "/api/v1/submit", "", append(fields, "Access-Control-Request-Method", "POST")...).wants(204)
			want(t, a.Header().Get("Access-Control-Allow-Origin"), c.allow)
			for _, field := range []string{"Idempotency-Key", "OpenHQM-Priority", "OpenHQM-Not-Before", "OpenHQM-Ordering-Key"} {
				want(t, strings.Contains(a.Header().Get("Access-Control-Allow-Headers"), field), c.allow != "")
			}
		})
	}
}

func TestPreflightForTheApplicationsMethodIsItsOwn(t *testing.T) {
	newFixture(t).call("OPTIONS", "/api/v1/submit", "", "Origin", "https://a.example", "Access-Control-Request-Method", "PUT").wants(appStatus)
}

func TestChunkedSubmitEndsTheConnection(t *testing.T) {
	f := newFixture(t)
	server := serveProducer(t, f)
	r, _ := http.NewRequest("POST", server+"/api/v1/submit", struct{ *strings.Reader }{strings.NewReader(`{"payload":1}`)})
	r.ContentLength = -1
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	want(t, response.StatusCode, 202)
	want(t, response.Close, true)
}
