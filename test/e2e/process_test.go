package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/freeport"
)

// startTimeout bounds how long any process may take to listen; the race
// detector on a loaded machine is slow.
const startTimeout = 30 * time.Second

// A process is one child, with everything it printed.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *transcript
	done chan struct{} // closed when it has ended
}

// A transcript collects what a process prints and may be read meanwhile.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// faultVariable names a planted bug, which the gate wants the tests to catch.
const faultVariable = "OPENHQM_FAULT_BUG"

// launch starts a child whose environment is env and nothing of ours but the
// path, the directory for temporary files and the bug that is planted, if any.
func launch(t testing.TB, name, path string, args, env []string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(path, args...), out: &transcript{}, done: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.cmd.Dir, "TMPDIR=" + os.TempDir()}, env...)
	if bug := os.Getenv(faultVariable); bug != "" {
		p.cmd.Env = append(p.cmd.Env, faultVariable+"="+bug)
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // the state says how it ended
		close(p.done)
	}()
	return p
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// exit waits for the end and returns the exit code, or -1 for a signal.
func (p *process) exit(t testing.TB, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Fatalf("%s did not end within %v; it printed:\n%s", p.name, within, p.out)
		return -1
	}
}

// signal sends a signal to a process that may have ended.
func (p *process) signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("signal %s: %v", p.name, err)
	}
}

// awaitListening blocks until something accepts connections on the address.
func (p *process) awaitListening(t testing.TB, address string) {
	t.Helper()
	eventually(t, startTimeout, func() error {
		if p.ended() {
			t.Fatalf("%s ended before it listened on %s:\n%s", p.name, address, p.out)
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// eventually repeats a check until it holds; after the time it fails with the
// last reason.
func eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", within, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// freeAddress returns a loopback address that nothing listens on at the moment.
func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// port is the part of an address behind the colon.
func port(address string) string {
	_, port, _ := strings.Cut(address, ":")
	return port
}

// tail is the end of a long text, for messages.
func tail(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	return fmt.Sprintf("... (%d bytes before)\n%s", len(text)-bytes, text[len(text)-bytes:])
}

// terminate asks a process to drain and end.
const terminate = syscall.SIGTERM
