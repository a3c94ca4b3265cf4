//go:build !linux

package e2e

import "testing"

// fillUpTo is never reached: mountTmpfs skips first.
func fillUpTo(t testing.TB, _, _ string, _ uint64) {
	t.Helper()
	t.Skip("needs a tmpfs")
}
