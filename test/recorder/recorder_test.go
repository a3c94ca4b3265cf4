package recorder_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

func start(t *testing.T, script recorder.Script) *recorder.Recorder {
	t.Helper()
	r, err := recorder.Start(script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// exchange sends raw bytes and returns all that comes back until the end.
func exchange(t *testing.T, address, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestArrivalKeepsTheExactBytes(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "ok")))
	head := "POST //a%2Fb/../c;d?x=%zz&\xff HTTP/1.1\r\nhOsT: h\r\nX-A:  1 \r\nx-a:\r\nContent-Length: 3\r\n\r\n"
	exchange(t, r.Address(), head+"a\x00b")
	got := r.Arrivals()
	if len(got) != 1 || string(got[0].Head) != head || string(got[0].Body) != "a\x00b" || !got[0].Complete {
		t.Fatalf("got %+v", got)
	}
	if got[0].Method() != "POST" || got[0].Target() != "//a%2Fb/../c;d?x=%zz&\xff" || got[0].Protocol() != "HTTP/1.1" {
		t.Errorf("request line taken apart as %q %q %q", got[0].Method(), got[0].Target(), got[0].Protocol())
	}
	if values := got[0].Values("X-A"); len(values) != 2 || values[0] != "1" || values[1] != "" {
		t.Errorf("values of X-A: %q", values)
	}
}

func TestChunkedArrivalIsDecodedWithItsTrailer(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "")))
	exchange(t, r.Address(), "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nX-T: 1\r\n\r\n")
	got := r.Arrivals()
	if len(got) != 1 || !got[0].Complete || !got[0].Chunked || string(got[0].Body) != "abcd" || string(got[0].Trailer) != "X-T: 1\r\n" {
		t.Fatalf("got %+v", got)
	}
}

func TestTruncatedArrivalIsLoggedAndNotAnswered(t *testing.T) {
	for _, raw := range []string{
		"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"POST / HTT",
	} {
		r := start(t, recorder.Always(recorder.Answer(200, "")))
		if answer := exchange(t, r.Address(), raw); answer != "" {
			t.Errorf("%q was answered with %q", raw, answer)
		}
		if got := r.Arrivals(); len(got) != 1 || got[0].Complete {
			t.Errorf("%q was logged as %+v", raw, got)
		}
	}
}

func TestSequenceAnswersInTurnOnOneConnection(t *testing.T) {
	r := start(t, recorder.Sequence(recorder.Answer(503, ""), recorder.Answer(200, "b")))
	for _, want := range []int{503, 200, 200} {
		resp, err := http.Get(r.URL() + "/")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
	}
	if got := r.Connections(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}

func TestResetAndTruncatedAnswersReachTheClient(t *testing.T) {
	r := start(t, func(a recorder.Arrival) recorder.Reply {
		if a.Target() == "/reset" {
			return recorder.Reply{recorder.Reset()}
		}
		return recorder.Reply{recorder.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")), recorder.Close()}
	})
	if _, err := http.Post(r.URL()+"/reset", "", strings.NewReader("x")); err == nil {
		t.Error("a reset connection gave no error")
	}
	resp, err := http.Get(r.URL() + "/short")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(body, []byte("abc")) {
		t.Errorf("got %q and %v, want the part and an unexpected EOF", body, err)
	}
}

func TestWaitReturnsWithTheArrivalOrTheContext(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Delay(time.Hour)}))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		conn, err := net.Dial("tcp", r.Address())
		if err == nil {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n") // Close cuts it
		}
	}()
	if got, err := r.Wait(ctx, 1); err != nil || len(got) != 1 {
		t.Fatalf("got %d arrivals, %v", len(got), err)
	}
	enough := errors.New("enough")
	cancel(enough)
	if _, err := r.Wait(ctx, 2); !errors.Is(err, enough) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}
