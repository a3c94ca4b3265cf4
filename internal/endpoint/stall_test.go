package endpoint_test

import (
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/test/recorder"
)

func impatient(c *endpoint.Config) { c.FirstByteTimeout = 300 * time.Millisecond }

func TestAClientThatStallsWithinItsBodyIsNotWaitedFor(t *testing.T) {
	for _, framing := range []string{"Content-Length: 5\r\n\r\n", "Content-Length: 5\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"} {
		r := start(t, recorder.Always(recorder.Answer(200, "")))
		e, failures := failing(t, r.URL(), impatient)
		_, in := dial(t, front(t, e), "GET /stall HTTP/1.1\r\nHost: h\r\n"+framing)
		if text, err := io.ReadAll(in); err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 408 ") {
			t.Fatalf("%q: answered %q, %v", framing, text, err)
		}
		if f := <-failures; f.Status != 408 {
			t.Errorf("%q: reported %+v", framing, f)
		}
	}
}

func TestAnEndpointThatDoesNotReadTheBodyIsNotWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the system takes the connection and a part of the body
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e, failures := failing(t, "http://"+l.Addr().String(), impatient)
	e.Pass(httptest.NewRecorder(), httptest.NewRequest("PUT", "/", io.NopCloser(endless{})))
	if f := <-failures; f.Status != 504 || !strings.Contains(f.Detail, "neither read on") {
		t.Errorf("reported %+v", f)
	}
}

func TestAnEndpointThatFailsWhileTheClientStallsIsReportedAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}()
	e, failures := failing(t, "http://"+l.Addr().String(), nil)
	_, in := dial(t, front(t, e), "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n"+strings.Repeat("x", 40000))
	if answer, _ := read(t, in, "PUT"); answer.StatusCode != 502 {
		t.Errorf("answered %d", answer.StatusCode)
	}
	<-failures
}

func TestASlowUploadIsWaitedFor(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "ok")))
	e, _ := failing(t, r.URL(), impatient)
	conn, in := dial(t, front(t, e), "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n")
	pace := time.NewTicker(100 * time.Millisecond) // of a real client on a real connection: no bubble
	defer pace.Stop()
	for range 6 {
		<-pace.C
		if _, err := io.WriteString(conn, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if answer, _ := read(t, in, "PUT"); answer.StatusCode != 200 {
		t.Errorf("answered %d", answer.StatusCode)
	}
}

// endless is a body without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
