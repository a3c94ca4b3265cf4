package e2e

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// spoofed are the fields of a client that speaks for proxies that there may not have been.
var spoofed = []string{
	"X-Forwarded-For: 198.51.100.4", "X-Forwarded-Host: shop.example", "X-Forwarded-Proto: https",
	"Forwarded: for=198.51.100.4", "X_Forwarded_For: 198.51.100.5",
}

// bothPaths are a request that passes through and one that is stored.
var bothPaths = []request{get("/passed", spoofed...), post("/queued", "x", spoofed...)}

func TestOnlyATrustedPeerSpeaksForOthers(t *testing.T) {
	for name, c := range map[string]struct {
		trusted string
		want    map[string]string
	}{
		"not trusted": {"10.0.0.0/8", map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "app.example:81",
			"X-Forwarded-Proto": "http", "X-Forwarded-Port": "81", "Forwarded": `for=127.0.0.1;host="app.example:81";proto=http`}},
		"trusted": {"127.0.0.0/8", map[string]string{"X-Forwarded-For": "198.51.100.4, 127.0.0.1", "X-Forwarded-Host": "shop.example",
			"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443", "Forwarded": `for=198.51.100.4, for=127.0.0.1;host="app.example:81";proto=https`}},
	} {
		t.Run(name, func(t *testing.T) {
			var tries atomic.Int32
			r := record(t, func(recorder.Arrival) recorder.Reply {
				if tries.Add(1) == 2 { // the queued request is sent again
					return recorder.Answer(503, "", "Retry-After: 0")
				}
				return recorder.Answer(200, "")
			})
			s := serve(t, endpoint(r.URL()), setting("SERVER__TRUSTED_PROXIES", c.trusted), setting("WORKER__RETRY_DELAY_BASE", "10ms"))
			for _, sent := range bothPaths {
				if got := send(t, s.address, sent.with("Host: app.example:81")); got.status != 200 {
					t.Fatalf("%s: status %d", sent.target, got.status)
				}
			}
			arrivals := r.Arrivals()
			if len(arrivals) != 3 {
				t.Fatalf("%d arrivals, want 3", len(arrivals))
			}
			for _, got := range arrivals {
				for field, want := range c.want {
					if have := got.Values(field); !slices.Equal(have, []string{want}) {
						t.Errorf("%s: %s arrived as %q, want %q", got.Target(), field, have, want)
					}
				}
				if got.Values("X_Forwarded_For") != nil {
					t.Errorf("%s: X_Forwarded_For arrived", got.Target())
				}
			}
		})
	}
}

// relay passes every connection on to a server that may be started later.
func relay(t *testing.T) (url string, to func(address string)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	target := ""
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			out, err := net.Dial("tcp", target)
			mu.Unlock()
			if err != nil {
				in.Close()
				continue
			}
			go join(in, out)
			go join(out, in)
		}
	}()
	return "http://" + l.Addr().String(), func(address string) {
		mu.Lock()
		target = address
		mu.Unlock()
	}
}

func join(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

func TestTwoServersThatPointAtEachOtherRefuseTheCircle(t *testing.T) {
	url, to := relay(t)
	quick := []option{setting("WORKER__RETRY_DELAY_BASE", "10ms"), setting("PROXY__FORWARD_HEADERS", "Accept"), setting("PROXY__STRIP_HEADERS", "Via")}
	a := serve(t, append(quick, endpoint(url))...)
	b := serve(t, append(quick, endpoint("http://"+a.address))...)
	to(b.address)

	got := send(t, a.address, get("/circle"))
	if got.status != 508 || !strings.Contains(got.text(), "loop-detected") || !strings.Contains(got.text(), "endpoint's url") {
		t.Errorf("passed through: status %d, body %q", got.status, got.text())
	}

	// A stored one is refused at the door of the third pass: the circle ends, and nothing is accepted for ever.
	for _, asked := range []string{"Prefer: respond-async", "Prefer: wait=20"} {
		send(t, a.address, post("/circle", "x", asked))
	}
	accepted := func() (n [2]int) {
		for i, s := range []*server{a, b} {
			for _, value := range s.metric(t, "openhqm_queue_accepted_total") {
				count, err := strconv.Atoi(value)
				if err != nil {
					t.Fatal(err)
				}
				n[i] += count
			}
		}
		return n
	}
	deadline := time.Now().Add(30 * time.Second)
	for before, now := [2]int{}, accepted(); now != before; before, now = now, accepted() {
		if time.Now().After(deadline) {
			t.Fatalf("messages are still being accepted: %d", now)
		}
		time.Sleep(2 * time.Second)
	}
	if n := accepted(); n != [2]int{6, 6} { // two requests, three passes each
		t.Errorf("accepted %d, want 6 by each", n)
	}
}
