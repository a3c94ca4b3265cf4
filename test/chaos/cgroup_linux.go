package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A small process: 128 MiB and a tenth of a CPU.
const (
	smallMemory = "134217728"
	smallQuota  = "10000" // of smallPeriod, in microseconds
	smallPeriod = "100000"
)

const cgroups = "/sys/fs/cgroup"

// cgroup is a control group for memory and CPU, in either version's form.
type cgroup struct{ dirs []string }

// cgroupMissing says why processes cannot be limited here; "" if they can.
func cgroupMissing() string {
	c, err := newCgroup()
	if err != nil {
		return "limits of memory and CPU need root and cgroups: " + err.Error()
	}
	c.remove()
	return ""
}

func newCgroup() (*cgroup, error) {
	name := fmt.Sprintf("openhqm-chaos-%d", os.Getpid())
	c := &cgroup{}
	if controllers, err := os.ReadFile(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		if !strings.Contains(string(controllers), "memory") {
			return nil, fmt.Errorf("%s has no memory controller", cgroups)
		}
		return c, c.make(filepath.Join(cgroups, name), "memory.max", smallMemory, "cpu.max", smallQuota+" "+smallPeriod)
	}
	err := c.make(filepath.Join(cgroups, "memory", name), "memory.limit_in_bytes", smallMemory)
	if err == nil {
		err = c.make(filepath.Join(cgroups, "cpu", name), "cpu.cfs_period_us", smallPeriod, "cpu.cfs_quota_us", smallQuota)
	}
	return c, err
}

// make makes a group with some values; after an error nothing is left of it.
func (c *cgroup) make(dir string, values ...string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	c.dirs = append(c.dirs, dir)
	for i := 0; i < len(values); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, values[i]), []byte(values[i+1]), 0); err != nil {
			c.remove()
			return err
		}
	}
	return nil
}

// remove removes the groups; a process that has just ended may still hold one for a moment.
func (c *cgroup) remove() {
	for _, dir := range c.dirs {
		for range 100 {
			if err := os.Remove(dir); err == nil || os.IsNotExist(err) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// wrap makes a command enter the group before it begins, so that it finds its limits at its start.
func (c *cgroup) wrap(cmd *exec.Cmd) {
	var enter strings.Builder
	for _, dir := range c.dirs {
		fmt.Fprintf(&enter, "echo $$ > %s/cgroup.procs && ", dir)
	}
	cmd.Path = "/bin/sh"
	cmd.Args = append([]string{"sh", "-c", enter.String() + `exec "$@"`}, append([]string{"sh"}, cmd.Args...)...)
}

// dieWithUs ends a process when this one is killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
