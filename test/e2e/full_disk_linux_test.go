package e2e

import (
	"os"
	"syscall"
	"testing"
)

// fillUpTo writes a file until only so many bytes are free below dir.
func fillUpTo(t testing.TB, dir, file string, leave uint64) {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	free := fs.Bavail * uint64(fs.Bsize)
	if free <= leave {
		return
	}
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for left := free - leave; left > 0; {
		n, err := out.Write(make([]byte, min(left, 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		left -= uint64(n)
	}
}
