package embedded

import (
	"context"
	"errors"
	"path"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// TestOnlyACommittedBodyIsSynced counts the syncs of body files, which are slow on a real disk.
func TestOnlyACommittedBodyIsSynced(t *testing.T) {
	var files, dirs atomic.Int64
	s := openOn(t, errorfs.Wrap(vfs.NewCrashableMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch {
		case !isSync(op.Kind):
		case path.Base(op.Path) == "blobs":
			dirs.Add(1)
		case path.Base(path.Dir(op.Path)) == "blobs":
			files.Add(1)
		}
		return nil
	})))
	defer s.Close() // nothing depends on it
	for _, c := range []struct {
		name        string
		commit      bool
		files, dirs int64
	}{{"aborted", false, 0, 0}, {"committed", true, 1, 1}} {
		files.Store(0)
		dirs.Store(0)
		w, err := s.CreateBody(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 3*blockSize)); err != nil {
			t.Fatal(err)
		}
		if c.commit {
			_, err = w.Commit()
		} else {
			err = w.Abort()
		}
		if err != nil {
			t.Fatal(err)
		}
		if files.Load() != c.files || dirs.Load() != c.dirs {
			t.Errorf("%s: synced its file %d times and the directory %d times, want %d and %d", c.name, files.Load(), dirs.Load(), c.files, c.dirs)
		}
	}
}

// A sync that failed is not tried again on anything: the disk fails (R11). One without room is a refusal like any other.
func TestABodyThatCannotBeSyncedEndsTheStore(t *testing.T) {
	for name, test := range map[string]struct {
		target string
		cause  error
		ends   bool
	}{
		"its file":                    {"file", syscall.EIO, true},
		"the directory":               {"dir", syscall.EIO, true},
		"its file, for want of space": {"file", syscall.ENOSPC, false},
	} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Bool
			s := openOn(t, errorfs.Wrap(vfs.NewCrashableMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				dir, file := path.Base(op.Path) == "blobs", path.Base(path.Dir(op.Path)) == "blobs"
				if armed.Load() && isSync(op.Kind) && (dir && test.target == "dir" || file && test.target == "file") {
					return test.cause
				}
				return nil
			})))
			defer s.Close() // nothing depends on it
			armed.Store(true)
			w, err := s.CreateBody(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(make([]byte, 3*blockSize)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Commit(); !errors.Is(err, test.cause) && !(errors.Is(err, queue.ErrFull) && !test.ends) {
				t.Errorf("Commit: %v", err)
			}
			_, err = s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")})
			if (err != nil) != test.ends {
				t.Errorf("the store goes on with %v, want an end: %t", err, test.ends)
			}
		})
	}
}
