//go:build planted

package kill

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
)

// reachWithin is how long a life may last before its point counts as not reached.
const reachWithin = 10 * time.Second

// TestNothingIsLostOrDoubledAtAnyPoint crashes the binary at every point, one life after the other on one data directory,
// under a load that reaches them all. The binary has to be built with the tag planted, as `make chaos-gate` does.
func TestNothingIsLostOrDoubledAtAnyPoint(t *testing.T) {
	c := newChain(t)
	began := time.Now()
	var missed []string
	points := fault.Points()
	for _, p := range points {
		if !c.crashAt(t, fault.Crash(p.Name)) {
			missed = append(missed, p.Name)
			t.Errorf("%s was not reached within %v: %s", p.Name, reachWithin, p.Does)
		}
	}
	c.life = "the end"
	l := c.begin(t, "")
	if !c.ready(t, l) {
		t.Fatalf("the last life ended before it was ready; the log ends:\n%s", c.logged(t))
	}
	c.release(t)
	c.load.verify(t)
	l.terminate(t)
	if <-l.done; !l.cmd.ProcessState.Success() {
		t.Errorf("after SIGTERM: %v; the log ends:\n%s", l.cmd.ProcessState, c.logged(t))
	}
	c.check(t)
	fmt.Printf("reached %d/%d in %v\n", len(points)-len(missed), len(points), time.Since(began).Round(time.Second))
	for _, name := range missed {
		fmt.Println("not reached:", name)
	}
}

// chain is one data directory with the lives of the processes on it.
type chain struct {
	*server
	config string
	load   *load
	life   string // the point that the present one is to die at
}

func newChain(t *testing.T) *chain {
	s := newServer(t, "")
	c := &chain{server: s, load: newLoad(t, s.ingress, s.admin)}
	c.config = filepath.Join(t.TempDir(), "openhqm.yaml")
	text := fmt.Sprintf(`
proxy:
  default_endpoint: app
  endpoints:
    app: {url: 'http://%s', breaker: {failures: 0}, retry_budget: 0}
    trash: {url: 'http://%s', breaker: {failures: 0}}
callback:
  allow: ['http://%s/done']
  allow_networks: [127.0.0.1]
  secrets: [whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=]
  retry_delay_base: 10ms
  retry_delay_max: 100ms
worker: {concurrency: 48, lease: 2s, retry_delay_base: 10ms, retry_delay_max: 50ms, max_retries: 20, drain_lag: 100ms, grace: 5s}
`, c.load.service.address, c.load.service.address, c.load.receiver.address)
	if err := os.WriteFile(c.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// life is one process.
type life struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (l *life) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// crashed reports whether the process was killed. Nobody but itself does that while it is awaited.
func (l *life) crashed() bool {
	status, ok := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (l *life) terminate(t *testing.T) {
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil && !l.ended() {
		t.Fatal(err)
	}
}

// begin starts a life that is to die at a point; "" for none.
func (c *chain) begin(t *testing.T, point fault.Crash, env ...string) *life {
	t.Helper()
	l := &life{cmd: exec.Command(c.binary, "serve", "--config", c.config), done: make(chan struct{})}
	l.cmd.Env = append(append(os.Environ(), c.environment()...), fault.CrashVariable+"="+string(point))
	l.cmd.Env = append(l.cmd.Env, env...)
	l.cmd.Stdout, l.cmd.Stderr = c.log, c.log
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		l.cmd.Wait() // the state says how it ended
		close(l.done)
	}()
	return l
}

// ready waits until a life serves; false if it ended before.
func (c *chain) ready(t *testing.T, l *life) bool {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if l.ended() {
			return false
		}
		if response, err := http.Get("http://" + c.admin + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return true
			}
		}
	}
	t.Fatalf("%s: neither ready nor dead within 30 s; the log ends:\n%s", c.life, c.logged(t))
	return false
}

