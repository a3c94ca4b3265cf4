package embedded

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/openhqm/openhqm/queue"
)

// TestABackupUnderLoadHoldsEverythingAcceptedBefore takes backups of a store on disk while others enqueue, settle and
// purge messages with small and large bodies, restores each, and compares it with what had been acknowledged.
func TestABackupUnderLoadHoldsEverythingAcceptedBefore(t *testing.T) {
	s, err := Open(Options{Dir: filepath.Join(t.TempDir(), "data"), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	accepted := make(map[queue.ID]string)
	snapshot := func() map[queue.ID]string {
		mu.Lock()
		defer mu.Unlock()
		all := make(map[queue.ID]string, len(accepted))
		for id, body := range accepted {
			all[id] = body
		}
		return all
	}
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			w := &mover{s: s, accepted: func(id queue.ID, body string) {
				mu.Lock()
				defer mu.Unlock()
				accepted[id] = body
			}}
			for ctx.Err() == nil {
				if err := w.step(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for round := range 4 {
		for !t.Failed() && len(snapshot()) < 100*(round+1) {
			s.Audit(t.Context()) // the load goes on meanwhile
		}
		before := snapshot()
		place := t.TempDir()
		backup, dir := filepath.Join(place, "backup"), filepath.Join(place, "restored")
		if _, err := s.Backup(t.Context(), backup); err != nil {
			t.Error(err)
			break
		}
		if report, err := Check(backup); err != nil || !report.OK() {
			t.Errorf("the backup: %v, %v", report.Faults, err)
		}
		if report, err := Restore(t.Context(), backup, dir); err != nil || report.Bodies == 0 {
			t.Errorf("restore: %+v, %v", report, err)
		}
		holds(t, dir, before)
	}
	stop()
	load.Wait()
	s.bodies.mu.Lock()
	kept := len(s.bodies.kept)
	s.bodies.mu.Unlock()
	if kept != 0 {
		t.Errorf("%d body files are still to be removed", kept)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := Check(s.dir)
	if err != nil || !report.OK() || report.Orphans != 0 {
		t.Errorf("the store after its backups: %+v, %v", report, err)
	}
}

// holds opens a restored store and reads every message that was acknowledged.
func holds(t *testing.T, dir string, want map[queue.ID]string) {
	t.Helper()
	s, err := Open(Options{Dir: dir, MinFree: 1 << 20})
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close() // what was read is read
	for id, body := range want {
		rec, err := s.Get(t.Context(), id)
		if err != nil {
			t.Errorf("%s was accepted before the backup began: %v", id, err)
			return
		}
		r, err := rec.Request.Body.Open(t.Context())
		if err != nil {
			t.Errorf("body of %s: %v", id, err)
			return
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(got) != body {
			t.Errorf("body of %s differs: %d bytes, %v", id, len(got), err)
			return
		}
	}
}

func TestABackupOrRestoreRefusesWrongPlaces(t *testing.T) {
	place := t.TempDir()
	s, err := Open(Options{Dir: filepath.Join(place, "data"), MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	file, full, empty := filepath.Join(place, "file"), filepath.Join(place, "full"), filepath.Join(place, "empty")
	for _, err := range []error{os.WriteFile(file, nil, 0o600), os.MkdirAll(filepath.Join(full, "x"), 0o700), os.Mkdir(empty, 0o700)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, says := range map[string]string{
		s.dir:                         "in the data directory",
		filepath.Join(s.dir, "inner"): "in the data directory",
		file:                          "is a file",
		full:                          "is not empty (x)",
	} {
		if _, err := s.Backup(t.Context(), dir); !errors.Is(err, queue.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("backup to %s: %v, want %q", dir, err, says)
		}
	}
	if _, err := s.Backup(t.Context(), empty); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ backup, dir, says string }{
		{empty, s.dir, "is not empty"},
		{empty, file, "is a file"},
		{empty, filepath.Join(empty, "inner"), "in the backup"},
		{full, filepath.Join(place, "new"), "holds something else"},
		{filepath.Join(place, "missing"), filepath.Join(place, "new"), "holds no store"},
		{s.dir, filepath.Join(place, "new"), "in use"},
	} {
		if _, err := Restore(t.Context(), c.backup, c.dir); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("restore from %s to %s: %v, want %q", c.backup, c.dir, err, c.says)
		}
	}
	if _, err := os.Stat(filepath.Join(place, "new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused restore leaves something behind: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(t.Context(), filepath.Join(place, "late")); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("backup after close: %v", err)
	}
}

// A symbolic link does not hide where a backup would lie: on the way to it, or to the data.
func TestABackupIsRefusedInTheDataDirectoryByWhateverName(t *testing.T) {
	place := t.TempDir()
	data, link, indirect := filepath.Join(place, "data"), filepath.Join(place, "link"), filepath.Join(place, "indirect")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for to, from := range map[string]string{data: link, link: indirect} {
		if err := os.Symlink(to, from); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	for _, opened := range []string{data, link} {
		s, err := Open(Options{Dir: opened, MinFree: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{data, link, indirect, filepath.Join(link, "inner"), filepath.Join(indirect, "new", "inner"), filepath.Join(data, "x")} {
			if _, err := s.Backup(t.Context(), dir); !errors.Is(err, queue.ErrInvalid) || !strings.Contains(err.Error(), "in the data directory") {
				t.Errorf("data at %s, backup to %s: %v", opened, dir, err)
			}
		}
		outside := filepath.Join(t.TempDir(), "backup")
		if _, err := s.Backup(t.Context(), outside); err != nil {
			t.Errorf("backup to %s: %v", outside, err)
		}
		if _, err := Restore(t.Context(), outside, filepath.Join(outside, "inner")); err == nil || !strings.Contains(err.Error(), "in the backup") {
			t.Errorf("restore into its own backup: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestABackupThatIsCutShortIsNoStore lets each kind of write below the target fail once.
func TestABackupThatIsCutShortIsNoStore(t *testing.T) {
	const target = "backup"
	for fail := 0; ; fail++ {
		n := 0
		fs := vfs.NewMem()
		s := openOn(t, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if !strings.HasPrefix(op.Path, target) || op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpRemoveAll || op.Kind == errorfs.OpRemove {
				return nil
			}
			if n++; n == fail+1 {
				return syscall.ENOSPC
			}
			return nil
		})))
		w := &mover{s: s}
		for range 8 {
			if err := w.step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Backup(t.Context(), target)
		_, restoreErr := restore(t.Context(), fs, target, "restored")
		if (err == nil) != (restoreErr == nil) {
			t.Errorf("write %d: backup %v, restore %v", fail, err, restoreErr)
		}
		if report, auditErr := s.Audit(t.Context()); auditErr != nil || !report.OK() {
			t.Errorf("write %d: the store itself: %v, %v", fail, report, auditErr)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n <= fail {
			if err != nil {
				t.Errorf("nothing failed: %v", err)
			}
			if fail < 10 {
				t.Errorf("only %d writes to let fail", fail)
			}
			return
		}
	}
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs)
	w := &mover{s: s}
	for range 5 { // the fifth has a large body
		if err := w.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Backup(t.Context(), "backup"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List(fs.PathJoin("backup", blobDir))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	if err := fs.Remove(fs.PathJoin("backup", blobDir, names[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(t.Context(), fs, "backup", "restored"); err == nil || !strings.Contains(err.Error(), "faults, first: ") {
		t.Errorf("restore of a damaged backup: %v", err)
	}
	if _, err := fs.Stat("restored"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused restore leaves something behind: %v", err)
	}
}

// TestABodyThatIsRemovedDuringABackupIsInIt purges a message between the copy of the database, which has its record, and
// that of the body files.
func TestABodyThatIsRemovedDuringABackupIsInIt(t *testing.T) {
	const place = "copy"
	fs := vfs.NewMem()
	var s *Store
	var file string
	purge := sync.OnceFunc(func() {
		if purged, err := s.Purge(t.Context(), queue.Filter{Queue: "orders"}); err != nil || purged.Removed != 1 {
			t.Errorf("purge: %+v, %v", purged, err)
		}
	})
	s = openOn(t, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpMkdirAll && op.Path == fs.PathJoin(place, blobDir) {
			purge()
		}
		return nil
	})))
	defer s.Close() // nothing depends on it
	file = s.bodies.path(enqueueBody(t, s, 100<<10).Request.Body.Ref())
	done, err := s.Backup(t.Context(), place)
	if err != nil || done.Bodies != 1 {
		t.Errorf("backup: %+v, %v, want the one body", done, err)
	}
	if report, err := check(fs, place); err != nil || !report.OK() || report.Records != 1 {
		t.Errorf("the backup: %+v, %v, want one record with its body", report, err)
	}
	if _, err := fs.Stat(file); err == nil {
		t.Error("the body of the purged message stays after the backup")
	}
}
