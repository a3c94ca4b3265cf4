package app

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// FuzzCaptureAndForward sends bytes to the ingress listener, reads what was stored, forwards it, and reads what arrived.
// What was stored is the request that net/http reads from the same bytes, and what arrived is the one that was stored, each
// but for the changes that docs/design.md lists, which are written down here once more. Nothing is stored without a 202,
// one 202 is one arrival, and no request behind an ambiguous end is served.
func FuzzCaptureAndForward(f *testing.F) {
	const async = "Host: h\r\n"
	for _, seed := range []string{
		"POST //a/../b%2Fc;v=1/x?x=%zz&y=a+b?c HTTP/1.1\r\n" + async + "Content-Length: 2\r\n\r\nok",
		"PUT /h HTTP/1.1\r\n" + async + "X-R: 1\r\nX-R:\r\nX-R: 1\r\nX-L: caf\xe9\r\nCookie: a=1; b=2\r\nCookie: c\r\nContent-Length: 0\r\n\r\n",
		"POST /h HTTP/1.1\r\n" + async + "Connection: X-Nominated, keep-alive\r\nX-Nominated: x\r\nKeep-Alive: 1\r\nTE: trailers\r\nProxy-Authorization: x\r\n" +
			"Upgrade: h2c\r\nHTTP2-Settings: x\r\nExpect: 100-continue\r\nOpenHQM-Delivery: 9\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: 1\r\n\r\nx",
		"POST /t HTTP/1.1\r\n" + async + "Transfer-Encoding: chunked\r\nTrailer: X-After, X-Not\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-After: 1\r\n\r\nGET /smuggled HTTP/1.1\r\n" + async + "\r\n",
		"GET http://shop.example:8080?a=1 HTTP/1.1\r\nHost: other\r\n\r\n", "OPTIONS * HTTP/1.1\r\n" + async + "\r\n", "OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n",
		"m-search /x HTTP/1.1\r\n" + async + "Via: 1.1 a, 1.0 b (c)\r\nX_Forwarded_For: 1\r\nX_Own: 1\r\nUser-Agent: \r\n\r\nHEAD /y HTTP/1.1\r\n" + async + "User-Agent: x\r\n\r\n",
		"GET /x HTTP/1.1\r\n" + async + "Prefer: return=minimal, respond-async, x=\"a, wait=1\"\r\nPrefer: handling=lenient\r\n\r\n",
		"POST /x HTTP/1.0\r\nHost: h\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nold", "POST /x HTTP/1.1\r\n" + async + "Content-Length: 9\r\n\r\nabc",
		"POST / HTTP/1.1\r\n" + async + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "\r\nPOST / HTTP/1.1\r\n" + async + "Content-Length: 0\r\n\r\n\r\nTRACE / HTTP/1.1\r\n" + async + "\r\n",
		"POST / HTTP/1.1\r\n" + async + "OpenHQM-Endpoint: app\r\nIdempotency-Key: \"k\"\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	l := newPipeline(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if bytes.HasPrefix(bytes.TrimLeft(raw, "\r\n"), []byte("PRI ")) {
			return // HTTP/2 from here on
		}
		l.open(t)
		sent := requestsIn(raw)
		stored := make(map[queue.ID]bool)
		for i, a := range l.send(t, raw, sent) {
			if a.StatusCode != http.StatusAccepted {
				continue
			}
			if i >= len(sent) || !sent[i].whole {
				t.Fatalf("answer %d is 202, and only %d requests are whole", i, len(sent))
			}
			if in := sent[i].Request; (in.ProtoMinor == 0 || len(in.TransferEncoding) > 0) && (!a.Close || i+1 < len(l.answers)) {
				t.Errorf("after request %d, whose end may be in doubt, the connection goes on", i)
			}
			id, err := queue.ParseID(a.Header.Get("OpenHQM-Correlation-Id"))
			if err != nil {
				t.Fatal(err)
			}
			if stored[id] {
				continue // a repeat under its idempotency key
			}
			stored[id] = true
			rec, err := l.broker.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			sent[i].wantStored(t, &rec.Request)
		}
		if n := l.forward(t, stored); n != len(stored) {
			t.Errorf("%d messages are stored, and %d were answered 202", n, len(stored))
		}
	})
}

