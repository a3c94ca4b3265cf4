package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// routed is a configuration of three applications and the routes to them; files are static, and reached by routes only.
func routed(httpbin, files, extra string) string {
	return fmt.Sprintf(`
proxy:
  default_endpoint: bin
  endpoints:
    bin: {url: "%s"}
    files: {url: "%s", selectable: false}
routes:
  - {name: static, match: {methods: [GET, HEAD], path_prefix: /static}, endpoint: files, rewrite: {strip_prefix: /static}}
  - {name: site, match: {hosts: ["*.example.com"], path_regex: "/.*[.]txt"}, endpoint: files}
  - {name: refunds, match: {path_prefix: /anything, jq: '.body.type == "refund"'}, endpoint: bin, mode: async, priority: 8}
  - {name: hooks, match: {path: /anything/hook}, endpoint: bin, mode: async, dedupe: {by: body, window: 2s}}
%s`, httpbin, files, extra)
}

func TestRoutesInFrontOfTwoRealServers(t *testing.T) {
	httpbin, nginx := startHTTPBin(t), startNginx(t)
	httpbin, nginx = "http://"+strings.TrimPrefix(httpbin, "http://"), "http://"+nginx
	file := filepath.Join(t.TempDir(), "openhqm.yaml")
	change := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change(routed(httpbin, nginx, ""))
	s := serve(t, flags("--config", file))

	for target, want := range map[string]string{
		"/static/hello.txt": "hello, world\n", "/static/": "<!doctype html><title>index</title>", "//static/../static/%68ello.txt": "hello, world\n",
	} {
		if got := send(t, s.address, get(target)); got.status != 200 || string(got.body) != want {
			t.Errorf("%s: %d %.80q", target, got.status, got.body)
		}
	}
	if got := send(t, s.address, get("/hello.txt", "Host: docs.example.com")); string(got.body) != "hello, world\n" {
		t.Errorf("by the host: %d %.80q", got.status, got.body)
	}
	if got := send(t, s.address, get("/hello.txt")); got.status != 404 || strings.Contains(got.header.Get("Server"), "nginx") {
		t.Errorf("the default endpoint has no such file: %d %.80q", got.status, got.body)
	}
	if got := send(t, s.address, get("/hello.txt", "OpenHQM-Endpoint: files")); got.status != 404 || got.header.Get("OpenHQM-Source") != "openhqm" {
		t.Errorf("an endpoint for routes only was named by a request: %d", got.status)
	}
	json := "Content-Type: application/json"
	if got := send(t, s.address, post("/anything/pay", `{"type":"refund"}`, json)); got.status != 202 {
		t.Errorf("by the body: %d %.80q", got.status, got.body)
	}
	if got := send(t, s.address, post("/anything/pay", `{"type":"order"}`, json)); got.status != 200 || !strings.Contains(string(got.body), `"order"`) {
		t.Errorf("by another body: %d %.80q", got.status, got.body)
	}

	// A reload that is wrong changes nothing, a right one everything.
	change(routed(httpbin, nginx, "  - {name: gone, match: {path: /x}, endpoint: nowhere}\n"))
	s.signal(t, syscall.SIGHUP)
	eventually(t, 10*time.Second, func() error {
		if !strings.Contains(s.out.String(), "routes.gone.endpoint") {
			return errors.New("the refusal is not in the log")
		}
		return nil
	})
	if got := send(t, s.address, get("/static/hello.txt")); got.status != 200 {
		t.Errorf("after a refused reload: %d", got.status)
	}
	change(routed(httpbin, nginx, "  - {name: all, match: {path_prefix: /files}, endpoint: files, rewrite: {path: /hello.txt}}\n"))
	s.signal(t, syscall.SIGHUP)
	eventually(t, 10*time.Second, func() error {
		if got := send(t, s.address, get("/files/x")); string(got.body) != "hello, world\n" {
			return fmt.Errorf("the new route: %d %.80q", got.status, got.body)
		}
		return nil
	})
	out, code := s.cli(t, "route", "test", "/files/x", "--config", file)
	if code != 0 {
		t.Errorf("route test: %d\n%s", code, out)
	}
	mentions(t, out, "yes  route all: path /files/ or below", "GET "+nginx+"/hello.txt")
}

// TestEqualRequestsAreOneOverAKill repeats a webhook within the window while the process is killed, and after the window.
func TestEqualRequestsAreOneOverAKill(t *testing.T) {
	httpbin := "http://" + strings.TrimPrefix(startHTTPBin(t), "http://")
	data := filepath.Join(t.TempDir(), "data")
	config := strings.ReplaceAll(routed(httpbin, httpbin, ""), "window: 2s", "window: 8s")
	hook := func(s *server, body string) string {
		t.Helper()
		got := send(t, s.address, post("/anything/hook", body))
		if got.status != 202 {
			t.Fatalf("%d %.200q", got.status, got.body)
		}
		return got.header.Get("OpenHQM-Correlation-Id")
	}
	s := begin(t, configured(config), dataIn(data))
	s.awaitReady(t)
	began := time.Now()
	first := hook(s, "paid 1")
	if again := hook(s, "paid 1"); again != first {
		t.Errorf("the repeat is %s, the first %s", again, first)
	}
	s.kill(t)
	s = serve(t, configured(config), dataIn(data))
	again := hook(s, "paid 1")
	if within := time.Since(began) < 8*time.Second; within && again != first {
		t.Errorf("after a kill the repeat is %s, the first %s", again, first)
	}
	if other := hook(s, "paid 2"); other == first {
		t.Error("another body is the same request")
	}
	eventually(t, 30*time.Second, func() error {
		if hook(s, "paid 1") == first {
			return errors.New("the window has no end")
		}
		return nil
	})
}
