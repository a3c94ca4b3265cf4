package endpoint_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// onBothPaths sends a request as a delivery and straight through, and shows each arrival to check.
func onBothPaths(t *testing.T, r queue.Request, change func(*endpoint.Config), check func(t *testing.T, got recorder.Arrival)) {
	t.Helper()
	t.Run("queued", func(t *testing.T) { check(t, send(t, delivery(r), "", change)) })
	t.Run("passed", func(t *testing.T) {
		app := start(t, recorder.Always(recorder.Answer(200, "")))
		in := httptest.NewRequest("POST", "/", strings.NewReader("x"))
		in.Header, in.Trailer, in.Host, in.RemoteAddr = r.Header.Clone(), r.Trailer.Clone(), r.Host, r.Remote
		w := httptest.NewRecorder()
		open(t, app.URL(), change).Pass(w, in)
		got := app.Arrivals()
		if len(got) != 1 {
			t.Fatalf("status %d, %d arrivals", w.Code, len(got))
		}
		check(t, got[0])
	})
}

func TestAClientCannotReplaceOrRemoveWhatIsInjected(t *testing.T) {
	configured := func(c *endpoint.Config) {
		c.Headers = map[string]string{"X-Source": "openhqm", "x_internal": "yes"}
		c.StripHeaders = []string{"X-Secret-*"}
		c.Auth = endpoint.Auth{Scheme: endpoint.AuthAPIKey, Secret: func() string { return "k3y" }}
	}
	for name, header := range map[string]http.Header{
		"other case":             {"X-API-KEY": {"forged"}, "x-api-key": {"forged"}, "x-source": {"forged"}, "X_INTERNAL": {"forged"}},
		"duplicates":             {"X-Api-Key": {"forged", "forged too"}, "X-Source": {"forged", "forged"}},
		"nominated by itself":    {"Connection": {"X-Api-Key, X-Source, X_internal, Via, X-Forwarded-For"}},
		"underscores":            {"X_Api_Key": {"forged"}, "X_Source": {"forged"}, "X-Internal": {"forged"}, "X_Secret_A": {"forged"}},
		"dots and one of either": {"X.Api.Key": {"forged"}, "X-Api_Key": {"forged"}, "X~Source": {"forged"}},
		"fields of proxies":      {"X_Forwarded_For": {"forged"}, "X_Forwarded_Proto": {"forged"}, "X-Forwarded_Host": {"forged"}},
		"fields of ours":         {"Openhqm_Delivery": {"forged"}, "OpenHQM.Correlation.Id": {"forged"}},
		"framing":                {"Content_Length": {"7 forged"}, "Transfer_Encoding": {"forged"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := queue.Request{Header: header, Host: "app", Scheme: "http", Proto: "HTTP/1.1", Remote: "192.0.2.7:1", Body: body("x")}
			onBothPaths(t, r, configured, func(t *testing.T, got recorder.Arrival) {
				if strings.Contains(string(got.Head), "forged") {
					t.Errorf("the client's field arrived: %q", got.Head)
				}
				for field, want := range map[string]string{"X-Api-Key": "k3y", "X-Source": "openhqm", "X_internal": "yes",
					"X-Forwarded-For": "192.0.2.7", "Via": "1.1 openhqm"} {
					if have := got.Values(field); !slices.Equal(have, []string{want}) {
						t.Errorf("%s arrived as %q, want %q", field, have, want)
					}
				}
			})
		})
	}
	t.Run("trailers", func(t *testing.T) {
		trailer := http.Header{"X-Api-Key": {"forged"}, "X_Source": {"forged"}, "X-Forwarded-For": {"forged"}, "Via": {"forged"}, "X-Sum": {"1"}}
		r := queue.Request{Header: http.Header{}, Trailer: trailer, Host: "app", Remote: "192.0.2.7:1", Body: body("x")}
		onBothPaths(t, r, configured, func(t *testing.T, got recorder.Arrival) {
			if strings.Contains(string(got.Head)+string(got.Trailer), "forged") {
				t.Errorf("arrived as %q, trailer %q", got.Head, got.Trailer)
			}
		})
	})
}

func TestFieldsWithUnderscoresPassWhereNothingLikeThemIsSet(t *testing.T) {
	onBothPaths(t, queue.Request{Header: http.Header{"X_custom": {"1"}, "X.Dotted": {"2"}}}, nil, func(t *testing.T, got recorder.Arrival) {
		if got.Value("X_custom") != "1" || got.Value("X.Dotted") != "2" {
			t.Errorf("arrived as %q", got.Head)
		}
	})
}

