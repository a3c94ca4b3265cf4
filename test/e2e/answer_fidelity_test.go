package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// fixedDate lets two answers of a recorder be equal.
const fixedDate = "Date: Thu, 02 Jan 2020 03:04:05 GMT"

// wantSameThroughQueue calls an endpoint directly and through the queue and
// compares the answers.
func wantSameThroughQueue(t testing.TB, s *server, endpoint string, r request) {
	t.Helper()
	direct := send(t, endpoint, r)
	replayed, final := s.through(t, r)
	if final.Status != "COMPLETED" {
		t.Errorf("%s %s ended %s %s", r.method, tail(r.target, 200), final.Status, final.Reason)
	}
	wantReplay(t, r, direct, replayed)
	again := s.replay(t, replayed.header.Get("OpenHQM-Correlation-Id"))
	sameAnswer(t, "second replay", replayed, again)
}

func TestReplayEqualsADirectCallToHTTPBin(t *testing.T) {
	bin := startHTTPBin(t)
	s := serve(t, endpoint("http://"+bin))
	tests := []struct {
		name string
		sent request
	}{
		{"head", request{method: "HEAD", target: "/html"}},
		{"utf8 page", get("/encoding/utf8")},
		{"html", get("/html")},
		{"json", get("/json")},
		{"png", get("/image/png")},
		{"webp", get("/image/webp")},
		{"no body", get("/bytes/0?seed=1")},
		{"1 byte", get("/bytes/1?seed=1")},
		{"100 KiB", get("/bytes/102400?seed=2")},
		{"chunked stream", get("/stream-bytes/65536?seed=3&chunk_size=1000")},
		{"drip", get("/drip?numbytes=10&duration=0.2&delay=0.1")},
		{"slow", get("/drip?numbytes=1&delay=0.5")},
		{"range", get("/range/1024", "Range: bytes=10-20")},
		{"unsatisfiable range", get("/range/1024", "Range: bytes=5000-")},
		{"not modified", get("/cache", "If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT")},
		{"etag matches", get("/etag/abc", `If-None-Match: "abc"`)},
		{"etag fails", get("/etag/abc", `If-Match: "other"`)},
		{"cache rules", get("/response-headers?Cache-Control=public,+max-age%3D60&Pragma=x")},
		{"relative redirect", get("/relative-redirect/1")},
		{"absolute redirect", get("/absolute-redirect/1", "Host: "+bin)},
		{"redirect elsewhere", get("/redirect-to?url=http%3A%2F%2Fexample.com%2F&status_code=307")},
		{"set a cookie", get("/cookies/set?k1=v1")}, // it sets several in the order of a map, another each time
		{"cookies", get("/cookies", "Cookie: a=1; b=2")},
		{"basic auth", get("/basic-auth/u/p", "Authorization: Basic dTpw")},
		{"basic auth fails", get("/basic-auth/u/p", "Authorization: Basic eDp5")},
		{"response fields", get("/response-headers?X-One=1&X-One=2&X-Empty=")},
		{"no such page", get("/no/such/page")},
		{"method not allowed", post("/get", "x")},
		{"base64", get("/base64/SGVsbG8sIOS4lueVjA==")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantSameThroughQueue(t, s, bin, test.sent)
		})
	}
}

func TestGzipAnswerIsReplayedAsItsOwnBytes(t *testing.T) {
	s := serve(t, endpoint("http://"+startHTTPBin(t)))
	got, _ := s.through(t, get("/gzip?from=e2e", "Accept-Encoding: gzip"))
	if got.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("Content-Encoding %q, want gzip", got.header.Get("Content-Encoding"))
	}
	mentions(t, gunzip(t, got.body), `"gzipped": true`)
}