// crashAt has one life die at a point, and reports whether it did.
func (c *chain) crashAt(t *testing.T, point fault.Crash) bool {
	t.Helper()
	c.life = string(point)
	switch area, _, _ := strings.Cut(string(point), "-"); {
	case point == fault.OpenBegun || point == fault.OpenCreated:
		return c.crashNew(t, point)
	case area == "open", area == "recovery":
		c.kill(t) // so that there is something to recover
	}
	var env []string
	switch point {
	case fault.TimeExpired:
		env = append(env, "OPENHQM_QUEUE__MAX_AGE=1s")
	case fault.TimeRemoved:
		env = append(env, "OPENHQM_QUEUE__DEAD_RETENTION=1s")
	}
	l := c.begin(t, point, env...)
	if !c.ready(t, l) {
		return c.died(t, l)
	}
	c.release(t)
	if point == fault.TimeExpired {
		c.load.call(http.MethodPost, "http://"+c.admin+"/api/v1/endpoints/app/hold", "")
	}
	stop := c.load.start(c.life, len(env) > 0)
	defer stop()
	backup := filepath.Join(t.TempDir(), "backup")
	go c.provoke(t, l, point, backup)
	select {
	case <-l.done:
	case <-time.After(reachWithin):
		l.cmd.Process.Kill()
		<-l.done
		return false
	}
	if _, err := os.Stat(filepath.Join(backup, "FORMAT")); err == nil {
		t.Errorf("%s: a backup that was cut short bears the mark of a store", point)
	}
	return c.died(t, l)
}

// provoke does what the load alone does not.
func (c *chain) provoke(t *testing.T, l *life, point fault.Crash, backup string) {
	area, _, _ := strings.Cut(string(point), "-")
	select {
	case <-l.done:
		return
	case <-time.After(200 * time.Millisecond): // of load
	}
	switch area {
	case "drain", "close":
		l.terminate(t)
	case "backup":
		c.load.call(http.MethodPost, "http://"+c.admin+"/api/v1/backup", fmt.Sprintf(`{"dir": %q}`, backup))
	case "gate":
		c.load.call(http.MethodPost, "http://"+c.admin+"/api/v1/endpoints/trash/hold", `{"for": "10ms"}`)
	}
}

// died says how a life ended that is to have crashed.
func (c *chain) died(t *testing.T, l *life) bool {
	t.Helper()
	if !l.crashed() {
		t.Errorf("%s: ended with %v; the log ends:\n%s", c.life, l.cmd.ProcessState, c.logged(t))
		return false
	}
	return true
}

// kill ends a life under load that nothing crashed.
func (c *chain) kill(t *testing.T) {
	t.Helper()
	l := c.begin(t, "")
	if !c.ready(t, l) {
		t.Fatalf("before %s: the life ended early; the log ends:\n%s", c.life, c.logged(t))
	}
	c.release(t)
	stop := c.load.start("a kill before "+c.life, false)
	defer stop()
	awaitFlying(t, c.load.service)
	l.cmd.Process.Kill()
	<-l.done
}

// crashNew crashes at the making of a new directory, which is then opened all the same.
func (c *chain) crashNew(t *testing.T, point fault.Crash) bool {
	t.Helper()
	data := c.data
	defer func() { c.data = data }()
	c.data = filepath.Join(t.TempDir(), "new")
	l := c.begin(t, point)
	if c.ready(t, l) {
		l.cmd.Process.Kill()
		<-l.done
		return false
	}
	reached := c.died(t, l)
	if l = c.begin(t, ""); !c.ready(t, l) {
		t.Errorf("%s: the directory cannot be opened any more; the log ends:\n%s", point, c.logged(t))
		return reached
	}
	l.terminate(t)
	<-l.done
	c.check(t)
	return reached
}

// release opens what an earlier life has closed.
func (c *chain) release(t *testing.T) {
	t.Helper()
	for _, name := range []string{"app", "trash"} {
		c.load.call(http.MethodPost, "http://"+c.admin+"/api/v1/endpoints/"+name+"/release", "")
	}
}
