package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// passesThrough is a process in front of a server of the test.
func passesThrough(t *testing.T, handler http.HandlerFunc, keys string) *process {
	t.Helper()
	backend := httptest.NewServer(handler)
	t.Cleanup(backend.Close)
	return start(t, load(t, "proxy: {mode: sync, max_request_size: 1KiB, endpoints: {app: {url: '"+backend.URL+"'"+keys+"}}}"), Options{})
}

// connect opens a raw connection to a process.
func (p *process) connect(t *testing.T, raw string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn), bufio.NewReader(conn)
}

func (p *process) reserved(t *testing.T) int {
	t.Helper()
	stats, err := p.Broker().Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Queues["app"].Reserved
}

func TestAWebSocketPassesBothWaysAndHoldsItsSlot(t *testing.T) {
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		if err := c.Write(r.Context(), websocket.MessageText, []byte("the server begins")); err != nil {
			t.Error(err)
		}
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				if websocket.CloseStatus(err) != 4321 {
					t.Errorf("the server saw %v", err)
				}
				return
			}
			if err := c.Write(r.Context(), kind, data); err != nil {
				t.Error(err)
			}
		}
	}, ", concurrency: 1")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, answer, err := websocket.Dial(ctx, p.url+"/socket?x=1", &websocket.DialOptions{Subprotocols: []string{"echo"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	if answer.StatusCode != http.StatusSwitchingProtocols || c.Subprotocol() != "echo" {
		t.Errorf("status %d, protocol %q", answer.StatusCode, c.Subprotocol())
	}
	if _, data, err := c.Read(ctx); err != nil || string(data) != "the server begins" {
		t.Errorf("%q, %v", data, err)
	}
	big := make([]byte, 3<<20)
	_, _ = rand.Read(big)
	for _, sent := range [][]byte{[]byte("x"), {}, big} {
		if err := c.Write(ctx, websocket.MessageBinary, sent); err != nil {
			t.Fatal(err)
		}
		if kind, got, err := c.Read(ctx); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes came back as %d, %v", len(sent), len(got), err)
		}
	}
	pinged := c.CloseRead(ctx) // which reads on, for the pong
	if err := c.Ping(pinged); err != nil {
		t.Error(err)
	}
	if n := p.reserved(t); n != 1 {
		t.Errorf("%d slots taken while the connection is open, want 1", n)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/other", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Prefer", "wait=0")
	other, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	other.Body.Close()
	if other.StatusCode != http.StatusServiceUnavailable || other.Header.Get("Retry-After") == "" {
		t.Errorf("another call meanwhile: status %d, Retry-After %q", other.StatusCode, other.Header.Get("Retry-After"))
	}
	_ = c.Close(4321, "done")
	await(t, "the slot to be free again", func() bool { return p.reserved(t) == 0 })
}

func TestEitherSideOfAnUpgradedConnectionMayEndFirst(t *testing.T) {
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n")
		if r.URL.Path == "/server" {
			_, _ = io.WriteString(c, "all of it")
			_ = c.(*net.TCPConn).CloseWrite()
		}
		got, err := io.ReadAll(rw)
		if err != nil {
			t.Errorf("%s: the server read %v", r.URL.Path, err)
		}
		if r.URL.Path == "/client" {
			fmt.Fprintf(c, "%d bytes came", len(got))
		} else if string(got) != "after the server" {
			t.Errorf("the server got %q after its end", got)
		}
	}, "")
	const upgrade = " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
	for _, path := range []string{"/client", "/server"} {
		conn, in := p.connect(t, "GET "+path+upgrade)
		if answer, err := http.ReadResponse(in, nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v %v", answer, err)
		}
		if path == "/client" {
			if _, err := io.WriteString(conn, strings.Repeat("x", 100000)); err != nil {
				t.Fatal(err)
			}
			_ = conn.CloseWrite()
			if got, err := io.ReadAll(in); err != nil || string(got) != "100000 bytes came" {
				t.Errorf("%q, %v", got, err)
			}
		} else {
			if got, err := io.ReadAll(in); err != nil || string(got) != "all of it" {
				t.Errorf("%q, %v", got, err)
			}
			if _, err := io.WriteString(conn, "after the server"); err != nil {
				t.Error(err)
			}
			conn.Close()
		}
		await(t, "the slot to be free again", func() bool { return p.reserved(t) == 0 })
	}
}

