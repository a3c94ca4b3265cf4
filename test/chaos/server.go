package main

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// server is the product, on one data directory over all its lives.
type server struct {
	binary, data, endpoint string
	ingress, admin         string
	settings               map[string]string
	limits                 *cgroup // nil: none
	out                    *os.File
	died                   func(error) // told when a life ends that nobody ended

	mu       sync.Mutex
	cmd      *exec.Cmd
	expected bool          // somebody ended this life
	ended    chan struct{} // closed when it has
	err      error         // what Wait said
}

func newServer(r *run, o options) (*server, error) {
	out, err := os.Create(filepath.Join(o.dir, r.name+"-openhqm.log"))
	if err != nil {
		return nil, err
	}
	s := &server{binary: o.binary, data: filepath.Join(r.place, "data"), endpoint: r.service.address, settings: configuration(), out: out}
	maps.Copy(s.settings, r.settings)
	s.died = func(err error) { r.verdict("the process ended by itself", fmt.Errorf("%v; see %s", err, out.Name())) }
	if r.limits {
		if s.limits, err = newCgroup(); err != nil {
			return nil, err
		}
	}
	if s.ingress, err = freeAddress(); err != nil {
		return nil, err
	}
	s.admin, err = freeAddress()
	return s, err
}

// readyWithin is how long a start may take: a process with a tenth of a CPU takes its time.
const readyWithin = 60 * time.Second

// start begins a life and returns when it is ready.
func (s *server) start() error { return s.startUntil("/readyz") }

// startUntil begins a life and returns when a probe succeeds.
func (s *server) startUntil(probe string) error {
	_, ingressPort, _ := net.SplitHostPort(s.ingress)
	_, adminPort, _ := net.SplitHostPort(s.admin)
	cmd := exec.Command(s.binary, "serve", "--endpoint", "service")
	cmd.Env = append(os.Environ(),
		"OPENHQM_SERVER__HOST=127.0.0.1", "OPENHQM_SERVER__PORT="+ingressPort,
		"OPENHQM_ADMIN__HOST=127.0.0.1", "OPENHQM_ADMIN__PORT="+adminPort,
		"OPENHQM_PROXY__ENDPOINTS__SERVICE__URL=http://"+s.endpoint, "OPENHQM_QUEUE__EMBEDDED__DIR="+s.data)
	for key, value := range s.settings {
		cmd.Env = append(cmd.Env, "OPENHQM_"+key+"="+value)
	}
	cmd.Stdout, cmd.Stderr = s.out, s.out
	dieWithUs(cmd)
	if s.limits != nil {
		s.limits.wrap(cmd)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.expected, s.ended, s.err = cmd, false, ended, nil
	s.mu.Unlock()
	go s.wait(cmd, ended)
	return s.await(probe, ended)
}

func (s *server) wait(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	s.mu.Lock()
	s.err = err
	expected := s.expected
	s.mu.Unlock()
	if !expected {
		s.died(err)
	}
	close(ended)
}

func (s *server) await(probe string, ended <-chan struct{}) error {
	client := &http.Client{Timeout: 5 * time.Second}
	for wait := patient(readyWithin); !wait.over(); {
		if response, err := client.Get("http://" + s.admin + probe); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return nil // killed again; who did that goes on
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("not ready within %v; see %s", readyWithin, s.out.Name())
}

// signal sends a signal; ending says that the life is to end by it.
func (s *server) signal(sig syscall.Signal, ending bool) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	s.expected = s.expected || ending
	_ = s.cmd.Process.Signal(sig) // it may have ended
	return s.ended
}

// close ends the last life, if nobody has, and gives back what was taken.
func (s *server) close() {
	s.kill()
	if s.limits != nil {
		s.limits.remove()
	}
	_ = s.out.Close() // the process wrote it
}

// kill ends the life at once.
func (s *server) kill() { <-s.signal(syscall.SIGKILL, true) }

// terminate asks the life to end, and says if it did not end well.
func (s *server) terminate() error {
	ended := s.signal(syscall.SIGTERM, true)
	if !endsWithin(ended, grace+20*time.Second) {
		s.kill()
		return fmt.Errorf("not ended %v after SIGTERM", grace+20*time.Second)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return fmt.Errorf("after SIGTERM: %w", s.err)
	}
	return nil
}

// pid is that of the life.
func (s *server) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// exit says how the last life ended; nil: well.
func (s *server) exit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// running reports whether a life has not ended.
func (s *server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// check verifies the directory offline.
func (s *server) check() error {
	if out, err := exec.Command(s.binary, "store", "check", s.data).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
