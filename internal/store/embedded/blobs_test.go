package embedded

import (
	"context"
	"path"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
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
