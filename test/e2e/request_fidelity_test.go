package e2e

import (
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// targets are request targets that a proxy likes to tidy up.
var targets = []struct{ name, target string }{
	{"root", "/"},
	{"double slashes", "//a///b//"},
	{"encoded slash", "/a%2Fb%2fc"},
	{"semicolons", "/a;v=1/b;c"},
	{"dot segments", "/a/./b/../c/.."},
	{"encoded dots", "/a/%2e%2E/b"},
	{"encoded space", "/a%20b"},
	{"plus", "/a+b?c+d=e+f"},
	{"needless encoding", "/%61%7E?%62=%63"},
	{"UTF-8 bytes", "/ü/日本?q=ü"},
	{"encoded UTF-8", "/%C3%BC?q=%C3%BC"},
	{"invalid UTF-8 encoded", "/%FF%00"},
	{"empty query", "/a?"},
	{"query of marks", "/a??b?c=d&&=&e"},
	{"invalid escape in the query", "/a?x=%zz&y=%"},
	{"reserved characters", "/a:b@c!$&'()*+,=~-_.?x='()*;:@/!$,"},
	{"semicolon in the query", "/a?b=1;c=2&d=3"},
	{"fragment of encoded marks", "/a%23b%3Fc?d%23e"},
	{"colon in the first segment", "/a:b"},
	{"brackets and pipes in the query", "/a?b[]=1&c=|&d={}"},
	{"an API path of the app", "/api/v1/status"},
	{"an API path with no ID of ours", "/api/v1/status/not-an-id"},
	{"an API path of another version", "/api/v2/submit"},
	{"health of the app", "/health"},
	{"metrics of the app", "/metrics"},
	{"long", "/" + strings.Repeat("segment/", 500) + "?" + strings.Repeat("q=1&", 500)},
}

func TestTargetArrivesByteForByte(t *testing.T) {
	for _, way := range ways(t) {
		for _, test := range targets {
			t.Run(way.name+"/"+test.name, func(t *testing.T) {
				way.wantArrival(t, get(test.target))
				way.wantArrival(t, post(test.target, "body"))
			})
		}
	}
}

func TestEveryMethodArrives(t *testing.T) {
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "M-SEARCH", "get"}
	for _, way := range ways(t) {
		for _, method := range methods {
			t.Run(way.name+"/"+method, func(t *testing.T) {
				way.wantArrival(t, request{method: method, target: "/m"})
				if method != "TRACE" { // RFC 9110 9.3.8: a TRACE has no content
					way.wantArrival(t, request{method: method, target: "/m", body: "with content", fields: []string{"Content-Type: text/plain"}})
				}
			})
		}
	}
}

func TestHeaderFieldsArriveWithTheirValuesInOrder(t *testing.T) {
	tests := []struct {
		name   string
		fields []string
	}{
		{"none", nil},
		{"repeated", []string{"X-R: 1", "X-Other: o", "X-R: 2", "X-R: 1"}},
		{"empty", []string{"X-E:", "X-E: ", "X-F: x", "X-E: y"}},
		{"inner blanks", []string{"X-B:   a  b\tc   "}},
		{"Latin-1", []string{"X-L: caf\xe9"}},
		{"UTF-8", []string{"X-U: \xe6\x97\xa5\xe6\x9c\xac", "X-V: ü"}},
		{"odd case", []string{"x-LOWER: 1", "SOAPAction: \"urn:x\"", "ETag: W/\"1\""}},
		{"odd name", []string{"X_under.dot!#$%&'*+^`|~: 1"}},
		{"cookies", []string{"Cookie: a=1; b=2", "Cookie: c=\"3 4\""}},
		{"credentials", []string{"Authorization: Basic dXNlcjpwYXNz"}},
		{"client's own correlation ID", []string{"X-Correlation-ID: mine"}},
		{"conditional and range", []string{"If-None-Match: \"x\", W/\"y\"", "Range: bytes=0-4", "If-Range: \"z\""}},
		{"negotiation", []string{"Accept: */*;q=0.1, text/html", "Accept-Encoding: gzip;q=1.0, identity; q=0.5", "Accept-Language: de"}},
		{"no user agent and no accept-encoding", []string{"Accept: x/y"}},
		{"user agent", []string{"User-Agent: old app/1.0 (really)"}},
		{"many", repeatFields(200)},
		{"long value", []string{"X-Long: " + strings.Repeat("v", 8000)}},
		{"host of the client", []string{"Host: shop.example.com:8443"}},
		{"hop-by-hop", []string{"Connection: X-Nominated, Keep-Alive", "X-Nominated: gone", "Keep-Alive: timeout=1", "Proxy-Authorization: Basic eA==", "Te: trailers", "X-Kept: 1"}},
		{"upgrade to h2c", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"}},
		{"forged fields of ours", []string{"OpenHQM-Delivery: 9", "OpenHQM-State: done", "OpenHQM-Anything: x"}},
	}
	for _, way := range ways(t) {
		for _, test := range tests {
			t.Run(way.name+"/"+test.name, func(t *testing.T) {
				way.wantArrival(t, get("/h", test.fields...))
				way.wantArrival(t, post("/h", "x", test.fields...))
			})
		}
	}
}

// repeatFields are n fields under n/2 names.
func repeatFields(n int) []string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = "X-Many-" + itoa(i%(n/2)) + ": " + itoa(i)
	}
	return fields
}

