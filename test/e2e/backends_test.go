package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// record starts a recorder for the length of the test.
func record(t testing.TB, script recorder.Script) *recorder.Recorder {
	t.Helper()
	r, err := recorder.Start(script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// startHTTPBin runs go-httpbin as a process of its own and returns its address.
func startHTTPBin(t testing.TB) string {
	t.Helper()
	path, err := buildHTTPBin()
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	p := launch(t, "go-httpbin", path, []string{"-host", "127.0.0.1", "-port", port(address), "-max-body-size", "16777216", "-log-level", "OFF"}, nil)
	endWithTest(t, p)
	p.awaitListening(t, address)
	return address
}

// endWithTest stops a service that is not under test.
func endWithTest(t testing.TB, p *process) {
	t.Cleanup(func() {
		p.signal(t, syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(5 * time.Second):
			p.signal(t, syscall.SIGKILL)
			<-p.done
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.name, tail(p.out.String(), 4000))
		}
	})
}

// nginxConfig runs nginx in the foreground as whoever starts it, with every file
// below one directory.
const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	types { text/html html; text/plain txt; application/octet-stream bin; }
	gzip on;
	gzip_min_length 1;
	gzip_types text/plain;
	gzip_vary on;
	gzip_proxied any;
	server {
		listen %[2]s;
		root %[1]s/www;
		add_header X-Served-By nginx always;
		location /cached/ { expires 1h; add_header Cache-Control "public" always; }
		location = /moved { return 301 /hello.txt; }
		location = /found { return 302 ../relative; absolute_redirect off; }
		location = /teapot { return 418 "short and stout"; }
		location = /echo { default_type text/plain; return 200 "$request_method $request_uri $http_x_repeated $content_length"; }
		location = /nothing { return 204; }
		location = /closed { return 444; }
		error_page 404 /missing.html;
	}
}
`

// startNginx runs Debian's nginx on loopback over a few files and returns its
// address, or skips the test where it is not installed.
func startNginx(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx") // not in everybody's PATH
	}
	if err != nil {
		t.Skip("nginx is not installed (Debian: apt-get install nginx-light); .ci/run installs it")
	}
	dir := t.TempDir()
	www := filepath.Join(dir, "www")
	for name, content := range map[string]string{
		"hello.txt":        "hello, world\n",
		"index.html":       "<!doctype html><title>index</title>",
		"missing.html":     "<!doctype html><title>missing</title>",
		"dir/index.html":   "dir",
		"cached/plain.txt": strings.Repeat("may be kept for an hour. ", 100),
		"large.bin":        strings.Repeat("\x00\xff0123456789abcdef", 60_000),
		"empty.txt":        "",
		"sp ace/ü;x.txt":   "odd name",
	} {
		file := filepath.Join(www, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		// A fixed age keeps ETag and Last-Modified the same in every run.
		then := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
		if err := os.Chtimes(file, then, then); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, dir, address), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "nginx", path, []string{"-c", config, "-p", dir, "-e", "stderr"}, nil)
	endWithTest(t, p)
	p.awaitListening(t, address)
	return address
}

// gunzip returns what a gzip body holds.
func gunzip(t testing.TB, body []byte) string {
	t.Helper()
	in, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := io.Copy(&b, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
