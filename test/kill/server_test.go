package kill

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/freeport"
)

// server is the product under test, on one data directory over all its lives.
type server struct {
	binary, data, endpoint string
	ingress, admin         string
	cmd                    *exec.Cmd
	log                    *os.File
}

const binaryVariable = "OPENHQM_E2E_BINARY"

func newServer(t *testing.T, endpoint string) *server {
	t.Helper()
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "openhqm")
		build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../cmd/openhqm")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "openhqm.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &server{binary: binary, data: t.TempDir(), endpoint: endpoint, ingress: freeAddress(t), admin: freeAddress(t), log: log}
}

// start begins a life and returns how long it took to be ready.
func (s *server) start(t *testing.T) time.Duration {
	t.Helper()
	s.cmd = exec.Command(s.binary, "serve", "--endpoint", "http://"+s.endpoint)
	s.cmd.Env = append(os.Environ(), s.environment()...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for time.Since(began) < 30*time.Second {
		if response, err := http.Get("http://" + s.admin + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return time.Since(began)
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("not ready within 30 s; the log ends:\n%s", s.logged(t))
	return 0
}

// environment gives every life the same addresses and directory.
func (s *server) environment() []string {
	_, ingressPort, _ := net.SplitHostPort(s.ingress)
	_, adminPort, _ := net.SplitHostPort(s.admin)
	return []string{"OPENHQM_SERVER__HOST=127.0.0.1", "OPENHQM_SERVER__PORT=" + ingressPort,
		"OPENHQM_ADMIN__HOST=127.0.0.1", "OPENHQM_ADMIN__PORT=" + adminPort, "OPENHQM_QUEUE__EMBEDDED__DIR=" + s.data}
}

func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.cmd.Wait() // killed
}

// stop ends the last life in good order.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v; the log ends:\n%s", err, s.logged(t))
	}
}

// check verifies the directory offline.
func (s *server) check(t *testing.T) {
	t.Helper()
	out, err := exec.Command(s.binary, "store", "check", s.data).CombinedOutput()
	if err != nil {
		t.Errorf("store check: %v\n%s", err, out)
	}
	fmt.Printf("%s", out)
}

func (s *server) logged(t *testing.T) []byte {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	return text[max(0, len(text)-4000):]
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
