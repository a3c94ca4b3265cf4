package ingress_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/queue"
)

const async = "Prefer: respond-async\r\n"

func bodyOf(t testing.TB, b queue.Body) string {
	t.Helper()
	r, err := b.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestCaptureKeepsWhatTheClientSent(t *testing.T) {
	f := start(t, setup{})
	big := strings.Repeat("0123456789abcdef", 8<<10)
	tests := []struct {
		name    string
		raw     string
		method  string
		target  string
		host    string
		header  http.Header
		trailer http.Header
		body    string
		closes  bool
	}{
		{
			name:   "raw path and query",
			raw:    "POST //a/../b%2Fc;v=1/ü?x=%zz&y=a+b?c HTTP/1.1\r\nHost: h\r\n" + async + "Content-Length: 2\r\n\r\nok",
			method: "POST", target: "//a/../b%2Fc;v=1/ü?x=%zz&y=a+b?c", host: "h", header: http.Header{}, body: "ok",
		},
		{
			name: "values in order, empty ones too",
			raw: "PUT /h HTTP/1.1\r\nHost: h\r\n" + async + "X-R: 1\r\nX-Other: o\r\nX-R:\r\nX-R: 1\r\nX-L: caf\xe9\r\nCookie: a=1; b=2\r\nCookie: c\r\n" +
				"Content-Length: 0\r\n\r\n",
			method: "PUT", target: "/h", host: "h",
			header: http.Header{"X-R": {"1", "", "1"}, "X-Other": {"o"}, "X-L": {"caf\xe9"}, "Cookie": {"a=1; b=2", "c"}},
		},
		{
			name: "fields of the connection, framing, Expect and ours are dropped",
			raw: "POST /h HTTP/1.1\r\nHost: h\r\n" + async + "Connection: X-Nominated, keep-alive\r\nX-Nominated: x\r\nKeep-Alive: 1\r\nTE: trailers\r\n" +
				"Proxy-Authorization: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nExpect: 100-continue\r\nOpenHQM-Delivery: 9\r\nX-Kept: 1\r\nContent-Length: 1\r\n\r\nx",
			method: "POST", target: "/h", host: "h", header: http.Header{"X-Kept": {"1"}}, body: "x",
		},
		{
			name:   "forwarding fields of a stranger are dropped",
			raw:    "GET /h HTTP/1.1\r\nHost: h\r\n" + async + "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\nX-Forwarded-Proto: https\r\n\r\n",
			method: "GET", target: "/h", host: "h", header: http.Header{},
		},
		{
			name:   "chunked, with a trailer",
			raw:    "POST /t HTTP/1.1\r\nHost: h\r\n" + async + "Transfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-After: 1\r\n\r\n",
			method: "POST", target: "/t", host: "h", header: http.Header{}, trailer: http.Header{"X-After": {"1"}}, body: "abc", closes: true,
		},
		{
			name:   "absolute form",
			raw:    "GET http://shop.example:8080?a=1 HTTP/1.1\r\nHost: other\r\n" + async + "\r\n",
			method: "GET", target: "/?a=1", host: "shop.example:8080", header: http.Header{},
		},
		{
			name:   "OPTIONS *",
			raw:    "OPTIONS * HTTP/1.1\r\nHost: h\r\n" + async + "\r\n",
			method: "OPTIONS", target: "*", host: "h", header: http.Header{},
		},
		{
			name:   "OPTIONS of a whole server through a proxy",
			raw:    "OPTIONS http://h HTTP/1.1\r\nHost: h\r\n" + async + "\r\n",
			method: "OPTIONS", target: "*", host: "h", header: http.Header{},
		},
		{
			name:   "an unknown method",
			raw:    "m-search /x HTTP/1.1\r\nHost: h\r\n" + async + "\r\n",
			method: "m-search", target: "/x", host: "h", header: http.Header{},
		},
		{
			name:   "other preferences stay",
			raw:    "GET /x HTTP/1.1\r\nHost: h\r\nPrefer: return=minimal, respond-async, x=\"a, wait=1\"\r\nPrefer: handling=lenient\r\nPrefer: wait=0\r\n\r\n",
			method: "GET", target: "/x", host: "h", header: http.Header{"Prefer": {`return=minimal, x="a, wait=1"`, "handling=lenient"}},
		},
		{
			name:   "a preference that is malformed stays",
			raw:    "GET /x HTTP/1.1\r\nHost: h\r\nPrefer: respond-async, wait=x\r\n\r\n",
			method: "GET", target: "/x", host: "h", header: http.Header{"Prefer": {"wait=x"}},
		},
		{
			name:   "HTTP/1.0",
			raw:    "POST /x HTTP/1.0\r\nHost: h\r\n" + async + "Content-Length: 3\r\nConnection: keep-alive\r\n\r\nold",
			method: "POST", target: "/x", host: "h", header: http.Header{}, body: "old", closes: true,
		},
		{
			name:   "a body beyond what is inline",
			raw:    "POST /x HTTP/1.1\r\nHost: h\r\n" + async + "Content-Length: 131072\r\n\r\n" + big,
			method: "POST", target: "/x", host: "h", header: http.Header{}, body: big,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := f.send(t, test.raw)
			if a.status != http.StatusAccepted || a.close != test.closes {
				t.Fatalf("status %d, close %t, want 202, %t: %s", a.status, a.close, test.closes, a.body)
			}
			d := f.lease(t, "app")
			got := d.Request()
			if got.Method != test.method || got.Target != test.target || got.Host != test.host || got.Scheme != "http" || got.Remote == "" {
				t.Errorf("captured %s %s, host %s, scheme %s, remote %s; want %s %s, host %s",
					got.Method, got.Target, got.Host, got.Scheme, got.Remote, test.method, test.target, test.host)
			}
			if !maps.EqualFunc(got.Header, test.header, slices.Equal) {
				t.Errorf("fields %q, want %q", got.Header, test.header)
			}
			if !maps.EqualFunc(got.Trailer, test.trailer, slices.Equal) {
				t.Errorf("trailers %q, want %q", got.Trailer, test.trailer)
			}
			if body := bodyOf(t, got.Body); body != test.body {
				t.Errorf("body of %d bytes, want %d", len(body), len(test.body))
			}
			if id := a.header.Get("OpenHQM-Correlation-Id"); id != d.ID.String() {
				t.Errorf("the answer names %s, stored is %s", id, d.ID)
			}
		})
	}
}

