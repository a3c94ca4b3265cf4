package e2e

import "syscall"

// dieWithParent makes a child end with a test run that crashes; it would hold
// its ports for ever.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
