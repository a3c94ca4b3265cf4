package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused returns the error of a start that must not succeed.
func refused(t *testing.T, c *config.Config, o Options) string {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	a, err := New(t.Context(), c, o)
	if err == nil {
		_ = a.Close()
		t.Fatal("it started")
	}
	return err.Error()
}

func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not mention %q", text, word)
		}
	}
}

// take binds a port for the length of the test.
func take(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func TestAPortInUseNamesTheKeyToChange(t *testing.T) {
	c := load(t, "")
	c.Server.Port = take(t)
	mentions(t, refused(t, c, Options{}), strconv.Itoa(c.Server.Port), "address in use", "server.port", "--port")
	c = load(t, "")
	c.Admin.Port = take(t)
	mentions(t, refused(t, c, Options{}), strconv.Itoa(c.Admin.Port), "address in use", "admin.port", "--admin-port")
}

func TestAnEndpointThatIsItselfIsRefused(t *testing.T) {
	listeners := map[string]net.Addr{
		"server": &net.TCPAddr{IP: net.IPv4zero, Port: 8000},
		"admin":  &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80},
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for url, own := range map[string]bool{
		"http://localhost:8000":          true,
		"http://LOCALHOST.:8000/base":    true,
		"http://app.localhost:8000":      true,
		"http://127.0.0.1:8000":          true,
		"http://127.9.9.9:8000":          true,
		"http://0.0.0.0:8000":            true,
		"http://[::1]:8000":              true,
		"http://[::ffff:127.0.0.1]:8000": true,
		"http://" + host + ":8000":       true,
		"http://localhost":               true, // port 80, the admin listener
		"https://localhost":              false,
		"http://localhost:8080":          false,
		"http://example.com:8000":        false,
		"http://192.0.2.1:8000":          false,
	} {
		err := itself("a", &config.Endpoint{URL: config.URL(url)}, listeners)
		if (err != nil) != own {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil {
			mentions(t, err.Error(), "proxy.endpoints.a.url", "itself", url)
		}
	}
	bound := map[string]net.Addr{"server": &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8000}}
	if err := itself("a", &config.Endpoint{URL: "http://localhost:8000"}, bound); err != nil {
		t.Errorf("an application on loopback, OpenHQM on another address of the same port: %v", err)
	}
}

func TestARoleThatNeedsASharedQueueIsRefusedWithoutOne(t *testing.T) {
	for _, role := range []Role{RoleAPI, RoleWorker} {
		mentions(t, refused(t, load(t, ""), Options{Role: role}), string(role), "memory", "openhqm serve", "queue.type")
	}
}

func TestStrictDurabilityRefusesLess(t *testing.T) {
	mentions(t, refused(t, load(t, "queue: {durability: strict}"), Options{}), "queue.durability", "memory")
}

func TestAHandlerAndAnEndpointOfOneNameAreRefused(t *testing.T) {
	h := queue.HandlerFunc(func(context.Context, *queue.Delivery) queue.Outcome { return queue.Outcome{} })
	c := load(t, "proxy: {endpoints: {same: {url: 'http://192.0.2.1'}}}")
	mentions(t, refused(t, c, Options{Extensions: Extensions{Handlers: map[string]queue.Handler{"same": h}}}), "proxy.endpoints.same")
}

// closing is a store that says when it is closed.
type closing struct {
	queue.Store
	closed *bool
}

func (c closing) Close() error {
	*c.closed = true
	return c.Store.Close()
}

func TestAFailedStartLeavesNothingBehind(t *testing.T) {
	var closed bool
	ext := Extensions{Stores: map[string]OpenStore{"mine": func(context.Context, StoreConfig) (queue.Store, error) {
		return closing{memory.New(memory.Options{}), &closed}, nil
	}}}
	c := load(t, "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c.Queue.Type, c.Server.Port = "mine", port
	c.Proxy.Enabled = true
	c.Proxy.Endpoints = map[string]config.Endpoint{"a": {URL: config.URL("http://127.0.0.1:" + strconv.Itoa(port))}}
	mentions(t, refused(t, c, Options{Extensions: ext}), "itself")
	if !closed {
		t.Error("the store is still open")
	}
	l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatalf("the listener is still bound: %v", err)
	}
	_ = l.Close()
}

func TestAStoreThatCannotBeOpenedIsTheErrorOfNew(t *testing.T) {
	broken := errors.New("the disk is on fire")
	c := load(t, "")
	c.Queue.Type = "mine"
	ext := Extensions{Stores: map[string]OpenStore{"mine": func(context.Context, StoreConfig) (queue.Store, error) { return nil, broken }}}
	mentions(t, refused(t, c, Options{Extensions: ext}), broken.Error())
}
