//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

var errLinux = errors.New("this needs Linux")

func mountSmall(string) (func(), error) { return nil, errLinux }

func (r *run) fillDisk() error { return errLinux }

type cgroup struct{}

func cgroupMissing() string { return "limits of memory and CPU need cgroups, which are Linux's" }

func newCgroup() (*cgroup, error) { return nil, errLinux }

func (c *cgroup) wrap(*exec.Cmd) {}

func (c *cgroup) remove() {}

func dieWithUs(*exec.Cmd) {}