// pipeline is what a request goes through: a listener, a store that each input has for itself, and an endpoint.
type pipeline struct {
	server   string // path of the socket
	handler  atomic.Pointer[http.Handler]
	broker   *queue.Broker
	endpoint *endpoint.Endpoint
	recorder *recorder.Recorder
	arrived  chan recorder.Arrival
	inputs   int
	answers  []*http.Response
}

// newPipeline listens on a socket of the file system, because so many connections a second would use up the ports.
func newPipeline(f *testing.F) *pipeline {
	l := &pipeline{server: filepath.Join(f.TempDir(), "s"), arrived: make(chan recorder.Arrival, 100)}
	listener, err := net.Listen("unix", l.server)
	if err != nil {
		f.Fatal(err)
	}
	server := ingress.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*l.handler.Load()).ServeHTTP(w, r) }),
		64<<10, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(remoteListener{listener}) }()
	f.Cleanup(func() {
		server.Close()
		<-served
		l.closeEndpoint()
	})
	return l
}

func (l *pipeline) closeEndpoint() {
	if l.recorder != nil {
		l.endpoint.Close()
		l.recorder.Close()
	}
}

// open begins with an empty store. The recorder keeps what arrived, so that it is renewed now and then.
func (l *pipeline) open(t *testing.T) {
	l.broker = queue.NewBroker(memory.New(memory.Options{MaxMessages: 1000, MaxBytes: 1 << 30}), queue.BrokerOptions{})
	replies, err := reply.New(reply.Config{Prefix: "/api/v1"}, reply.Options{Broker: l.broker, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = ingress.New(ingress.Config{}, ingress.Options{Broker: l.broker, Replies: replies, Log: slog.New(slog.DiscardHandler),
		Targets: ingress.NewTable("app", ingress.Target{Name: "app", Queue: "app", Endpoint: true, Selectable: true, Mode: ingress.ModeAsync})})
	l.handler.Store(&h)
	if l.inputs++; l.inputs%1000 != 1 {
		return
	}
	l.closeEndpoint()
	if l.recorder, err = recorder.Start(func(a recorder.Arrival) recorder.Reply {
		l.arrived <- a
		return recorder.Reply{recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))}
	}); err != nil {
		t.Fatal(err)
	}
	if l.endpoint, err = endpoint.New(endpoint.Config{Name: "app", URL: l.recorder.URL(), Timeout: 10 * time.Second}, endpoint.Options{Pseudonym: "openhqm"}); err != nil {
		t.Fatal(err)
	}
}

// send sends the bytes and returns the final answers.
func (l *pipeline) send(t *testing.T, raw []byte, sent []sentRequest) []*http.Response {
	conn, err := net.Dial("unix", l.server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		_, _ = conn.Write(raw) // the server may have had enough
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	in := bufio.NewReader(conn)
	l.answers = nil
	for {
		method := http.MethodGet
		if n := len(l.answers); n < len(sent) {
			method = sent[n].Method
		}
		a, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			break
		}
		_, err = io.ReadAll(a.Body)
		if a.StatusCode >= 200 {
			l.answers = append(l.answers, a)
		}
		if err != nil {
			break // a socket is reset where bytes were left unread
		}
	}
	conn.Close()
	<-wrote
	return l.answers
}

// forward delivers all that is stored, holds what arrives against it, and returns how much it was.
func (l *pipeline) forward(t *testing.T, stored map[queue.ID]bool) (n int) {
	for {
		ctx, cancel := context.WithCancel(t.Context())
		if n >= len(stored) {
			cancel() // only what must not be there
		}
		deliveries, err := l.broker.Lease(ctx, queue.LeaseRequest{Worker: "w", Max: 1, Slots: 1, TTL: time.Minute, Queues: []queue.Want{{Queue: "app"}}})
		cancel()
		if err != nil {
			return n
		}
		d := deliveries[0]
		n++
		o := l.endpoint.Handle(t.Context(), d)
		if o.Class != queue.Answered {
			if strings.Contains(strings.Join(d.Request().Header["Via"], ","), "openhqm") {
				continue // it goes in a circle
			}
			t.Fatalf("%s %q is not answered: %v", d.Request().Method, d.Request().Target, o.Err)
		}
		wantArrived(t, d, <-l.arrived, l.recorder.Address())
		select {
		case again := <-l.arrived:
			t.Errorf("%s %s arrived twice, the second time as %q", d.Request().Method, d.Request().Target, again.Head)
		default:
		}
	}
}

