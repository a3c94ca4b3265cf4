package endpoint_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// front serves an endpoint's Pass.
func front(t testing.TB, e *endpoint.Endpoint) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(e.Pass))
	t.Cleanup(s.Close)
	return s
}

// dial sends raw bytes to a server and returns the connection and a reader of it.
func dial(t *testing.T, s *httptest.Server, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func read(t *testing.T, r *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestPassKeepsTheRulesOfHandle(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(418, "tea", "Set-Cookie: a=1", "Set-Cookie: b=2", "OpenHQM-State: FAILED", "Connection: X-Hop", "X-Hop: 1", "Content-Encoding: gzip")))
	s := front(t, open(t, r.URL()+"/base/", func(c *endpoint.Config) {
		c.Headers = map[string]string{"X-Source": "openhqm"}
		c.HeaderNames = []string{"SOAPAction"}
		c.Auth = endpoint.Auth{Scheme: endpoint.AuthBearer, Secret: func() string { return "tok" }}
	}))
	_, in := dial(t, s, "PATCH //a%2Fb/../c?x=%zz;y&\xff HTTP/1.1\r\nHost: app.example\r\nAuthorization: mine\r\nX-Source: mine\r\nsoapaction: x\r\n"+
		"X-A: 1\r\nX-A: 2\r\nConnection: X-Gone, X-Source\r\nX-Gone: 1\r\nOpenHQM-Delivery: 9\r\nVia: 1.1 lb\r\nX-Forwarded-For: 192.0.2.1\r\nPrefer: wait=3\r\nContent-Length: 4\r\n\r\nbody")
	answer, text := read(t, in, "PATCH")
	if answer.StatusCode != 418 || text != "tea" || !slices.Equal(answer.Header["Set-Cookie"], []string{"a=1", "b=2"}) ||
		answer.Header["Openhqm-State"] != nil || answer.Header["X-Hop"] != nil || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("answer %d %q %v", answer.StatusCode, text, answer.Header)
	}
	got := r.Arrivals()[0]
	if got.Method() != "PATCH" || got.Target() != "/base//a%2Fb/../c?x=%zz;y&\xff" || string(got.Body) != "body" || !strings.Contains(string(got.Head), "\r\nSOAPAction: x\r\n") {
		t.Errorf("arrived as %q %q", got.Head, got.Body)
	}
	for field, want := range map[string][]string{
		"Host": {"app.example"}, "Authorization": {"Bearer tok"}, "X-Source": {"openhqm"}, "X-A": {"1", "2"}, "X-Gone": nil, "OpenHQM-Delivery": nil,
		"Via": {"1.1 lb, 1.1 openhqm"}, "X-Forwarded-For": {"192.0.2.1, 127.0.0.1"}, "X-Forwarded-Host": {"app.example"}, "X-Forwarded-Proto": {"http"},
		"Prefer": {"wait=3"}, "User-Agent": nil, "Accept-Encoding": nil, "Content-Length": {"4"}, "Connection": nil,
	} {
		if have := got.Values(field); !slices.Equal(have, want) {
			t.Errorf("%s arrived as %q, want %q", field, have, want)
		}
	}
}

func TestPassStreamsEvents(t *testing.T) {
	next := make(chan struct{})
	r := start(t, recorder.Always(recorder.Reply{
		recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")), recorder.Hold(next),
		recorder.Write([]byte("data: 2\n\n")), recorder.Close(),
	}))
	s := front(t, open(t, r.URL(), nil))
	answer, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	events := bufio.NewReader(answer.Body)
	if line, err := events.ReadString('\n'); line != "data: 1\n" {
		t.Errorf("first line %q, %v", line, err)
	}
	close(next)
	if rest, err := io.ReadAll(events); string(rest) != "\ndata: 2\n\n" {
		t.Errorf("rest %q, %v", rest, err)
	}
}

func TestPassLetsUpgradesThrough(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{
		recorder.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello")),
		func(conn net.Conn, _ <-chan struct{}) bool { _, _ = io.Copy(conn, conn); return false },
	}))
	s := front(t, open(t, r.URL(), nil))
	conn, in := dial(t, s, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nUpgrade: echo\r\n\r\n")
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != 101 || answer.Header.Get("Upgrade") != "echo" {
		t.Fatalf("answer %+v, %v", answer, err)
	}
	if _, err := io.WriteString(conn, " there"); err != nil {
		t.Fatal(err)
	}
	var got [len("hello there")]byte
	if _, err := io.ReadFull(in, got[:]); err != nil || string(got[:]) != "hello there" {
		t.Errorf("got %q, %v", got, err)
	}
	arrived := r.Arrivals()[0]
	if arrived.Value("Connection") != "Upgrade" || arrived.Value("Upgrade") != "echo" || arrived.Values("X-Hop") != nil {
		t.Errorf("arrived as %q", arrived.Head)
	}
}

func TestPassStripsHTTP2Upgrades(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "")))
	s := front(t, open(t, r.URL(), nil))
	_, in := dial(t, s, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n")
	read(t, in, "GET")
	if got := r.Arrivals()[0]; got.Values("Upgrade") != nil || got.Values("Connection") != nil || got.Values("HTTP2-Settings") != nil {
		t.Errorf("arrived as %q", got.Head)
	}
}