func TestBodyArrivesByteForByte(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	tests := []struct {
		name string
		sent request
	}{
		{"empty with a length", post("/b", "", "Content-Type: application/json")},
		{"one byte", post("/b", "\x00")},
		{"every byte", post("/b", string(every), "Content-Type: application/octet-stream")},
		{"gzip is not decoded", post("/b", "\x1f\x8b\x08\x00not really", "Content-Encoding: gzip")},
		{"form", post("/b", "a=1&b=%20&c=+", "Content-Type: application/x-www-form-urlencoded")},
		{"multipart", post("/b", "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"ü\"\r\n\r\n\x00\xff\r\n--x--\r\n", "Content-Type: multipart/form-data; boundary=x")},
		{"chunked", request{method: "POST", target: "/b", chunks: []string{"one", "t", "hree\r\n\r\n0\r\n\r\n"}}},
		{"chunked and empty", request{method: "PUT", target: "/b", chunks: []string{}}},
		{"64 KiB", post("/b", strings.Repeat("0123456789abcdef", 4096))},
		{"64 KiB and one", post("/b", strings.Repeat("0123456789abcdef", 4096)+"x")},
		{"1 MiB chunked", request{method: "POST", target: "/b", chunks: []string{strings.Repeat("c", 1<<19), strings.Repeat("d", 1<<19)}}},
		{"10 MiB, the limit", post("/b", strings.Repeat("0123456789abcdef", 10<<16))},
	}
	for _, way := range ways(t) {
		for _, test := range tests {
			t.Run(way.name+"/"+test.name, func(t *testing.T) {
				way.wantArrival(t, test.sent)
			})
		}
	}
}

func TestExpectIsAnsweredAndNotPassedOn(t *testing.T) {
	for _, way := range ways(t) {
		t.Run(way.name, func(t *testing.T) {
			way.wantArrival(t, post("/e", "after 100", "Expect: 100-continue"))
		})
	}
}

// A way is one of the ways in which a request can reach its endpoint and its
// answer come back.
type way struct {
	name     string
	server   *server
	recorder *recorder.Recorder
}

// ways starts a server and an endpoint for each way there is; the tests assert
// the same of all of them. Without Prefer a safe method passes straight through
// (sync) and any other is stored and held (auto).
func ways(t *testing.T) []way {
	t.Helper()
	all := []way{{name: "async"}, {name: "held"}, {name: "default"}}
	for i := range all {
		all[i].recorder = record(t, recorder.Always(recorder.Answer(200, "ok", "Content-Type: text/plain")))
		all[i].server = serve(t, endpoint(all[i].recorder.URL()))
	}
	return all
}

// send sends a request and waits for its answer.
func (w way) send(t testing.TB, r request) answer {
	t.Helper()
	switch w.name {
	case "async":
		got, _ := w.server.through(t, r)
		return got
	case "held":
		return send(t, w.server.address, r.with("Prefer: respond-async, wait=30"))
	default:
		return send(t, w.server.address, r)
	}
}

// wantArrival sends a request and checks that it arrived once and as it was sent.
func (w way) wantArrival(t testing.TB, r request) {
	t.Helper()
	before := len(w.recorder.Arrivals())
	got := w.send(t, r)
	if got.status != 200 {
		t.Fatalf("%s: status %d, want 200: %s", w.name, got.status, got.text())
	}
	arrived := w.recorder.Arrivals()[before:]
	if len(arrived) != 1 {
		t.Fatalf("%s: arrived %d times", w.name, len(arrived))
	}
	wantForwarded(t, r, w.server.address, arrived[0])
}