// remoteListener gives the connections of a socket the address of a client.
type remoteListener struct{ net.Listener }

func (l remoteListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return remoteConn{c.(*net.UnixConn)}, nil
}

type remoteConn struct{ *net.UnixConn }

func (remoteConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711} }

// sentRequest is a request as net/http reads it from the bytes.
type sentRequest struct {
	*http.Request
	body  []byte
	whole bool
}

// requestsIn reads requests until one is not whole.
func requestsIn(raw []byte) (sent []sentRequest) {
	in := bufio.NewReader(bytes.NewReader(raw))
	for {
		if n := len(sent); n > 0 && sent[n-1].Method == http.MethodPost { // RFC 9112 2.2
			ahead, _ := in.Peek(4)
			_, _ = in.Discard(len(ahead) - len(bytes.TrimLeft(ahead, "\r\n")))
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			return sent
		}
		body, err := io.ReadAll(r.Body)
		sent = append(sent, sentRequest{r, body, err == nil})
		if err != nil {
			return sent
		}
	}
}

var schemeAndAuthority = regexp.MustCompile(`^[^/?]*?://[^/?]*`)

// wantStored holds what was stored against what was sent.
func (s *sentRequest) wantStored(t *testing.T, got *queue.Request) {
	target := s.RequestURI
	if target != "*" && !strings.HasPrefix(target, "/") {
		switch target = schemeAndAuthority.ReplaceAllString(target, ""); {
		case target == "" && s.Method == http.MethodOptions:
			target = "*"
		case !strings.HasPrefix(target, "/"):
			target = "/" + target
		}
	}
	if got.Method != s.Method || got.Target != target || got.Host != s.Host || got.Proto != s.Proto || got.Scheme != "http" {
		t.Errorf("%s %q of %q in %s became %s %q of %q in %s", s.Method, s.RequestURI, s.Host, s.Proto, got.Method, got.Target, got.Host, got.Proto)
	}
	if body := textOf(t, got.Body); body != string(s.body) {
		t.Errorf("a body of %d bytes became one of %d", len(s.body), len(body))
	}
	want, have := s.kept(s.Header), maps.Clone(got.Header)
	if preferences := strings.ToLower(strings.Join(want["Prefer"], ",")); strings.Contains(preferences, "respond-async") || strings.Contains(preferences, "wait") {
		for _, line := range have["Prefer"] {
			if !strings.Contains(strings.ToLower(line), "wait") && strings.EqualFold(strings.Trim(line, " \t"), "respond-async") {
				t.Errorf("the preference %q is still there", line)
			}
		}
		delete(want, "Prefer")
		delete(have, "Prefer")
	}
	if !maps.EqualFunc(have, want, slices.Equal) {
		t.Errorf("fields %q became %q, want %q", s.Header, have, want)
	}
	if trailer := s.kept(s.Trailer); !maps.EqualFunc(got.Trailer, trailer, slices.Equal) {
		for name, values := range got.Trailer { // some of them may not stand there
			if !slices.Equal(values, trailer[name]) {
				t.Errorf("trailers %q became %q", s.Trailer, got.Trailer)
			}
		}
	}
}

// ofConnection are the fields that never travel further (RFC 9110 7.6.1), and those that are made anew.
var ofConnection = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding",
	"Upgrade", "HTTP2-Settings", "Content-Length", "Expect", "Host", "Forwarded"}

// kept returns the fields that are the client's to send, of a client that is not trusted.
func (s *sentRequest) kept(h http.Header) http.Header {
	kept := make(http.Header)
	for name, values := range h {
		lower := strings.ToLower(name)
		drop := strings.HasPrefix(lower, "openhqm-") || strings.HasPrefix(lower, "x-forwarded-") || values == nil
		for _, other := range append(strings.Split(strings.Join(s.Header["Connection"], ","), ","), ofConnection...) {
			drop = drop || strings.EqualFold(strings.Trim(other, " \t\r\n"), name)
		}
		if !drop {
			kept[name] = values
		}
	}
	return kept
}

