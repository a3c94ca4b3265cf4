package ingress_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/store/memory"
)

func TestHTTP2IsCapturedAlike(t *testing.T) {
	f := start(t, setup{})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols, DisableCompression: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest(http.MethodPost, "http://"+f.address+"/a%2Fb//c?x=1&x", io.NopCloser(strings.NewReader("streamed")))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "shop.example"
	r.Header = http.Header{"Prefer": {"respond-async"}, "X-R": {"1", "2"}, "User-Agent": {"t"}, "Te": {"trailers"}}
	r.Trailer = http.Header{"X-After": {"1"}}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted || resp.ProtoMajor != 2 {
		t.Fatalf("status %d over %s", resp.StatusCode, resp.Proto)
	}
	got := f.lease(t, "app").Request()
	if got.Target != "/a%2Fb//c?x=1&x" || got.Host != "shop.example" || got.Proto != "HTTP/2.0" || bodyOf(t, got.Body) != "streamed" {
		t.Errorf("captured %s, host %s, %s, body %q", got.Target, got.Host, got.Proto, bodyOf(t, got.Body))
	}
	if len(got.Header) != 2 || len(got.Header["X-R"]) != 2 || got.Header.Get("User-Agent") != "t" || got.Trailer.Get("X-After") != "1" {
		t.Errorf("fields %v, trailers %v", got.Header, got.Trailer)
	}
}

// pipes is a listener of connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// piped serves a handler on connections in memory, so that time can be the test's, and returns how to open one.
func piped(t *testing.T, handler http.Handler) (dial func() net.Conn, stop func()) {
	listener := make(pipes)
	server := ingress.Server(handler, 64<<10, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	dial = func() net.Conn {
		client, connection := net.Pipe()
		if err := client.SetDeadline(time.Now().Add(24 * time.Hour)); err != nil {
			t.Fatal(err)
		}
		listener <- connection
		return client
	}
	return dial, func() {
		close(listener)
		server.Close()
		<-served
		time.Sleep(time.Second) // the server lingers a moment on connections that it closes
	}
}

func TestAnUploadThatStandsStillIsEnded(t *testing.T) {
	tests := []struct {
		name, raw  string
		status     int
		kind       string
		begun, end time.Duration
	}{
		{"in the middle", order + "\r\na", http.StatusRequestTimeout, "request-timeout", 60 * time.Second, 62 * time.Second},
		{"of a refused request", "POST / HTTP/1.1\r\nHost: h\r\nOpenHQM-Endpoint: none\r\nContent-Length: 3\r\n\r\n", http.StatusNotFound, "unknown-endpoint", 0, 6 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memory.New(memory.Options{})
				dial, stop := piped(t, newHandler(t, runBroker(t, store), setup{}))
				defer stop()
				client := dial()
				defer client.Close()
				began := time.Now()
				if _, err := io.WriteString(client, test.raw); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				wantProblem(t, answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, test.status, test.kind)
				if took := time.Since(began); took < test.begun || took > test.end {
					t.Errorf("answered after %v, want %v to %v", took, test.begun, test.end)
				}
				if n := (&fixture{store: store}).accepted(t); n != 0 {
					t.Errorf("%d messages stored", n)
				}
			})
		})
	}
}
