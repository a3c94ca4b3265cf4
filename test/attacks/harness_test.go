package attacks

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/freeport"
)

// patience bounds how long anything may take that is going to happen.
const patience = 30 * time.Second

// binaryVariable names a binary to test instead of building one.
const binaryVariable = "OPENHQM_E2E_BINARY"

var builds string // holds what this run built

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "openhqm-attacks-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

var binary = sync.OnceValues(func() (string, error) {
	if given := os.Getenv(binaryVariable); given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(builds, "openhqm")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../../cmd/openhqm")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// server is a running openhqm.
type server struct {
	address, admin string
	stop           func() // ends it in order, once
}

// What every endpoint of these tests injects; no request may change it.
const (
	injectedField = "X-Injected"
	injectedValue = "ours"
	injectedToken = "Bearer the-endpoints-own-token"
)

// configuration puts openhqm in front of one URL. Nothing is tried again, and no answer closes the endpoint.
const configuration = `
server: {trusted_proxies: []}
worker: {max_retries: 0}
proxy:
  enabled: true
  default_endpoint: app
  endpoints:
    app:
      url: %q
      timeout: 20s
      host: preserve
      headers: {%s: %q}
      auth_type: bearer
      auth_token: the-endpoints-own-token
      authorization: replace
      breaker: {failures: 0}
`

// serve starts openhqm in front of a URL and waits until it is ready.
func serve(t *testing.T, url string) *server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "openhqm.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, configuration, url, injectedField, injectedValue), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{address: freeAddress(t), admin: freeAddress(t)}
	s.stop = run(t, path, []string{"serve", "--config", file}, []string{
		"OPENHQM_SERVER__HOST=127.0.0.1", "OPENHQM_SERVER__PORT=" + port(s.address),
		"OPENHQM_ADMIN__HOST=127.0.0.1", "OPENHQM_ADMIN__PORT=" + port(s.admin),
		"OPENHQM_QUEUE__EMBEDDED__DIR=" + filepath.Join(dir, "data"),
		"OPENHQM_WORKER__DRAIN_LAG=0s",
	})
	eventually(t, func() error {
		resp, err := http.Get("http://" + s.admin + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %s", resp.Status)
		}
		return nil
	})
	return s
}

// run starts a process and returns how to end it in order, which the end of the test does at the latest.
func run(t *testing.T, path string, args, env []string) (stop func()) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), filepath.Base(path)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(done)
	}()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-done
			t.Errorf("%s did not end on SIGTERM", filepath.Base(path))
		}
	})
	t.Cleanup(func() {
		stop()
		log.Close()
		if printed, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(path), printed[max(0, len(printed)-4000):])
		}
	})
	return stop
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func port(address string) string {
	_, port, _ := strings.Cut(address, ":")
	return port
}

func awaitListening(t *testing.T, address string) {
	t.Helper()
	eventually(t, func() error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// eventually repeats a check until it holds.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
