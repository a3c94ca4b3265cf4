package endpoint_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"encoding/pem"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
)

// h2c starts a server that speaks HTTP/2 without TLS and nothing else.
func h2c(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func TestRequestsArriveFaithfullyInHTTP2(t *testing.T) {
	seen := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	url := h2c(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		seen <- r
		bodies <- string(text)
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
		w.Header().Set("X-Sum", "7")
	})
	e := open(t, url, func(c *endpoint.Config) {
		c.Protocol = endpoint.H2C
		c.Host = endpoint.HostPreserve
		c.HeaderNames = []string{"SOAPAction"}
	})
	for _, target := range []string{"/a%2Fb/../c?x=%zz;y", "//two/slashes?a=//b", "/"} {
		o := e.Handle(t.Context(), delivery(queue.Request{Method: "PUT", Target: target, Host: "app.example:81", Body: body("some bytes"),
			Header:  http.Header{"X-Many": {"1", "2"}, "Soapaction": {"go"}, "Te": {"trailers"}, "Connection": {"TE"}},
			Trailer: http.Header{"X-End": {"z"}}}))
		if o.Class != queue.Answered || o.Result.Status != 418 || content(t, o.Result.Body) != "short and stout" ||
			o.Result.Trailer.Get("X-Sum") != "7" || len(o.Result.Header["Set-Cookie"]) != 2 || o.Result.Proto != "HTTP/2.0" {
			t.Fatalf("%s: %+v %+v", target, o, o.Result)
		}
		r := <-seen
		if r.Proto != "HTTP/2.0" || r.Method != "PUT" || r.RequestURI != target || r.Host != "app.example:81" || <-bodies != "some bytes" ||
			len(r.Header["X-Many"]) != 2 || r.Header.Get("Soapaction") != "go" || r.Trailer.Get("X-End") != "z" || r.Header.Get("OpenHQM-Delivery") != "1" {
			t.Errorf("%s arrived as %s %s %s %s %v %v", target, r.Proto, r.Method, r.RequestURI, r.Host, r.Header, r.Trailer)
		}
	}
	for _, method := range []string{"GET", "HEAD", "POST"} {
		if o := e.Handle(t.Context(), delivery(queue.Request{Method: method})); o.Class != queue.Answered {
			t.Fatalf("%s: %v", method, o.Err)
		}
		if r := <-seen; r.ContentLength != 0 || <-bodies != "" {
			t.Errorf("a %s without a body arrived with the length %d", method, r.ContentLength)
		}
	}
}

func TestPassedCallsGoInHTTP2(t *testing.T) {
	url := h2c(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
		_, _ = fmt.Fprint(w, " by ", r.Proto, " ", r.RequestURI)
	})
	s := front(t, open(t, url, func(c *endpoint.Config) { c.Protocol = endpoint.H2C }))
	_, in := dial(t, s, "POST //x?y HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 2\r\n\r\nhi")
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != 200 || string(text) != "hi by HTTP/2.0 //x?y" {
		t.Errorf("answered %d %q", answer.StatusCode, text)
	}
}

func TestHTTP2OverTLSIsNotNegotiatedAway(t *testing.T) {
	for _, speaks := range []bool{true, false} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
		s.EnableHTTP2 = speaks
		s.StartTLS()
		t.Cleanup(s.Close)
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		e := open(t, s.URL, func(c *endpoint.Config) { c.Protocol, c.TLS.CAFile = endpoint.HTTP2, ca })
		o := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")}))
		switch {
		case speaks && (o.Class != queue.Answered || content(t, o.Result.Body) != "HTTP/2.0"):
			t.Errorf("an endpoint with HTTP/2: %v %v", o.Class, o.Err)
		case !speaks && (o.Class != queue.NotSent || !strings.Contains(o.Err.Error(), "protocol")):
			t.Errorf("an endpoint without HTTP/2: %v %v", o.Class, o.Err)
		}
	}
}

func TestAProtocolFitsItsURL(t *testing.T) {
	for protocol, url := range map[endpoint.Protocol]string{endpoint.HTTP2: "http://a", endpoint.H2C: "https://a", "h3": "https://a"} {
		if _, err := endpoint.New(endpoint.Config{Name: "a", URL: url, Protocol: protocol}, endpoint.Options{}); err == nil {
			t.Errorf("%s is spoken to %s", protocol, url)
		}
	}
}

// frames is a server of HTTP/2 that does with each request what it is told, and counts them.
type frames struct {
	arrivals, connections atomic.Int64
}

func (f *frames) start(t *testing.T, react func(fr *http2.Framer, c net.Conn, n int64, stream uint32)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.connections.Add(1)
			go f.serve(c, react)
		}
	}()
	return "http://" + l.Addr().String()
}

func (f *frames) serve(c net.Conn, react func(fr *http2.Framer, c net.Conn, n int64, stream uint32)) {
	defer c.Close()
	if _, err := io.CopyN(io.Discard, c, int64(len(http2.ClientPreface))); err != nil {
		return
	}
	fr := http2.NewFramer(c, c)
	_ = fr.WriteSettings()
	for {
		frame, err := fr.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = fr.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			react(fr, c, f.arrivals.Add(1), frame.StreamID)
		}
	}
}