func TestReplayEqualsADirectCallToNginx(t *testing.T) {
	nginx := startNginx(t)
	s := serve(t, endpoint("http://"+nginx))
	tests := []struct {
		name string
		sent request
	}{
		{"file", get("/hello.txt")},
		{"head of a file", request{method: "HEAD", target: "/hello.txt"}},
		{"gzip made on the way", get("/cached/plain.txt", "Accept-Encoding: gzip")},
		{"plain where gzip is possible", get("/cached/plain.txt")},
		{"head of gzip", request{method: "HEAD", target: "/cached/plain.txt", fields: []string{"Accept-Encoding: gzip"}}},
		{"1 MiB of binary", get("/large.bin")},
		{"empty file", get("/empty.txt")},
		{"odd file name", get("/sp%20ace/%C3%BC;x.txt")},
		{"odd file name raw", get("/sp%20ace/ü;x.txt")},
		{"dot segments", get("/dir/../hello.txt")},
		{"double slashes", get("//hello.txt")},
		{"one range", get("/hello.txt", "Range: bytes=0-4")},
		{"unsatisfiable range", get("/hello.txt", "Range: bytes=1000-")},
		{"not modified", get("/hello.txt", "If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT")},
		{"precondition failed", get("/hello.txt", `If-Match: "x"`)},
		{"redirect to a directory", get("/dir", "Host: "+nginx)},
		{"moved", get("/moved", "Host: "+nginx)},
		{"relative redirect", get("/found")},
		{"error page", get("/none")},
		{"method not allowed", post("/hello.txt", "x")},
		{"teapot", get("/teapot")},
		{"no content", get("/nothing")},
		{"path above the root", get("/../../etc/passwd")},
		{"what nginx saw", request{method: "PUT", target: "/echo?a=//b;c", body: "12345", fields: []string{"X-Repeated: 1"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantSameThroughQueue(t, s, nginx, test.sent)
		})
	}
}

// scripted are raw answers that a proxy likes to tidy up.
func scripted() map[string]recorder.Reply {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	chunked := func(rest string, fields ...string) recorder.Reply {
		return recorder.Answer(200, rest, append(fields, "Transfer-Encoding: chunked", fixedDate)...)
	}
	answers := map[string]recorder.Reply{
		"minimal":                  recorder.Answer(200, "", fixedDate),
		"without a date":           recorder.Answer(200, "x"),
		"without a content type":   recorder.Answer(200, "<html>not sniffed</html>", fixedDate),
		"every byte":               recorder.Answer(200, string(every), fixedDate, "Content-Type: application/octet-stream"),
		"repeated fields":          recorder.Answer(200, "", fixedDate, "X-R: 1", "X-Other: o", "X-R: 2", "X-R: 1"),
		"empty fields":             recorder.Answer(200, "", fixedDate, "X-E:", "X-E: y", "X-E:"),
		"non-ASCII values":         recorder.Answer(200, "", fixedDate, "X-L: caf\xe9", "X-U: 日本"),
		"odd names":                recorder.Answer(200, "", fixedDate, "x_under.dot!#$%&'*+^`|~: 1", "ETAG: \"x\"", "www-authenticate: Basic realm=\"a\"", "WWW-Authenticate: Bearer"),
		"two cookies":              recorder.Answer(200, "", fixedDate, "Set-Cookie: a=1, 2; Path=/x; HttpOnly", "Set-Cookie: b=2; Domain=example.com; Path=/; SameSite=None; Secure"),
		"cookie without a path":    recorder.Answer(200, "", fixedDate, "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/kept"),
		"relative location":        recorder.Answer(201, "", fixedDate, "Location: items/7?x=1#f"),
		"absolute location":        recorder.Answer(303, "", fixedDate, "Location: https://example.com/a//b"),
		"rooted location":          recorder.Answer(302, "", fixedDate, "Location: /rooted"),
		"cache rules":              recorder.Answer(200, "", fixedDate, "Cache-Control: public, max-age=60", "Cache-Control: immutable", "Expires: 0", "Age: 7", "Pragma: x"),
		"hop-by-hop fields":        recorder.Answer(200, "x", fixedDate, "Connection: X-Nominated", "X-Nominated: gone", "Keep-Alive: timeout=5", "Proxy-Authenticate: x", "Upgrade: h2c", "X-Kept: 1"),
		"forged fields of ours":    recorder.Answer(200, "x", fixedDate, "OpenHQM-State: FAILED", "OpenHQM-Anything: x"),
		"own correlation ID":       recorder.Answer(200, "x", fixedDate, "X-Correlation-ID: of-the-app"),
		"a 202 of the app":         recorder.Answer(202, `{"status":"PENDING"}`, fixedDate, "Location: /jobs/1", "Retry-After: 5"),
		"204":                      recorder.Answer(204, "", fixedDate),
		"205":                      recorder.Answer(205, "", fixedDate),
		"304 with a length":        recorder.Answer(304, "", fixedDate, "Content-Length: 12345", "ETag: \"x\""),
		"gzip that is none":        recorder.Answer(200, "not gzip", fixedDate, "Content-Encoding: gzip"),
		"content type with marks":  recorder.Answer(200, "x", fixedDate, "Content-Type: text/plain; charset=\"utf-8\"; x=y"),
		"chunked":                  chunked("3\r\nabc\r\n10;ext=1\r\n0123456789abcdef\r\n0\r\n\r\n"),
		"chunked and empty":        chunked("0\r\n\r\n"),
		"chunked with a trailer":   chunked("1\r\nx\r\n0\r\nX-After: 1\r\n\r\n", "Trailer: X-After"),
		"until the close":          {recorder.Write([]byte("HTTP/1.1 200 OK\r\n" + fixedDate + "\r\nConnection: close\r\n\r\nall of it")), recorder.Close()},
		"HTTP/1.0":                 {recorder.Write([]byte("HTTP/1.0 200 OK\r\n" + fixedDate + "\r\n\r\nold")), recorder.Close()},
		"own reason phrase":        {recorder.Write([]byte("HTTP/1.1 200 Fein gemacht\r\n" + fixedDate + "\r\nContent-Length: 2\r\n\r\nok"))},
		"unknown status":           {recorder.Write([]byte("HTTP/1.1 299 Whatever\r\n" + fixedDate + "\r\nContent-Length: 2\r\n\r\nok"))},
		"after 100 and 103":        {recorder.Write([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + recorder.Raw(200, "final", fixedDate)))},
		"byte by byte":             dripped(recorder.Raw(200, "slowly", fixedDate, "X-S: 1")),
		"1 MiB":                    recorder.Answer(200, strings.Repeat("0123456789abcdef", 1<<16), fixedDate),
		"10 MiB, the limit":        recorder.Answer(200, strings.Repeat("0123456789abcdef", 10<<16), fixedDate),
		"many fields":              recorder.Answer(200, "", append(repeatFields(100), fixedDate)...),
		"long value":               recorder.Answer(200, "", fixedDate, "X-Long: "+strings.Repeat("v", 30_000)),
		"content security, vary":   recorder.Answer(200, "", fixedDate, "Vary: Origin", "Vary: Accept", "Access-Control-Allow-Origin: https://a.example", "Content-Security-Policy: default-src 'self'"),
		"referrer policy of app":   recorder.Answer(200, "", fixedDate, "Referrer-Policy: origin", "Server: app/1", "X-Powered-By: y"),
		"via of another proxy":     recorder.Answer(200, "", fixedDate, "Via: 1.1 inner"),
		"content location, digest": recorder.Answer(200, "x", fixedDate, "Content-Location: relative", "Content-MD5: abc", "Accept-Ranges: none", "Link: <a>; rel=next", "Refresh: 5; url=b"),
	}
	return answers
}

// dripped sends an answer one byte at a time.
func dripped(raw string) recorder.Reply {
	var reply recorder.Reply
	for i := range len(raw) {
		reply = append(reply, recorder.Write([]byte{raw[i]}), recorder.Delay(time.Millisecond))
	}
	return reply
}

func TestReplayEqualsTheScriptedAnswer(t *testing.T) {
	answers := scripted()
	answers["HEAD with a length"] = recorder.Reply{recorder.Write([]byte("HTTP/1.1 200 OK\r\n" + fixedDate + "\r\nContent-Length: 777\r\n\r\n"))}
	r := record(t, func(a recorder.Arrival) recorder.Reply { return answers[a.Value("X-Answer")] })
	s := serve(t, endpoint(r.URL()))
	for name := range scripted() {
		t.Run(name, func(t *testing.T) {
			wantSameThroughQueue(t, s, r.Address(), get("/dir/page?q=1", "X-Answer: "+name))
		})
	}
	t.Run("HEAD with a length", func(t *testing.T) {
		wantSameThroughQueue(t, s, r.Address(), request{method: "HEAD", target: "/x", fields: []string{"X-Answer: HEAD with a length"}})
	})
}

// transparentFields are what a pass-through or held answer may add or lose
// against a direct one.
func wantTransparent(t testing.TB, direct, got answer) {
	t.Helper()
	want := answer{status: direct.status, header: direct.header.Clone(), body: direct.body}
	dropHopByHop(want.header)
	for name := range want.header {
		if strings.HasPrefix(name, "Openhqm-") {
			delete(want.header, name)
		}
	}
	for name := range got.header {
		if strings.HasPrefix(name, "Openhqm-") {
			delete(got.header, name)
		}
	}
	for _, name := range []string{"Content-Length", "Date"} {
		if values, sent := got.header[name]; sent && want.header.Get(name) == "" {
			want.header[name] = values
		}
	}
	if want.header.Get("Content-Length") != "" && got.header.Get("Content-Length") == "" {
		want.header.Del("Content-Length")
	}
	sameAnswer(t, "transparent", want, got)
}

func TestAClientThatKnowsNothingGetsItsOrdinaryAnswer(t *testing.T) {
	answers := scripted()
	r := record(t, func(a recorder.Arrival) recorder.Reply { return answers[a.Value("X-Answer")] })
	s := serve(t, endpoint(r.URL()))
	for name := range answers {
		t.Run(name, func(t *testing.T) {
			for _, sent := range []request{get("/dir/page", "X-Answer: "+name), post("/dir/page", "x", "X-Answer: "+name)} {
				direct := send(t, r.Address(), sent)
				wantTransparent(t, direct, send(t, s.address, sent))
			}
		})
	}
}

// retried are the statuses of an answer that is not final, for requests that
// may be repeated and for those that may not.
var (
	retriedSafe   = []int{408, 425, 429, 500, 502, 503, 504}
	retriedUnsafe = []int{408, 425, 429, 503}
)

func TestEveryStatusIsReplayed(t *testing.T) {
	special := map[int]bool{}
	for _, status := range retriedSafe {
		special[status] = true
	}
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		var status int
		if _, err := fmt.Sscanf(a.Target(), "/status/%d", &status); err != nil {
			return nil
		}
		body := fmt.Sprintf("this is %d", status)
		if status == 204 || status == 304 || a.Method() == "HEAD" {
			body = ""
		}
		return recorder.Answer(status, body, fixedDate, "X-Status: "+itoa(status))
	})
	s := serve(t, endpoint(r.URL()))
	for _, method := range []string{"GET", "POST"} {
		ids := make([]string, 600)
		for status := 200; status < 600; status++ {
			if !special[status] {
				ids[status] = s.enqueue(t, request{method: method, target: "/status/" + itoa(status)})
			}
		}
		for status := 200; status < 600; status++ {
			if special[status] {
				continue
			}
			sent := request{method: method, target: "/status/" + itoa(status)}
			if final := s.settled(t, ids[status]); final.Status != "COMPLETED" || final.Attempts != 1 {
				t.Errorf("%s answered %d ended %s %s after %d attempts, want COMPLETED after 1", method, status, final.Status, final.Reason, final.Attempts)
			}
			wantReplay(t, sent, send(t, r.Address(), sent), s.replay(t, ids[status]))
		}
	}
}

