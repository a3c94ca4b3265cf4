package api

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/reply"
)

// FuzzClaims holds the matching of request lines against the shapes once more, written as regular expressions over the
// path as it was sent. A request is either served by exactly the route that fits, refused, or handed on untouched; an
// application behind the listener gets everything but the exact calls, and no spelling of one slips past or in.
func FuzzClaims(f *testing.F) {
	const id = "018f3e1a-7c00-7abc-8def-0123456789ab"
	for _, seed := range []struct{ method, target string }{
		{"POST", "/api/v1/submit"}, {"GET", "/api/v1/status/" + id}, {"HEAD", "/api/v1/response/" + id + "/raw?partial=1"},
		{"DELETE", "/api/v1/requests/" + strings.ToUpper(id)}, {"GET", "/api/v1/status/42"}, {"PUT", "/api/v1/events/" + id},
		{"POST", "/api/v1/%73ubmit"}, {"POST", "//api/v1/submit"}, {"GET", "http://h/api/v1/openapi.json?x#y"}, {"OPTIONS", "*"},
		{"OPTIONS", "/api/v1/submit"}, {"POST", "/api/v1/queues/a%2Fb/pause"}, {"GET", "/api/v1/queues/%zz"}, {"GET", "/api/v1/dead/export"},
		{"POST", "/api/v1/dead/" + id + "/redrive"}, {"POST", "/api/v1/endpoints/x/hold"}, {"GET", "/api/v1/response/" + id + "\"/raw"}, {"GET", "/api/v1/queues/explain/explain"},
	} {
		f.Add(seed.method, seed.target)
	}
	producer := &Producer{}
	shapesOf := map[string][]route{"producer": producerRoutes(producer), "admin": adminRoutes(&Admin{})}
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")))
		if err != nil || r.RequestURI != target || r.Method != method {
			return // the server would not call us, or with another request
		}
		for _, prefix := range []string{"/api/v1", ""} {
			for who, routes := range shapesOf {
				for _, app := range []bool{false, true} {
					d := newDispatch(t, prefix, routes, app)
					d.ServeHTTP(httptest.NewRecorder(), r)
					if got, want := d.outcome, wantedOutcome(r, prefix, routes, app); got != want {
						t.Errorf("%s %q under %q by the %s's routes (application behind: %t): %q, want %q", method, target, prefix, who, app, got, want)
					}
					if r.RequestURI != target || r.Method != method {
						t.Errorf("the request became %s %q", r.Method, r.RequestURI)
					}
				}
			}
		}
	})
}

// dispatch is a Producer whose routes, and whose next handler, only say that they were called.
type dispatch struct {
	*Producer
	outcome string
}

func newDispatch(t *testing.T, prefix string, routes []route, app bool) *dispatch {
	replies, err := reply.New(reply.Config{Prefix: prefix}, reply.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d := &dispatch{outcome: "refused"}
	called := func(what string) {
		if d.outcome != "refused" {
			t.Errorf("both %s and %s were called", d.outcome, what)
		}
		d.outcome = what
	}
	stubs := make([]route, len(routes))
	for i, r := range routes {
		stubs[i] = r
		stubs[i].serve = func(_ http.ResponseWriter, _ *http.Request, v vars) {
			what := r.name
			if strings.Contains(r.shape, "{id}") {
				what += " " + v.id.String()
			}
			if strings.Contains(r.shape, "{name}") {
				what += " " + v.name
			}
			called(what)
		}
	}
	d.Producer = &Producer{table: newTable(prefix, stubs, nil), o: Options{
		Replies: replies, Targets: behind(app),
		Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called("next") }),
	}}
	return d
}

// behind says whether an application is the default.
type behind bool

func (b behind) Default() (Target, bool)     { return Target{Endpoint: true}, bool(b) }
func (b behind) Named(string) (Target, bool) { return Target{}, false }
func (b behind) Names() []string             { return nil }

var (
	version7  = regexp.MustCompile(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	absolute  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?]*)?`)
	variables = regexp.MustCompile(`\\\{(id|name)\\\}`)
)

// wantedOutcome says what a request comes to.
func wantedOutcome(r *http.Request, prefix string, routes []route, app bool) string {
	path, _, _ := strings.Cut(absolute.ReplaceAllString(r.RequestURI, ""), "?")
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return "next"
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	// The shapes that fit, a fixed one before the others; of those the first declared.
	var shape, value string
	fits := false
	for _, fixed := range []bool{true, false} {
		for _, route := range routes {
			if strings.Contains(route.shape, "{") == fixed || fits {
				continue
			}
			pattern := variables.ReplaceAllString(regexp.QuoteMeta(route.shape), `([^/]+)`)
			if m := regexp.MustCompile("(?s)^" + pattern + "$").FindStringSubmatch(rest); m != nil {
				fits, shape = true, route.shape
				if len(m) > 1 {
					value = m[1]
				}
			}
		}
	}
	if !fits {
		return "next"
	}
	valid := true
	switch {
	case strings.Contains(shape, "{id}"):
		valid, value = version7.MatchString(value), " "+strings.ToLower(value)
	case strings.Contains(shape, "{name}"):
		name, err := url.PathUnescape(value)
		valid, value = err == nil, " "+name
	}
	for _, route := range routes {
		if route.shape == shape && route.method == method && valid {
			return route.name + value
		}
	}
	if app && (r.Method != http.MethodOptions || !valid) {
		return "next"
	}
	return "refused"
}
