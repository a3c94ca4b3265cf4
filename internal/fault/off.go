//go:build !planted

package fault

// Planted reports whether a bug is active: never in this build. The compiler drops what hangs on it.
func Planted(Bug) bool { return false }

// Point does nothing in this build, and leaves nothing behind where it is called.
func Point(Crash) {}