var (
	portAtEnd   = regexp.MustCompile(`^(?:[^:\[\]]*|\[[^\[\]]*\]):([0-9]+)$`)
	punctuation = regexp.MustCompile(`[^0-9A-Za-z]`)
)

// portOf returns the port that a client of a host called without TLS.
func portOf(host string) string {
	if found := portAtEnd.FindStringSubmatch(host); found != nil {
		return found[1]
	}
	return "80"
}

// speaksForUs reports whether a field has the name of one that only proxies set, but for its punctuation.
func speaksForUs(name string) bool {
	alike := punctuation.ReplaceAllString(name, "-")
	if alike == name {
		return false
	}
	for _, other := range append([]string{"Via"}, ofConnection...) {
		if strings.EqualFold(alike, other) {
			return true
		}
	}
	for _, prefix := range []string{"OpenHQM-", "X-Forwarded-"} {
		if len(alike) >= len(prefix) && strings.EqualFold(alike[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// wantArrived holds what arrived against what was stored.
func wantArrived(t *testing.T, d *queue.Delivery, a recorder.Arrival, address string) {
	r := d.Request()
	if a.Method() != r.Method || a.Target() != r.Target || a.Protocol() != "HTTP/1.1" {
		t.Errorf("%s %q arrived as %s %q in %s", r.Method, r.Target, a.Method(), a.Target(), a.Protocol())
	}
	if string(a.Body) != textOf(t, r.Body) {
		t.Errorf("a body of %d bytes arrived as %d", r.Body.Size(), len(a.Body))
	}
	host := r.Host
	if host == "" {
		host = address
	}
	added := map[string][]string{
		"Host": {host}, "Openhqm-Correlation-Id": {d.ID.String()}, "Openhqm-Delivery": {"1"}, "Openhqm-Last-Attempt": a.Values("OpenHQM-Last-Attempt"),
		"Via":             {strings.TrimPrefix(strings.Join(append(slices.Clone(r.Header["Via"]), strings.TrimPrefix(r.Proto, "HTTP/")+" openhqm"), ", "), ", ")},
		"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Port": {portOf(a.Value("X-Forwarded-Host"))}, "X-Forwarded-Host": a.Values("X-Forwarded-Host"), "Forwarded": a.Values("Forwarded"),
		"Content-Length": a.Values("Content-Length"), "Transfer-Encoding": a.Values("Transfer-Encoding"), "Trailer": a.Values("Trailer"),
	}
	if len(r.Header["Via"]) > 0 {
		added["Via"] = a.Values("Via")
		if line := strings.Join(a.Values("Via"), ", "); !strings.HasPrefix(strings.Trim(line, " \t"), strings.Trim(strings.Join(r.Header["Via"], ", "), " \t")) || !strings.HasSuffix(line, " openhqm") {
			t.Errorf("Via %q arrived as %q", r.Header["Via"], line)
		}
	}
	want := make(http.Header)
	for name, values := range r.Header {
		if added[name] == nil && !speaksForUs(name) {
			want[name] = trimmed(values)
		}
	}
	for name, values := range added {
		if len(values) > 0 {
			want[name] = values
		}
	}
	got := make(http.Header)
	for _, field := range a.Fields() {
		got[http.CanonicalHeaderKey(field.Name)] = append(got[http.CanonicalHeaderKey(field.Name)], field.Value)
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("fields arrived as %q, want %q", got, want)
	}
	trailer := make(http.Header)
	for line := range strings.SplitSeq(strings.TrimSpace(string(a.Trailer)), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			trailer.Add(name, strings.Trim(value, " \t"))
		}
	}
	sent := maps.Clone(r.Trailer)
	maps.DeleteFunc(sent, func(name string, _ []string) bool { return name == "Via" || speaksForUs(name) })
	if len(trailer)+len(sent) > 0 && !maps.EqualFunc(trailer, sent, func(a, b []string) bool { return slices.Equal(a, trimmed(b)) }) {
		t.Errorf("trailers %q arrived as %q", r.Trailer, trailer)
	}
}

// trimmed returns values without the blanks around them, which are not part of a value (RFC 9110 5.5). A folded line can
// leave one at the end.
func trimmed(values []string) []string {
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Trim(v, " \t")
	}
	return trimmed
}

func textOf(t *testing.T, b queue.Body) string {
	in, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