func TestATrustedProxySpeaksForItsClient(t *testing.T) {
	f := start(t, setup{config: ingress.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	f.send(t, "GET /h HTTP/1.1\r\nHost: h\r\n"+async+"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https, http\r\n\r\n")
	got := f.lease(t, "app").Request()
	if got.Scheme != "https" || got.Header.Get("X-Forwarded-For") != "1.2.3.4" {
		t.Errorf("scheme %s, X-Forwarded-For %q", got.Scheme, got.Header.Get("X-Forwarded-For"))
	}
}

func TestACutUploadIsNeverStored(t *testing.T) {
	head := "POST /x HTTP/1.1\r\nHost: h\r\n" + async
	tests := []struct{ name, raw string }{
		{"ends before its length", head + "Content-Length: 10\r\n\r\nabc"},
		{"large, ends before its length", head + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 200_000)},
		{"no last chunk", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
		{"half a chunk", head + "Transfer-Encoding: chunked\r\n\r\n9\r\nabc"},
		{"a chunk without its end", head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n"},
		{"a chunk size that is none", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"},
		{"a malformed trailer", head + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nbad name: 1\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, setup{})
			c := f.dial(t)
			c.write(test.raw)
			if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
				if err := tcp.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			wantProblem(t, c.read("POST"), http.StatusBadRequest, "bad-framing", "nothing was stored")
			if n := f.accepted(t); n != 0 {
				t.Errorf("%d messages stored", n)
			}
		})
	}
}

func TestASmuggledRequestIsNeverServed(t *testing.T) {
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: h\r\n" + async + "\r\n"
	tests := []struct{ name, raw string }{
		{"Content-Length beside chunked", "POST /x HTTP/1.1\r\nHost: h\r\n" + async + "Content-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
		{"chunked over HTTP/1.0", "POST /x HTTP/1.0\r\nHost: h\r\n" + async + "Connection: keep-alive\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled},
		{"an upgrade with a chunked body", "POST /x HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled},
		{"an upgrade over HTTP/1.0", "POST /x HTTP/1.0\r\nHost: h\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled},
		{"HTTP/1.0 without a length", "POST /x HTTP/1.0\r\nHost: h\r\n" + async + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, setup{})
			c := f.dial(t)
			c.write(test.raw)
			if a := c.read("POST"); !a.close {
				t.Errorf("status %d keeps the connection", a.status)
			}
			if _, err := c.in.ReadByte(); err == nil {
				t.Error("the smuggled request was answered")
			}
			if n := f.accepted(t); n > 1 {
				t.Errorf("%d messages stored", n)
			}
		})
	}
}

func TestTheHeadIsRefusedBeforeTheBodyIsRead(t *testing.T) {
	passes := app()
	passes.MaxBody = 100
	hidden := ingress.Target{Name: "hidden", Queue: "hidden"}
	f := start(t, setup{config: ingress.Config{MaxHeaderBytes: 8 << 10}, targets: []ingress.Target{passes, hidden}})
	const expects = "Expect: 100-continue\r\nContent-Length: 50\r\n\r\n"
	tests := []struct {
		name, raw string
		status    int
		kind      string
		mentions  string
	}{
		{"announced body too large", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n", 413, "body-too-large", "100 bytes"},
		{"target too long", "POST /" + strings.Repeat("x", 17<<10) + " HTTP/1.1\r\nHost: h\r\n" + expects, 414, "target-too-long", "16384"},
		{"fields too large", "POST / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 9<<10) + "\r\n" + expects, 431, "headers-too-large", "8192"},
		{"unknown endpoint", "POST / HTTP/1.1\r\nHost: h\r\nOpenHQM-Endpoint: none\r\n" + expects, 404, "unknown-endpoint", "app"},
		{"endpoint that is not selectable", "POST / HTTP/1.1\r\nHost: h\r\nOpenHQM-Endpoint: hidden\r\n" + expects, 404, "unknown-endpoint", "hidden"},
		{"CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "unsupported-method", "CONNECT"},
		{"gRPC", "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc+proto\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 501, "unsupported-protocol", "HTTP/1.1"},
		{"a target whose host is none", "POST http://\" HTTP/1.1\r\nHost: h\r\n" + expects, 400, "bad-request", "host"},
		{"a star that is not of OPTIONS", "POST * HTTP/1.1\r\nHost: h\r\n" + expects, 400, "bad-request", "target"},
		{"two idempotency keys", "POST / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n" + expects, 400, "bad-parameter", "Idempotency-Key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := f.dial(t)
			c.write(test.raw)
			method, _, _ := strings.Cut(test.raw, " ")
			resp, err := http.ReadResponse(c.in, &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			wantProblem(t, answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, test.status, test.kind, test.mentions)
		})
	}
	if n := f.accepted(t); n != 0 {
		t.Errorf("%d messages stored", n)
	}
}

func TestAChunkedBodyOverTheLimitIs413AndNothingStays(t *testing.T) {
	target := app()
	target.MaxBody = 100_000
	f := start(t, setup{targets: []ingress.Target{target}})
	chunk := "8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n"
	a := f.send(t, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 4)+"0\r\n\r\n")
	wantProblem(t, a, http.StatusRequestEntityTooLarge, "body-too-large", "100000")
	if n := f.accepted(t); n != 0 {
		t.Errorf("%d messages stored", n)
	}
}

func TestWithoutADefaultTheAnswerNamesTheWaysToChoose(t *testing.T) {
	other := ingress.Target{Name: "b", Queue: "b", Selectable: true}
	f := start(t, setup{none: true, targets: []ingress.Target{app(), other}})
	wantProblem(t, f.send(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), http.StatusNotFound, "unknown-endpoint", `["app","b"]`,
		"choose one with the OpenHQM-Endpoint header, or metadata.endpoint of a submit, or set proxy.default_endpoint")
	if a := f.send(t, "GET / HTTP/1.1\r\nHost: h\r\nOpenHQM-Endpoint: b\r\n"+async+"\r\n"); a.status != http.StatusAccepted {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	if d := f.lease(t, "b"); d.Record.Endpoint != "" || len(d.Request().Header) != 0 {
		t.Errorf("stored for endpoint %q with %v", d.Record.Endpoint, d.Request().Header)
	}
}