// answer200 answers a stream.
func answer200(fr *http2.Framer, stream uint32) {
	var b bytes.Buffer
	_ = hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b.Bytes(), EndStream: true, EndHeaders: true})
}

// R6 in HTTP/2: net/http sends several of these again by itself, up to seven times.
func TestOneAttemptIsOneStream(t *testing.T) {
	for name, react := range map[string]func(fr *http2.Framer, c net.Conn, stream uint32){
		"refuses the stream":  func(fr *http2.Framer, _ net.Conn, s uint32) { _ = fr.WriteRSTStream(s, http2.ErrCodeRefusedStream) },
		"protocol error":      func(fr *http2.Framer, _ net.Conn, s uint32) { _ = fr.WriteRSTStream(s, http2.ErrCodeProtocol) },
		"breaks the stream":   func(fr *http2.Framer, _ net.Conn, s uint32) { _ = fr.WriteRSTStream(s, http2.ErrCodeInternal) },
		"goes away before it": func(fr *http2.Framer, _ net.Conn, s uint32) { _ = fr.WriteGoAway(s-2, http2.ErrCodeNo, nil) },
		"goes away with it":   func(fr *http2.Framer, c net.Conn, s uint32) { _ = fr.WriteGoAway(s, http2.ErrCodeNo, nil); c.Close() },
		"closes":              func(_ *http2.Framer, c net.Conn, _ uint32) { c.Close() },
		"goes away by mistake": func(fr *http2.Framer, c net.Conn, s uint32) {
			_ = fr.WriteGoAway(s, http2.ErrCodeInternal, nil)
			c.Close()
		},
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST"} {
			for _, text := range []string{"", "some bytes"} {
				t.Run(fmt.Sprintf("%s/%s/%d", name, method, len(text)), func(t *testing.T) {
					var f frames
					url := f.start(t, func(fr *http2.Framer, c net.Conn, n int64, stream uint32) {
						if n == 1 { // so that the connection is an old one
							answer200(fr, stream)
							return
						}
						react(fr, c, stream)
					})
					e := open(t, url, func(c *endpoint.Config) { c.Protocol, c.Timeout = endpoint.H2C, 5*time.Second })
					if o := e.Handle(t.Context(), delivery(queue.Request{Method: "GET"})); o.Class != queue.Answered {
						t.Fatal(o.Err)
					}
					o := e.Handle(t.Context(), delivery(queue.Request{Method: method, Header: http.Header{"Idempotency-Key": {"k"}}, Body: body(text)}))
					want := queue.Unanswered
					if text != "" && (name == "refuses the stream" || name == "goes away before it") {
						want = queue.NotSent
					}
					if o.Class != want {
						t.Errorf("class %s: %v, want %s", o.Class, o.Err, want)
					}
					if n := f.arrivals.Load() - 1; n != 1 {
						t.Errorf("%d streams of one attempt", n)
					}
				})
			}
		}
	}
}

// A request with a body that was provably not handled is not sent: it may go again, whatever its method.
func TestARefusedStreamIsNotSent(t *testing.T) {
	var f frames
	url := f.start(t, func(fr *http2.Framer, _ net.Conn, n int64, stream uint32) {
		if n == 1 {
			_ = fr.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
			return
		}
		answer200(fr, stream)
	})
	e := open(t, url, func(c *endpoint.Config) { c.Protocol = endpoint.H2C })
	first := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")}))
	if first.Class != queue.NotSent || !strings.Contains(first.Err.Error(), "refused the stream") {
		t.Errorf("refused: %s %v", first.Class, first.Err)
	}
	if again := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")})); again.Class != queue.Answered || f.arrivals.Load() != 2 {
		t.Errorf("again: %s %v after %d arrivals", again.Class, again.Err, f.arrivals.Load())
	}
}

func TestWhatFindsNoHTTP2ConnectionIsNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	e := open(t, url, func(c *endpoint.Config) { c.Protocol = endpoint.H2C })
	if o := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")})); o.Class != queue.NotSent || o.Err.Error() != "connection refused" {
		t.Errorf("class %s: %v, want not_sent", o.Class, o.Err)
	}
}

func TestManyCallsShareAConnectionInHTTP2(t *testing.T) {
	var f frames
	url := f.start(t, func(fr *http2.Framer, _ net.Conn, _ int64, stream uint32) { answer200(fr, stream) })
	e := open(t, url, func(c *endpoint.Config) { c.Protocol = endpoint.H2C })
	for range 20 {
		if o := e.Handle(t.Context(), delivery(queue.Request{Method: "GET"})); o.Class != queue.Answered {
			t.Fatal(o.Err)
		}
	}
	if n := f.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestATimeoutInHTTP2EndsTheStreamOnly(t *testing.T) {
	var f frames
	url := f.start(t, func(fr *http2.Framer, _ net.Conn, n int64, stream uint32) {
		if n > 1 {
			answer200(fr, stream)
		}
	})
	e := open(t, url, func(c *endpoint.Config) { c.Protocol, c.Timeout = endpoint.H2C, 300*time.Millisecond })
	if o := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")})); o.Class != queue.Unanswered {
		t.Errorf("no answer: %s %v", o.Class, o.Err)
	}
	if o := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")})); o.Class != queue.Answered || f.connections.Load() != 1 {
		t.Errorf("the next one: %s %v, %d connections", o.Class, o.Err, f.connections.Load())
	}
}
