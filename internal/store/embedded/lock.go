package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	lockFile = "LOCK"
	pidFile  = "PID"
)

// lockDir takes the directory for this process, or says who has it.
func lockDir(fs vfs.FS, dir string) (io.Closer, error) {
	l, err := takeLock(fs, dir)
	if err != nil {
		return nil, err
	}
	// The PID lies beside the lock, because closing a locked file would release it.
	if err := writeFile(fs, fs.PathJoin(dir, pidFile), strconv.Itoa(os.Getpid())+"\n"); err != nil {
		l.Close() // nothing was written
		return nil, fmt.Errorf("write to data directory: %w", err)
	}
	return l, nil
}

// takeLock is lockDir without the mark of who has it.
func takeLock(fs vfs.FS, dir string) (io.Closer, error) {
	l, err := fs.Lock(fs.PathJoin(dir, lockFile))
	if err == nil {
		return l, nil
	}
	if _, statErr := fs.Stat(fs.PathJoin(dir, lockFile)); statErr != nil || os.IsPermission(err) || errors.Is(err, syscall.EROFS) {
		return nil, fmt.Errorf("lock %s: %w (the data directory must be writable)", dir, err)
	}
	holder := "another process"
	if pid := readPID(fs, dir); pid > 0 {
		holder = fmt.Sprintf("process %d", pid)
	}
	return nil, fmt.Errorf("%s is in use by %s: stop it, or choose another directory (%w)", dir, holder, err)
}

func readPID(fs vfs.FS, dir string) int {
	text, err := readFile(fs, fs.PathJoin(dir, pidFile))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(text))
	return pid
}

func readFile(fs vfs.FS, path string) (string, error) {
	f, err := fs.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // only read
	b, err := io.ReadAll(io.LimitReader(f, 16<<20))
	return string(b), err
}

func writeFile(fs vfs.FS, path, text string) error {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}