func TestPassKeepsTrailersBothWays(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"))}))
	s := front(t, open(t, r.URL(), nil))
	_, in := dial(t, s, "POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\nTrailer: X-Req\r\n\r\n2\r\nhi\r\n0\r\nX-Req: 2\r\n\r\n")
	answer, text := read(t, in, "POST")
	if text != "ok" || answer.Trailer.Get("X-Sum") != "1" {
		t.Errorf("answer %q, trailer %v", text, answer.Trailer)
	}
	if got := r.Arrivals()[0]; !got.Chunked || string(got.Body) != "hi" || string(got.Trailer) != "X-Req: 2\r\n" || got.Value("TE") != "trailers" {
		t.Errorf("arrived as %q %q %q", got.Head, got.Body, got.Trailer)
	}
}

func TestPassReportsWhatFailed(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	hanging := start(t, recorder.Always(recorder.Reply{recorder.Delay(time.Hour)}))
	closing := start(t, recorder.Always(recorder.Reply{recorder.Close()}))
	for name, c := range map[string]struct {
		url, via string
		status   int
		class    queue.Class
	}{
		"refused": {"http://" + refusing.Addr().String(), "", 502, queue.NotSent},
		"hangs":   {hanging.URL(), "", 504, queue.Unanswered},
		"closes":  {closing.URL(), "", 502, queue.Unanswered},
		"circle":  {closing.URL(), "1.1 openhqm, 1.1 openhqm, 1.1 openhqm", 508, queue.Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			var failure endpoint.Failure
			e, err := endpoint.New(endpoint.Config{Name: "app", URL: c.url, FirstByteTimeout: 100 * time.Millisecond,
				Auth: endpoint.Auth{Scheme: endpoint.AuthBearer, Secret: func() string { return "s3cr3t" }}},
				endpoint.Options{WriteError: func(w http.ResponseWriter, r *http.Request, f endpoint.Failure) {
					failure = f
					if r.Header.Get("Authorization") != "" {
						t.Error("the error writer sees the credentials")
					}
					w.WriteHeader(f.Status)
				}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/?q=s3cr3t", nil)
			r.Header.Set("Via", c.via)
			e.Pass(w, r)
			if w.Code != c.status || failure.Class != c.class || failure.Endpoint != "app" || failure.Detail == "" || strings.Contains(failure.Detail, "s3cr3t") {
				t.Errorf("answered %d, %+v", w.Code, failure)
			}
		})
	}
}

func TestPassCutsAnAnswerThatIsCut(t *testing.T) {
	r := start(t, recorder.Always(raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")))
	s := front(t, open(t, r.URL(), nil))
	_, in := dial(t, s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if text, err := io.ReadAll(in); err != nil || strings.HasSuffix(string(text), "abc\r\n\r\n") || strings.Contains(string(text), " 502 ") {
		t.Errorf("a cut answer came as %q, %v", text, err)
	}
}

func TestPassArrivesOnce(t *testing.T) {
	r := start(t, func(a recorder.Arrival) recorder.Reply {
		if a.Target() == "/warm" {
			return recorder.Answer(200, "")
		}
		return recorder.Reply{recorder.Reset()}
	})
	e := open(t, r.URL(), nil)
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT"} {
		before := len(r.Arrivals())
		for _, target := range []string{"/warm", "/x", "/warm"} {
			request := httptest.NewRequest(method, target, nil)
			request.Header.Set("Idempotency-Key", "k")
			e.Pass(httptest.NewRecorder(), request)
		}
		if n := len(r.Arrivals()) - before; n != 3 {
			t.Errorf("%s: %d arrivals of 3 requests", method, n)
		}
	}
}

func TestPassEndsWithItsClient(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Delay(time.Hour)}))
	e := open(t, r.URL(), nil)
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.Pass(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	}()
	if _, err := r.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	leave()
	<-done
}

func TestProbe(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(404, "")))
	if p := open(t, r.URL()+"/base", nil).Test(t.Context(), endpoint.ProbeRequest{}); p.Class != queue.Answered || p.Status != 404 || p.Detail != "" {
		t.Errorf("probe %+v", p)
	}
	if got := r.Arrivals()[0]; got.Method() != "HEAD" || got.Target() != "/base" {
		t.Errorf("arrived as %q", got.Head)
	}
	if p := open(t, "http://nowhere.invalid", nil).Test(t.Context(), endpoint.ProbeRequest{}); p.Class != queue.NotSent || p.Detail == "" {
		t.Errorf("probe %+v", p)
	}
}

// app is a trivial application for benchmarks.
func app(b *testing.B) *httptest.Server {
	text := bytes.Repeat([]byte("x"), 1200)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(text)
	}))
	b.Cleanup(s.Close)
	return s
}

func BenchmarkHandle(b *testing.B) {
	e := open(b, app(b).URL, nil)
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"*/*"}, "User-Agent": {"curl/8"}, "X-Request-Id": {"1"}}
	d := delivery(queue.Request{Header: h, Host: "app", Scheme: "http", Remote: "127.0.0.1:1", Body: body(strings.Repeat("y", 1024))})
	b.ReportAllocs()
	for b.Loop() {
		if o := e.Handle(b.Context(), d); o.Class != queue.Answered {
			b.Fatal(o.Err)
		}
	}
}

func BenchmarkPass(b *testing.B) {
	s := app(b)
	for name, url := range map[string]string{"direct": s.URL, "passed": front(b, open(b, s.URL, nil)).URL} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				answer, err := http.Post(url, "text/plain", strings.NewReader("x"))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
}