func TestStatusesThatAreNotFinalAreRetriedOrFail(t *testing.T) {
	for _, status := range retriedSafe {
		for _, method := range []string{"GET", "POST"} {
			t.Run(fmt.Sprintf("%s %d", method, status), func(t *testing.T) {
				t.Parallel()
				first := recorder.Answer(status, "first", fixedDate)
				r := record(t, recorder.Sequence(first, recorder.Answer(200, "second", fixedDate)))
				s := serve(t, endpoint(r.URL()), setting("WORKER__RETRY_DELAY_BASE", "10ms"))
				got, final := s.through(t, request{method: method, target: "/"})
				retried := retriedSafe
				if method == "POST" {
					retried = retriedUnsafe
				}
				want := status
				for _, again := range retried {
					if status == again {
						want = http.StatusOK
					}
				}
				if got.status != want {
					t.Errorf("replayed status %d, want %d", got.status, want)
				}
				if arrived := len(r.Arrivals()); arrived != 1 && want != http.StatusOK || want == http.StatusOK && arrived != 2 {
					t.Errorf("arrived %d times", arrived)
				}
				reason := map[int]string{200: "", 500: "endpoint_error", 502: "unknown_outcome", 504: "unknown_outcome"}[want]
				state := map[bool]string{true: "COMPLETED", false: "FAILED"}[want == http.StatusOK]
				if final.Status != state || final.Reason != reason {
					t.Errorf("ended %s %q, want %s %q", final.Status, final.Reason, state, reason)
				}
				if want != http.StatusOK && string(got.body) != "first" {
					t.Errorf("the answer is not kept: %q", got.body)
				}
			})
		}
	}
}