func TestFieldsAreChosenByPattern(t *testing.T) {
	sent := http.Header{"X-App-Token": {"1"}, "X-App-Id": {"1"}, "Other-Token": {"1"}, "X-A-Trace-B-Id": {"1"}, "Accept": {"a"}, "Token": {"1"}}
	for name, c := range map[string]struct {
		forward, strip []string
		arrive         []string
	}{
		"suffix":           {[]string{"*-token"}, nil, []string{"Other-Token", "X-App-Token"}},
		"middle":           {[]string{"x-*-ID"}, nil, []string{"X-A-Trace-B-Id", "X-App-Id"}},
		"several":          {[]string{"X-*-TRACE-*-Id"}, nil, []string{"X-A-Trace-B-Id"}},
		"anywhere":         {[]string{"*oke*"}, nil, []string{"Other-Token", "Token", "X-App-Token"}},
		"strip wins":       {[]string{"*"}, []string{"*Token", "accept"}, []string{"X-A-Trace-B-Id", "X-App-Id"}},
		"no overlap":       {[]string{"Toke*ken"}, nil, nil},
		"no characters":    {[]string{"Tok*en"}, nil, []string{"Token"}},
		"a list of no use": {[]string{}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			change := func(e *endpoint.Config) { e.ForwardHeaders, e.StripHeaders = c.forward, c.strip }
			onBothPaths(t, queue.Request{Header: sent}, change, func(t *testing.T, got recorder.Arrival) {
				var arrived []string
				for field := range sent {
					if got.Values(field) != nil {
						arrived = append(arrived, field)
					}
				}
				slices.Sort(arrived)
				if !slices.Equal(arrived, c.arrive) {
					t.Errorf("%q arrived, want %q", arrived, c.arrive)
				}
			})
		})
	}
}

func TestWhatProxiesSaidIsContinuedWhateverIsForwarded(t *testing.T) {
	sent := http.Header{"Via": {"1.1 edge"}, "X-Forwarded-For": {"198.51.100.4"}, "X-Forwarded-Host": {"shop.example:8443"}, "X-Forwarded-Proto": {"https"},
		"Forwarded": {"for=198.51.100.4"}}
	r := queue.Request{Header: sent, Host: "app", Scheme: "https", Proto: "HTTP/1.1", Remote: "10.0.0.2:1"}
	only := func(c *endpoint.Config) { c.ForwardHeaders = []string{"Accept"} }
	onBothPaths(t, r, only, func(t *testing.T, got recorder.Arrival) {
		for field, want := range map[string]string{"Via": "1.1 edge, 1.1 openhqm", "X-Forwarded-For": "198.51.100.4, 10.0.0.2", "X-Forwarded-Host": "shop.example:8443",
			"X-Forwarded-Proto": "https", "X-Forwarded-Port": "8443", "Forwarded": "for=198.51.100.4, for=10.0.0.2;host=app;proto=https"} {
			if have := got.Values(field); !slices.Equal(have, []string{want}) {
				t.Errorf("%s arrived as %q, want %q", field, have, want)
			}
		}
	})
	strip := func(c *endpoint.Config) { c.StripHeaders = []string{"X-Forwarded-*", "Forwarded", "Via"} }
	onBothPaths(t, r, strip, func(t *testing.T, got recorder.Arrival) {
		if got.Value("X-Forwarded-For") != "10.0.0.2" || got.Value("X-Forwarded-Host") != "app" || got.Value("Via") != "1.1 edge, 1.1 openhqm" {
			t.Errorf("arrived as %q", got.Head)
		}
	})
}

func TestThePortThatTheClientCalledIsSaid(t *testing.T) {
	for _, c := range []struct{ host, scheme, want string }{
		{"app", "http", "80"},
		{"app", "https", "443"},
		{"app:8080", "https", "8080"},
		{"[2001:db8::1]", "https", "443"},
		{"[2001:db8::1]:90", "http", "90"},
		{"app:", "http", "80"},
	} {
		got := send(t, delivery(queue.Request{Host: c.host, Scheme: c.scheme}), "", nil)
		if have := got.Value("X-Forwarded-Port"); have != c.want {
			t.Errorf("%s %s: port %q, want %s", c.scheme, c.host, have, c.want)
		}
	}
}

func TestTraceContextPassesUnchangedOverRetries(t *testing.T) {
	trace := http.Header{
		"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		"Tracestate":  {"congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7"},
		"Baggage":     {"userId=alice,serverNode=DF%2028;p=1"},
	}
	check := func(t *testing.T, got recorder.Arrival) {
		for field, want := range trace {
			if have := got.Values(field); !slices.Equal(have, want) {
				t.Errorf("%s arrived as %q, want %q", field, have, want)
			}
		}
	}
	onBothPaths(t, queue.Request{Header: trace}, nil, check)

	app := start(t, recorder.Always(recorder.Answer(503, "")))
	e, d := open(t, app.URL(), nil), delivery(queue.Request{Header: trace.Clone()})
	for n := range 3 {
		d.Record.Deliveries = n + 1
		e.Handle(t.Context(), d)
	}
	arrivals := app.Arrivals()
	if len(arrivals) != 3 {
		t.Fatalf("%d arrivals", len(arrivals))
	}
	for _, got := range arrivals {
		check(t, got)
		if got.Value("Via") != "1.1 openhqm" {
			t.Errorf("Via %q grows with the attempts", got.Value("Via"))
		}
	}
}

func TestACircleThroughManyProcessesEnds(t *testing.T) {
	hops := func(n int) []string { return slices.Repeat([]string{"1.1 openhqm-a1b2c3d4, 1.1 nginx"}, n) }
	for n, want := range map[int]bool{0: false, 9: false, 10: true} {
		if got := endpoint.Circular(hops(n), "openhqm-other"); (got != "") != want {
			t.Errorf("%d hops: %q", n, got)
		}
	}
}
