package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const defaultDuration = 8 * time.Second

type labOptions struct {
	binary, dir, profiles string
	duration              time.Duration
	rounds, deep          int
}

// lab is where everything runs: the binary, the data, and the processes that are still up.
type lab struct {
	labOptions
	self   string
	report report
	procs  []*process
}

func newLab(ctx context.Context, o labOptions) (*lab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp(".", ".bench-"); err != nil {
			return nil, err
		}
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return nil, err
	}
	if o.binary == "" {
		o.binary = filepath.Join(o.dir, "openhqm")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", o.binary, "./cmd/openhqm")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return &lab{labOptions: o, self: self}, nil
}

func (l *lab) close() {
	for _, p := range l.procs {
		p.stop()
	}
	os.RemoveAll(l.dir)
}

// process is a child that serves on addr.
type process struct {
	cmd   *exec.Cmd
	addr  string // of what is measured
	admin string // of the product's operators
	log   *bytes.Buffer
	done  chan struct{}
}

// role starts this binary as a comparison server or endpoint and waits until it listens.
func (l *lab) role(ctx context.Context, role string, env ...string) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, l.self)
	cmd.Env = append(os.Environ(), append(env, roleVariable+"="+role, addrVariable+"="+addr)...)
	p := &process{cmd: cmd, addr: addr}
	return p, l.start(ctx, p, "http://"+addr+"/")
}

// product starts openhqm in front of an endpoint ("" for none), on a new data directory unless one is given.
func (l *lab) product(ctx context.Context, endpoint, data string, env ...string) (*process, error) {
	var args []string
	if endpoint != "" {
		args = []string{"--endpoint", "http://" + endpoint}
	}
	return l.serve(ctx, data, args, env)
}

// configured starts openhqm with a configuration file.
func (l *lab) configured(ctx context.Context, yaml string, env ...string) (*process, error) {
	dir, err := os.MkdirTemp(l.dir, "config-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "openhqm.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	return l.serve(ctx, "", []string{"--config", file}, env)
}

// serve starts openhqm with flags, on a new data directory unless one is given.
func (l *lab) serve(ctx context.Context, data string, flags, env []string) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if data == "" {
		if data, err = os.MkdirTemp(l.dir, "data-"); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, l.binary, append([]string{"serve"}, flags...)...)
	cmd.Env = append(os.Environ(), append(env,
		"OPENHQM_SERVER__HOST=127.0.0.1", "OPENHQM_SERVER__PORT="+port(addr),
		"OPENHQM_ADMIN__HOST=127.0.0.1", "OPENHQM_ADMIN__PORT="+port(admin),
		"OPENHQM_QUEUE__EMBEDDED__DIR="+data)...)
	p := &process{cmd: cmd, addr: addr, admin: admin}
	return p, l.start(ctx, p, "http://"+admin+"/readyz")
}

// front starts a trivial app and the product in front of it.
func (l *lab) front(ctx context.Context, env ...string) (endpoint, product *process, stop func(), err error) {
	if endpoint, err = l.role(ctx, "endpoint"); err != nil {
		return nil, nil, nil, err
	}
	if product, err = l.product(ctx, endpoint.addr, "", env...); err != nil {
		return nil, nil, nil, err
	}
	return endpoint, product, func() { product.stop(); endpoint.stop() }, nil
}

// start runs the child and waits until url answers 200.
func (l *lab) start(ctx context.Context, p *process, url string) error {
	return l.startUntil(ctx, p, func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// startUntil runs the child and waits until it is ready.
func (l *lab) startUntil(ctx context.Context, p *process, ready func() bool) error {
	p.log, p.done = &bytes.Buffer{}, make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	l.procs = append(l.procs, p)
	go func() {
		p.cmd.Wait() // the log says why
		close(p.done)
	}()
	limit := time.Now().Add(2 * time.Minute)
	for time.Now().Before(limit) {
		if ready() {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended at its start:\n%s", p.cmd.Path, p.log)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s was not ready within two minutes:\n%s", p.cmd.Path, p.log)
}

// stop ends the child in good order and waits for it.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	select {
	case <-p.done:
	case <-time.After(40 * time.Second):
		p.cmd.Process.Kill() // it may be gone
		<-p.done
	}
}

// cpu returns the processor time that the child has used.
func (p *process) cpu() time.Duration { return cpuOf(p.cmd.Process.Pid) }

func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick
}

// tree is cpu of the child and of its own children, as nginx has them.
func (p *process) tree() time.Duration {
	total := p.cpu()
	pid := p.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return total
	}
	for _, text := range strings.Fields(string(children)) {
		if child, err := strconv.Atoi(text); err == nil {
			total += cpuOf(child)
		}
	}
	return total
}

// memory returns a line of the child's /proc status in bytes: RssAnon, VmHWM.
func (p *process) memory(field string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "\n"+field+":")
	line, _, _ := strings.Cut(after, "\n")
	kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	return kib << 10
}

// resetPeak makes VmHWM begin anew.
func (p *process) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// syncLatencies times bare writes of 1 KiB with fdatasync on the disk of the data, in an idle process: what every
// durable accept pays at the least.
func (l *lab) syncLatencies() (latencies, error) {
	f, err := os.Create(filepath.Join(l.dir, "sync"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var took latencies
	block := make([]byte, 1<<10)
	for range 400 {
		waitUntil(time.Now().Add(15 * time.Millisecond))
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return sorted(took), nil
}

// operate makes an operator's call and returns its body.
func (p *process) operate(method, path string) ([]byte, error) {
	request, err := http.NewRequest(method, "http://"+p.admin+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, body)
	}
	return body, err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}
