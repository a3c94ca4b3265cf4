package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// raw is a reply of these bytes, after which the connection is closed.
func raw(bytes string) recorder.Reply {
	return recorder.Reply{recorder.Write([]byte(bytes)), recorder.Close()}
}

// R5: the class of each misbehaviour that needs nothing but plain TCP.
func TestFaultsHaveTheirClass(t *testing.T) {
	forever := recorder.Delay(time.Hour)
	endless := func() recorder.Step {
		return func(conn net.Conn, _ <-chan struct{}) bool {
			for {
				if _, err := conn.Write([]byte(strings.Repeat("x", 4096))); err != nil {
					return false
				}
			}
		}
	}
	drip := func(conn net.Conn, closed <-chan struct{}) bool {
		for {
			if _, err := conn.Write([]byte("x")); err != nil || !recorder.Delay(10*time.Millisecond)(conn, closed) {
				return false
			}
		}
	}
	flood := func(conn net.Conn, _ <-chan struct{}) bool {
		for {
			if _, err := conn.Write([]byte("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")); err != nil {
				return false
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		reply     recorder.Reply
		class     queue.Class
		status    int
		kept      string // body that was kept
		truncated bool
	}{
		"closes without an answer":        {recorder.Reply{recorder.Close()}, queue.Unanswered, 0, "", false},
		"resets without an answer":        {recorder.Reply{recorder.Reset()}, queue.Unanswered, 0, "", false},
		"hangs":                           {recorder.Reply{forever}, queue.Unanswered, 0, "", false},
		"resets within the status line":   {recorder.Reply{recorder.Write([]byte("HTTP/1.")), recorder.Reset()}, queue.Unanswered, 0, "", false},
		"closes within the head":          {raw(ok + "X-A: b\r\n"), queue.Unanswered, 0, "", false},
		"hangs within the head":           {recorder.Reply{recorder.Write([]byte(ok + "X-A: b\r\n")), forever}, queue.Unanswered, 0, "", false},
		"closes within the body":          {raw(ok + "Content-Length: 10\r\n\r\nabc"), queue.Unanswered, 200, "abc", true},
		"resets after the head":           {recorder.Reply{recorder.Write([]byte(ok + "Content-Length: 10\r\n\r\n")), recorder.Delay(50 * time.Millisecond), recorder.Reset()}, queue.Unanswered, 200, "", true},
		"hangs within the body":           {recorder.Reply{recorder.Write([]byte(ok + "Content-Length: 10\r\n\r\nabc")), forever}, queue.Unanswered, 200, "abc", true},
		"closes within a chunk":           {raw(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nab"), queue.Unanswered, 200, "ab", true},
		"closes without the last chunk":   {raw(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"), queue.Unanswered, 200, "ab", true},
		"sends a bad chunk":               {raw(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n"), queue.Unanswered, 200, "ab", true},
		"sends no HTTP":                   {raw("SSH-2.0-OpenSSH_9.6\r\n"), queue.Unanswered, 0, "", false},
		"sends a malformed field":         {raw(ok + "no colon\r\n\r\n"), queue.Unanswered, 0, "", false},
		"sends two lengths":               {raw(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), queue.Unanswered, 0, "", false},
		"sends a negative length":         {raw(ok + "Content-Length: -1\r\n\r\nab"), queue.Unanswered, 0, "", false},
		"sends a status below 100":        {raw("HTTP/1.1 007 Bond\r\nContent-Length: 0\r\n\r\n"), queue.Unanswered, 0, "", false},
		"switches protocols unasked":      {raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), queue.Unanswered, 0, "", false},
		"sends a huge head":               {raw(ok + "X-A: " + strings.Repeat("a", 2<<20) + "\r\n\r\n"), queue.Unanswered, 0, "", false},
		"floods with 1xx":                 {recorder.Reply{flood}, queue.Unanswered, 0, "", false},
		"drips":                           {recorder.Reply{recorder.Write([]byte(ok + "Content-Length: 100000\r\n\r\n")), drip}, queue.Unanswered, 200, "*", true},
		"never ends its body":             {recorder.Reply{recorder.Write([]byte(ok + "\r\n")), endless()}, queue.Answered, 200, "*", true},
		"announces a body over the limit": {raw(ok + "Content-Length: 2000\r\n\r\n" + strings.Repeat("y", 2000)), queue.Answered, 200, strings.Repeat("y", 1000), true},
		"sends a few 1xx before":          {raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok"), queue.Answered, 200, "ok", false},
		"answers until it closes":         {raw("HTTP/1.0 200 OK\r\n\r\nall of it"), queue.Answered, 200, "all of it", false},
		"redirects":                       {raw("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\ngo"), queue.Answered, 302, "go", false},
		"fails":                           {raw("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"), queue.Answered, 500, "no", false},
		"answers an unknown status":       {raw("HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n"), queue.Answered, 799, "", false},
	} {
		for _, method := range []string{"GET", "POST"} {
			t.Run(name+"/"+method, func(t *testing.T) {
				t.Parallel()
				r := start(t, recorder.Always(c.reply))
				e := open(t, r.URL(), func(c *endpoint.Config) { c.Timeout, c.MaxResponseSize = 300*time.Millisecond, 1000 })
				o := e.Handle(t.Context(), delivery(queue.Request{Method: method, Body: body("x")}))
				if o.Class != c.class || (o.Class == queue.Answered) != (o.Err == nil) {
					t.Fatalf("class %s, error %v; want %s", o.Class, o.Err, c.class)
				}
				if (o.Result == nil) != (c.status == 0) {
					t.Fatalf("result %+v", o.Result)
				}
				if o.Result != nil {
					got := content(t, o.Result.Body)
					if o.Result.Status != c.status || o.Result.Truncated != c.truncated || c.kept != "*" && got != c.kept {
						t.Errorf("status %d, truncated %t, body %.40q", o.Result.Status, o.Result.Truncated, got)
					}
				}
				if n := len(r.Arrivals()); n != 1 {
					t.Errorf("%d arrivals", n)
				}
			})
		}
	}
}

func TestWhatWasNotSentIsNotSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := closed.Addr().String()
	closed.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	go func() {
		if conn, err := plain.Accept(); err == nil {
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, c := range map[string]struct{ url, text string }{
		"refused":         {"http://" + refusing, "connection refused"},
		"no such host":    {"http://nowhere.invalid", "lookup of nowhere.invalid"},
		"no TLS there":    {"https://" + plain.Addr().String(), "TLS handshake: tls: first record does not look like a TLS handshake"},
		"TLS hangs":       {"https://" + silent.Addr().String(), "TLS handshake timed out"},
		"no such service": {"http://127.0.0.1:0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, c.url, func(c *endpoint.Config) { c.ConnectTimeout = 200 * time.Millisecond })
			o := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")}))
			if o.Class != queue.NotSent || o.Result != nil || !strings.Contains(o.Err.Error(), c.text) {
				t.Errorf("class %s, error %v", o.Class, o.Err)
			}
		})
	}
}

func TestCauseDecidesHowACallEnded(t *testing.T) {
	hanging := start(t, recorder.Always(recorder.Reply{recorder.Delay(time.Hour)}))
	for _, cause := range []error{queue.ErrCancelRequested, queue.ErrLeaseLost, queue.ErrDraining} {
		t.Run(fmt.Sprintf("after sending/%v", cause), func(t *testing.T) {
			e := open(t, hanging.URL(), nil)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			before := len(hanging.Arrivals())
			done := make(chan queue.Outcome)
			go func() { done <- e.Handle(ctx, delivery(queue.Request{})) }()
			if _, err := hanging.Wait(t.Context(), before+1); err != nil {
				t.Fatal(err)
			}
			cancel(cause)
			if o := <-done; o.Class != queue.Unanswered || !errors.Is(o.Err, cause) || !strings.Contains(o.Err.Error(), cause.Error()) {
				t.Errorf("class %s, error %v", o.Class, o.Err)
			}
		})
		t.Run(fmt.Sprintf("before sending/%v", cause), func(t *testing.T) {
			e := open(t, hanging.URL(), nil)
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(cause)
			want := queue.NotSent
			if cause == queue.ErrDraining {
				want = queue.NotBegun
			}
			if o := e.Handle(ctx, delivery(queue.Request{})); o.Class != want || !errors.Is(o.Err, cause) {
				t.Errorf("class %s, error %v; want %s", o.Class, o.Err, want)
			}
		})
	}
	if got := len(hanging.Arrivals()); got != 3 {
		t.Errorf("%d arrivals", got)
	}
}

func TestMessageShortensTheTimeout(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Delay(time.Hour)}))
	e := open(t, r.URL(), func(c *endpoint.Config) { c.Timeout = time.Hour })
	d := delivery(queue.Request{})
	d.Record.AttemptTimeout = 50 * time.Millisecond
	if o := e.Handle(t.Context(), d); o.Class != queue.Unanswered || o.Duration > 5*time.Second || !strings.Contains(o.Err.Error(), "within 50ms") {
		t.Errorf("class %s after %s: %v", o.Class, o.Duration, o.Err)
	}
	e = open(t, r.URL(), func(c *endpoint.Config) { c.Timeout, c.FirstByteTimeout = time.Hour, 50*time.Millisecond })
	if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Unanswered || !strings.Contains(o.Err.Error(), "did not begin") {
		t.Errorf("class %s, error %v", o.Class, o.Err)
	}
}

func TestStoreTroubleHasItsClass(t *testing.T) {
	big := strings.Repeat("b", queue.InlineLimit+10_000)
	r := start(t, recorder.Always(recorder.Answer(200, big)))
	e := open(t, r.URL(), nil)
	d := delivery(queue.Request{})
	d.Bodies = &bodies{fail: errStore}
	if o := e.Handle(t.Context(), d); o.Class != queue.Answered || !errors.Is(o.Err, errStore) || !o.Result.Truncated ||
		content(t, o.Result.Body) != big[:queue.InlineLimit] || o.Result.Length != int64(len(big)) {
		t.Errorf("answer not stored: class %s, error %v, result %+v", o.Class, o.Err, o.Result)
	} else if strings.Contains(o.Err.Error(), errStore.Error()) {
		t.Errorf("clients are shown what the store said: %v", o.Err)
	}
	for fail, want := range map[error]queue.Class{errStore: queue.NotSent, queue.ErrCorrupt: queue.Rejected, queue.ErrNotFound: queue.Rejected} {
		d := delivery(queue.Request{Body: queue.StoredBody("x", 100000, &bodies{fail: fail})})
		if o := e.Handle(t.Context(), d); o.Class != want || !errors.Is(o.Err, fail) {
			t.Errorf("body not opened by %v: class %s, error %v", fail, o.Class, o.Err)
		} else if strings.Contains(o.Err.Error(), errStore.Error()) {
			t.Errorf("clients are shown what the store said: %v", o.Err)
		}
	}
	short := &bodies{kept: []byte(big[:50000])}
	if o := e.Handle(t.Context(), delivery(queue.Request{Body: queue.StoredBody("x", 100000, short)})); o.Class != queue.Unanswered {
		t.Errorf("short stored body: class %s, error %v", o.Class, o.Err)
	}
	if got, err := r.Wait(t.Context(), 2); err != nil || len(got) != 2 || got[1].Complete {
		t.Errorf("%d arrivals", len(got))
	}
}

// Whoever can write to the store cannot make a second request or field out of one.
func TestInjectionIsRejected(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "")))
	e := open(t, r.URL(), func(c *endpoint.Config) { c.Host = endpoint.HostPreserve })
	for name, request := range map[string]queue.Request{
		"value":         {Header: map[string][]string{"X-A": {"a\r\nX-B: b"}}},
		"name":          {Header: map[string][]string{"X-A: b\r\nX-C": {"c"}}},
		"method":        {Method: "GET / HTTP/1.1\r\nX: "},
		"target":        {Target: "/ HTTP/1.1\r\nX-B: b"},
		"blank":         {Target: "/a b"},
		"empty target":  {Target: "a"},
		"host":          {Host: "a\r\nX-B: b"},
		"trailer value": {Trailer: map[string][]string{"X-A": {"a\nb"}}},
	} {
		if o := e.Handle(t.Context(), delivery(request)); o.Class != queue.Rejected || o.Err == nil {
			t.Errorf("%s: class %s, error %v", name, o.Class, o.Err)
		}
	}
	if n := len(r.Arrivals()); n != 0 {
		t.Errorf("%d arrivals", n)
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	const secret = "s3cr3t"
	replies := []recorder.Reply{
		raw(secret + "\r\n\r\n"),
		raw("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n"),
		raw("HTTP/1.1 " + secret + "\r\n\r\n"),
		raw("HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n"),
		raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n"),
		raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n"),
		{recorder.Reset()},
	}
	for i, reply := range replies {
		r := start(t, recorder.Always(reply))
		e := open(t, r.URL()+"/?key="+secret, func(c *endpoint.Config) {
			c.Auth = endpoint.Auth{Scheme: endpoint.AuthBearer, Secret: func() string { return secret }}
		})
		o := e.Handle(t.Context(), delivery(queue.Request{Target: "/?q=" + secret, Body: body(secret)}))
		if o.Class != queue.Unanswered || strings.Contains(o.Err.Error(), secret) {
			t.Errorf("reply %d: class %s, error %v", i, o.Class, o.Err)
		}
	}
	for _, c := range []endpoint.Config{
		{URL: "http://user:" + secret + "@host/"},
		{URL: "http://host/%" + secret},
		{URL: "ftp://host/" + secret},
	} {
		if _, err := endpoint.New(c, endpoint.Options{}); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %v", err)
		}
	}
}