func TestAPassedBodyStreamsWithoutALimitAndTrailersPassBothWays(t *testing.T) {
	arrived := make(chan string, 1)
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, len("first"))
		if _, err := io.ReadFull(r.Body, first); err != nil {
			t.Error(err)
		}
		arrived <- string(first)
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%d more, %s", n, r.Trailer.Get("X-Check"))
		w.Header().Set("X-Sum", "7")
	}, "")
	conn, in := p.connect(t, "POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n5\r\nfirst\r\n")
	if got := <-arrived; got != "first" { // the rest has not been sent
		t.Fatalf("arrived %q", got)
	}
	const chunks = 64 // of 64 KiB, where 1 KiB would be stored
	for range chunks {
		if _, err := fmt.Fprintf(conn, "10000\r\n%s\r\n", bytes.Repeat([]byte("y"), 64<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(conn, "0\r\nX-Check: ok\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if want := fmt.Sprint(chunks*64<<10, " more, ok"); err != nil || string(text) != want || answer.Trailer.Get("X-Sum") != "7" {
		t.Errorf("%q, trailer %v, %v; want %q", text, answer.Trailer, err, want)
	}
}

func TestServerSentEventsComeAtOnce(t *testing.T) {
	next := make(chan struct{})
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "id: %d\ndata: %d\n\n", i, i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				next <- struct{}{}
				return
			}
		}
	}, "")
	ctx, leave := context.WithTimeout(t.Context(), 20*time.Second)
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	events := bufio.NewReader(answer.Body)
	for i := range 2 { // each before the next is sent
		for _, want := range []string{fmt.Sprintf("id: %d\n", i), fmt.Sprintf("data: %d\n", i), "\n"} {
			if line, err := events.ReadString('\n'); err != nil || line != want {
				t.Fatalf("%q, %v; want %q", line, err, want)
			}
		}
		next <- struct{}{}
	}
	leave()
	<-next // the app is told that the client has gone
	await(t, "the slot to be free again", func() bool { return p.reserved(t) == 0 })
}

func TestTheAppDecidesWhetherAClientSendsItsBody(t *testing.T) {
	read := make(chan error, 1)
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Expect") != "100-continue" {
			t.Errorf("the app was asked %q", r.Header.Get("Expect"))
		}
		if r.URL.Path == "/no" {
			http.Error(w, "too large for me", http.StatusRequestEntityTooLarge)
			return
		}
		_, err := io.Copy(w, r.Body) // reading says 100
		read <- err
	}, ", expect_continue: true")
	const head = " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	_, in := p.connect(t, "POST /no"+head)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("%v, %v: the client was to send its body", answer, err)
	}
	conn, in := p.connect(t, "POST /yes"+head)
	if answer, err = http.ReadResponse(in, nil); err != nil || answer.StatusCode != http.StatusContinue {
		t.Fatalf("%v, %v: want 100", answer, err)
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if answer, err = http.ReadResponse(in, nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}

func TestWithoutExpectContinueTheAppIsNotAsked(t *testing.T) {
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "asked %q, ", r.Header["Expect"])
		_, _ = io.Copy(w, r.Body)
	}, "")
	conn, in := p.connect(t, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusContinue {
		t.Fatalf("%v, %v: want 100", answer, err)
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if answer, err = http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "asked [], hello" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAnEarlyAnswerReachesAClientThatStillSends(t *testing.T) {
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not you", http.StatusForbidden)
	}, "")
	conn, in := p.connect(t, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n")
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := io.WriteString(conn, strings.Repeat("z", 4<<10)); err != nil {
				return // the answer closes the connection
			}
			<-tick.C
		}
	}()
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusForbidden {
		t.Fatalf("%v, %v", answer, err)
	}
	conn.Close()
	await(t, "the slot to be free again", func() bool { return p.reserved(t) == 0 })
}

// An endpoint that does not know of 100 (Continue) is sent the body all the same.
func TestABodyIsSentWhereTheAppNeverSaysContinue(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}()
	p := start(t, load(t, "proxy: {mode: sync, endpoints: {app: {url: 'http://"+listener.Addr().String()+"', expect_continue: true}}}"), Options{})
	conn, in := p.connect(t, "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusContinue {
		t.Fatalf("%v, %v", answer, err)
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if answer, err = http.ReadResponse(in, nil); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	if text, _ := io.ReadAll(answer.Body); string(text) != "hello" {
		t.Errorf("%q", text)
	}
}
