package ingress_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/store/memory"
)

// passesTo runs a pass-through target on connections in memory. slots is how many slots its calls hold.
func passesTo(t *testing.T, pass http.HandlerFunc) (dial func() net.Conn, slots func() int) {
	broker := runBroker(t, memory.New(memory.Options{}))
	target := passing(ingress.ModeSync)
	target.Pass = pass
	dial, stop := piped(t, newHandler(t, broker, setup{targets: []ingress.Target{target}}))
	t.Cleanup(stop)
	return dial, func() int {
		synctest.Wait()
		stats, err := broker.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats.Queues["app"].Reserved
	}
}

func TestAClientThatStandsStillInAPassedCallLosesItsSlot(t *testing.T) {
	upload := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	answer := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}
	stream := func(w http.ResponseWriter, _ *http.Request) {
		for {
			_, _ = w.Write([]byte("event"))
			if http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	}
	tests := []struct {
		name, raw string
		pass      http.HandlerFunc
	}{
		{"sending nothing", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", upload},
		{"sending nothing for an upgrade", "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n", upload},
		{"sending a part", "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", upload},
		{"taking nothing", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", answer},
		{"taking nothing of a stream", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", stream},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, slots := passesTo(t, test.pass)
				c := dial()
				defer c.Close()
				if _, err := io.WriteString(c, test.raw); err != nil {
					t.Fatal(err)
				}
				if n := slots(); n != 1 {
					t.Fatalf("%d slots taken", n)
				}
				time.Sleep(time.Minute + time.Second)
				if n := slots(); n != 0 {
					t.Errorf("%d slots taken after a minute", n)
				}
			})
		})
	}
}

// TestAQuietPassedCallGoesOn: what stands still is the endpoint or the protocol, not the client.
func TestAQuietPassedCallGoesOn(t *testing.T) {
	const pause = 10 * time.Minute
	talk := func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil && r.ProtoMajor == 1 {
			t.Error(err)
		}
		half := make([]byte, 50_000)
		for range 2 {
			if _, err := io.ReadFull(r.Body, half); err != nil {
				t.Errorf("read: %v", err)
			}
			time.Sleep(pause)
		}
		if n, err := r.Body.Read(half); n > 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
		for range 2 {
			if _, err := w.Write(half); err != nil {
				t.Errorf("write: %v", err)
			}
			if err := control.Flush(); err != nil {
				t.Errorf("flush: %v", err)
			}
			time.Sleep(pause)
		}
		if r.Context().Err() != nil {
			t.Errorf("ended: %v", context.Cause(r.Context()))
		}
	}
	for _, version := range []int{1, 2} {
		t.Run(map[int]string{1: "HTTP/1.1", 2: "HTTP/2"}[version], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, slots := passesTo(t, talk)
				var protocols http.Protocols
				protocols.SetHTTP1(version == 1)
				protocols.SetUnencryptedHTTP2(version == 2)
				transport := &http.Transport{Protocols: &protocols,
					DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(), nil }}
				defer transport.CloseIdleConnections()
				for range 2 { // the second call is on the same connection
					r, err := http.NewRequest(http.MethodPost, "http://h/", bytes.NewReader(make([]byte, 100_000)))
					if err != nil {
						t.Fatal(err)
					}
					resp, err := transport.RoundTrip(r)
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(resp.Body)
					if err != nil || len(got) != 100_000 {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					resp.Body.Close()
				}
				if n := slots(); n != 0 {
					t.Errorf("%d slots taken at the end", n)
				}
			})
		})
	}
}

func TestAnUpgradedConnectionMayBeQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, _ := passesTo(t, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				t.Error(err)
			}
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			line, err := rw.ReadString('\n')
			if err != nil {
				t.Errorf("read: %v", err)
			}
			_, _ = io.WriteString(c, strings.ToUpper(line))
		})
		c := dial()
		defer c.Close()
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n."); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(c)
		if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", resp, err)
		}
		time.Sleep(10 * time.Minute)
		if _, err := io.WriteString(c, "ping\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := in.ReadString('\n'); line != "PING\n" {
			t.Errorf("%q, %v", line, err)
		}
	})
}
