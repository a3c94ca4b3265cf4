package e2e

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// wantNothingStored checks that what was refused never existed: it is not
// counted, and after everything that is stored was delivered nothing of it has arrived.
func wantNothingStored(t testing.TB, s *server, r *recorder.Recorder, before int) {
	t.Helper()
	s.through(t, post("/sentinel", "last"))
	arrivals := r.Arrivals()[before:]
	if len(arrivals) != 1 || arrivals[0].Target() != "/sentinel" {
		for _, arrival := range arrivals {
			t.Errorf("stored and delivered: %s", tail(string(arrival.Head), 300))
		}
	}
}

func TestATruncatedUploadIsNeverStored(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	for name, raw := range map[string]string{
		"shorter than its length":    "POST /cut HTTP/1.1\r\nHost: h\r\nPrefer: respond-async\r\nContent-Length: 10\r\n\r\nabc",
		"no byte of the body":        "POST /cut HTTP/1.1\r\nHost: h\r\nPrefer: respond-async\r\nContent-Length: 10\r\n\r\n",
		"in the middle of a chunk":   "POST /cut HTTP/1.1\r\nHost: h\r\nPrefer: respond-async\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"without the last chunk":     "POST /cut HTTP/1.1\r\nHost: h\r\nPrefer: respond-async\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"a broken chunk size":        "POST /cut HTTP/1.1\r\nHost: h\r\nPrefer: respond-async\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"a chunk longer than said":   "POST /cut HTTP/1.1\r\nHost: h\r\nPrefer: respond-async\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
		"a submit cut in its JSON":   "POST /api/v1/submit HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{\"payload\": ",
		"a safe method, held or not": "PUT /cut HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.Arrivals())
			got := sendAndHangUp(t, s.address, raw)
			if got != "" && !strings.HasPrefix(got, "HTTP/1.1 400 ") {
				t.Errorf("answered %q, want 400 or nothing", tail(got, 300))
			}
			wantNothingStored(t, s, r, before)
		})
	}
}

// statusLine finds the answers on a connection.
var statusLine = regexp.MustCompile(`(?m)^HTTP/1\.[01] \d{3} `)

// sendAndHangUp sends bytes, closes its side, and returns all that comes back.
func sendAndHangUp(t testing.TB, address, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		t.Fatal(err) // it may have been refused already
	}
	got, err := io.ReadAll(conn)
	if err != nil && len(got) == 0 {
		return "" // a reset is as good as silence
	}
	return string(got)
}

func TestAnOverLongUploadIsRefusedWithTheKeyToRaise(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()), setting("PROXY__MAX_REQUEST_SIZE", "1000"))
	long := strings.Repeat("x", 1001)
	for name, sent := range map[string]request{
		"announced":  post("/long", long, "Prefer: respond-async"),
		"held":       post("/long", long),
		"chunked":    {method: "POST", target: "/long", chunks: []string{long[:600], long[600:]}, fields: []string{"Prefer: respond-async"}},
		"by submit":  post("/api/v1/submit", `{"payload": "`+long+`"}`, "Content-Type: application/json"),
		"far beyond": post("/long", strings.Repeat("x", 5<<20), "Prefer: respond-async"),
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.Arrivals())
			wantProblem(t, send(t, s.address, sent), http.StatusRequestEntityTooLarge, "proxy.max_request_size")
			wantNothingStored(t, s, r, before)
		})
	}
	t.Run("exactly the limit", func(t *testing.T) {
		if got, final := s.through(t, post("/fits", long[:1000])); final.Status != "COMPLETED" || got.status != 200 {
			t.Errorf("ended %+v", final)
		}
	})
}

func TestAnUploadTooLongByItsHeadIsRefusedBeforeItIsSent(t *testing.T) {
	s := serve(t, endpoint("http://"+freeAddress(t)), setting("PROXY__MAX_REQUEST_SIZE", "1000"))
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /long HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 413 ") {
		t.Errorf("the first line is %q, %v; want 413 without 100 before it", line, err)
	}
}

func TestBadFramingIsRefusedAndHidesNoSecondRequest(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	const hidden = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	for name, head := range map[string]string{
		"two lengths":                   "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"a list of lengths":             "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 6\r\n\r\n",
		"a negative length":             "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
		"a length with a sign":          "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n",
		"an unknown transfer coding":    "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"chunked twice":                 "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"no host":                       "GET /x HTTP/1.1\r\n\r\n",
		"two hosts":                     "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"a blank before the colon":      "GET /x HTTP/1.1\r\nHost: h\r\nX-A : 1\r\n\r\n",
		"a blank in a name":             "GET /x HTTP/1.1\r\nHost: h\r\nX A: 1\r\n\r\n",
		"a zero byte in a value":        "GET /x HTTP/1.1\r\nHost: h\r\nX-A: a\x00b\r\n\r\n",
		"a target with a blank":         "GET /x y HTTP/1.1\r\nHost: h\r\n\r\n",
		"a line that is not a field":    "GET /x HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n",
		"an unknown version":            "GET /x HTTP/9.9\r\nHost: h\r\n\r\n",
		"not HTTP":                      "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
		"an invalid escape in a path":   "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
		"an expectation not understood": "POST /x HTTP/1.1\r\nHost: h\r\nExpect: the-unexpected\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.Arrivals())
			got := sendAndHangUp(t, s.address, head+hidden)
			if first, _, _ := strings.Cut(got, "\r\n"); !strings.HasPrefix(first, "HTTP/1.1 4") && !strings.HasPrefix(first, "HTTP/1.1 5") {
				t.Errorf("answered %q, want a refusal", first)
			}
			if n := len(statusLine.FindAllString(got, -1)); n != 1 {
				t.Errorf("%d answers, want one and then the end:\n%s", n, tail(got, 1000))
			}
			wantNothingStored(t, s, r, before)
		})
	}
}

func TestALengthBesideChunksHidesNoSecondRequest(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	for name, raw := range map[string]string{
		"length and chunks":  "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
		"chunks on HTTP/1.0": "POST /x HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			before := len(r.Arrivals())
			got := sendAndHangUp(t, s.address, raw)
			if n := len(statusLine.FindAllString(got, -1)); n != 1 {
				t.Errorf("%d answers, want one and then the end:\n%s", n, tail(got, 1000))
			}
			s.through(t, post("/sentinel", "last"))
			for _, arrival := range r.Arrivals()[before:] {
				if arrival.Target() == "/smuggled" {
					t.Error("the hidden request was served")
				}
			}
		})
	}
}

func TestHeadsBeyondTheLimitsAreRefused(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	before := len(r.Arrivals())
	fields := send(t, s.address, get("/x", "X-Long: "+strings.Repeat("v", 100<<10)))
	if fields.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("100 KiB of fields: status %d, want 431", fields.status)
	}
	target := send(t, s.address, get("/"+strings.Repeat("p", 20<<10)))
	if target.status != http.StatusRequestURITooLong {
		t.Errorf("a target of 20 KiB: status %d, want 414: %s", target.status, target.text())
	}
	wantNothingStored(t, s, r, before)
}
