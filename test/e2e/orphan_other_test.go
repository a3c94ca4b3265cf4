//go:build !linux

package e2e

import "syscall"

// dieWithParent has no means here: a crashed test run leaves its children.
func dieWithParent() *syscall.SysProcAttr { return nil }
