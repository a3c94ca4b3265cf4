package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// straceMissing says why no system call can be made to fail here; "" if it can.
func straceMissing() string {
	path, err := exec.LookPath("strace")
	if err != nil {
		return "failing fsyncs need strace"
	}
	if out, err := exec.Command(path, "-f", "-o", os.DevNull, "-e", "inject=fsync:error=EIO", "true").CombinedOutput(); err != nil {
		return fmt.Sprintf("failing fsyncs need strace, which may not trace here: %v: %s", err, out)
	}
	return ""
}

// syncsFailFor is how long the product may go on after its fsyncs fail.
const syncsFailFor = 30 * time.Second

// failSyncs lets every fsync and fdatasync of the product fail from now on: it has to end by itself (R11).
func (r *run) failSyncs() error {
	r.syncs++
	trace := filepath.Join(r.place, fmt.Sprintf("strace-%d", r.syncs))
	flying := r.service.inFlight.Load()
	ended := r.server.signal(syscall.Signal(0), true)
	pid := strconv.Itoa(r.server.pid())
	cmd := exec.Command("strace", "-f", "-q", "-ttt", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", "-o", trace, "-p", pid)
	dieWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	if !endsWithin(ended, syncsFailFor) {
		r.verdict("fsync", fmt.Errorf("the process goes on %v after its fsyncs began to fail", syncsFailFor))
		r.server.kill()
	}
	offset := time.Now().UnixNano() - r.log.Now()
	_ = cmd.Wait() // it ends as the process that it traced
	if r.server.exit() == nil {
		r.verdict("fsync", errors.New("the process ended with 0 after its fsyncs failed"))
	}
	first, err := firstInjected(trace)
	if err != nil {
		return err
	}
	r.faults.since(history.Sync, flying, max(0, first-offset))()
	return r.server.start()
}

// firstInjected returns when the first call failed, in Unix nanoseconds.
func firstInjected(trace string) (int64, error) {
	file, err := os.Open(trace)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text()) // PID TIME call...
		if len(fields) < 3 || !strings.Contains(lines.Text(), "INJECTED") {
			continue
		}
		seconds, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", trace, err)
		}
		return int64(seconds * 1e9), nil
	}
	return 0, fmt.Errorf("%s: no fsync was made to fail", trace)
}
