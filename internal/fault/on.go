//go:build planted

package fault

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// selected reads the environment once.
var selected = sync.OnceValue(func() selection {
	s, err := choose(os.Getenv(BugVariable), os.Getenv(CrashVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, "openhqm:", err)
		os.Exit(2)
	}
	return s
})

// passed counts how often the active point was passed.
var passed atomic.Int64

// Planted reports whether a bug is active.
func Planted(b Bug) bool { return selected().bug == b }

// Point kills the process if this is the active point, at the passing that was asked for.
func Point(c Crash) {
	if s := selected(); s.crash != c || passed.Add(1) != s.nth {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "openhqm: crash at %s: %v\n", c, err)
		os.Exit(2)
	}
	select {} // nothing of the caller runs before the signal is there
}
