package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func TestTheConfiguredModeHolds(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(backend.Close)
	for mode, want := range map[string]struct{ get, posted, async string }{ // as answered: at once, held, 202
		"default": {"passed", "held", "stored"},
		"sync":    {"passed", "passed", "passed"},
		"async":   {"stored", "stored", "stored"},
		"auto":    {"held", "held", "stored"},
	} {
		t.Run(mode, func(t *testing.T) {
			p := start(t, load(t, "proxy: {mode: "+mode+", endpoints: {app: {url: '"+backend.URL+"'}}}"), Options{})
			for _, c := range []struct{ method, prefer, want string }{
				{"GET", "", want.get}, {"POST", "", want.posted}, {"GET", "respond-async", want.async},
			} {
				r, err := http.NewRequest(c.method, p.url+"/x", strings.NewReader("hello"))
				if err != nil {
					t.Fatal(err)
				}
				if c.prefer != "" {
					r.Header.Set("Prefer", c.prefer)
				}
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				got := "passed"
				switch {
				case answer.StatusCode == http.StatusAccepted:
					got = "stored"
				case answer.Header.Get("OpenHQM-Correlation-Id") != "":
					got = "held"
				}
				if got != c.want {
					t.Errorf("%s, Prefer: %q: %s, want %s (status %d)", c.method, c.prefer, got, c.want, answer.StatusCode)
				}
			}
		})
	}
}

func TestTheConfigurationSaysWhatAClientThatGoesTakesAlong(t *testing.T) {
	for setting, want := range map[string]queue.State{"": queue.Cancelled, "on_disconnect: cancel, ": queue.Cancelled, "on_disconnect: keep, ": queue.Ready} {
		t.Run(setting, func(t *testing.T) {
			p := start(t, load(t, "proxy: {"+setting+"endpoints: {app: {url: 'http://127.0.0.1:1'}}}"), Options{})
			paused := queue.GateChange{Limits: &queue.Limits{MaxLeased: 1}}
			if _, err := p.Broker().SetGate(t.Context(), "app", paused); err != nil {
				t.Fatal(err)
			}
			slot, err := p.Broker().Reserve(t.Context(), "app", time.Hour) // so that nobody begins it
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Broker().Return(context.Background(), slot) })
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			await(t, "the client being held", func() bool { return p.capture.Held() == 1 })
			conn.Close()
			await(t, "its end", func() bool { return p.capture.Held() == 0 })
			page, err := p.Broker().List(t.Context(), queue.Filter{})
			if err != nil || len(page.Records) != 1 || page.Records[0].State != want {
				t.Errorf("%v, %v; want one that is %s", page.Records, err, want)
			}
		})
	}
}
