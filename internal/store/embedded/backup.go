package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

var _ queue.Backupper = (*Store)(nil)

// Backup copies the database as it is at one moment, then the body files. No body file is removed from before that moment
// until all are copied: so that each one that a copied record holds is there. Those that are copied and held by none are
// swept when the copy is opened. Files that never change are linked where the file system can, so that a copy beside the
// store costs little room at first; it is to be taken elsewhere.
func (s *Store) Backup(ctx context.Context, dir string) (queue.Backup, error) {
	if err := s.enter(); err != nil {
		return queue.Backup{}, err
	}
	defer s.calls.Done()
	if inside(s.dir, dir) {
		return queue.Backup{}, fmt.Errorf("%w: %s lies in the data directory: choose another place for a backup", queue.ErrInvalid, dir)
	}
	if err := vacant(s.fs, dir); err != nil {
		return queue.Backup{}, fmt.Errorf("%w: %w", queue.ErrInvalid, err)
	}
	if !fault.Planted(fault.BackupLetsBodiesGo) {
		s.bodies.keep()
		defer s.bodies.letGo()
	}
	return writeStore(ctx, s.fs, dir, func() error { return s.checkpoint(s.fs.PathJoin(dir, dbDir)) }, s.bodies.dir, vfs.LinkOrCopy)
}

// checkpoint copies the database. It panics where a directory of the copy cannot be synced, at a point at which it holds
// no lock: that the place of the copy fails is no reason to end the store.
func (s *Store) checkpoint(dir string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("copy the database: %v", p)
		}
	}()
	return s.db.Checkpoint(dir, pebble.WithFlushedWAL())
}

// Restore copies a backup into a data directory that is empty or does not exist yet, and verifies both: what does not
// pass Check is not restored, and an error leaves no store behind. Nothing in the backup is changed.
func Restore(ctx context.Context, backup, dir string) (Report, error) {
	return restore(ctx, vfs.Default, backup, dir)
}

func restore(ctx context.Context, fs vfs.FS, backup, dir string) (Report, error) {
	if inside(backup, dir) {
		return Report{}, fmt.Errorf("%s lies in the backup: choose another place for the data", dir)
	}
	if err := vacant(fs, dir); err != nil {
		return Report{}, err
	}
	if _, err := fs.Stat(backup); errors.Is(err, os.ErrNotExist) {
		return Report{}, fmt.Errorf("%s holds no store, for it does not exist: name the directory of a backup", backup)
	}
	report, err := check(fs, backup)
	if err == nil && !report.OK() {
		err = fmt.Errorf("the backup %s has %d faults, first: %s", backup, report.Faulty, report.Faults[0])
	}
	if err != nil {
		return report, err
	}
	_, err = writeStore(ctx, fs, dir, func() error {
		return copyFiles(ctx, fs, fs.PathJoin(backup, dbDir), fs.PathJoin(dir, dbDir), func(name string) bool { return name != lockFile }, vfs.Copy, nil)
	}, fs.PathJoin(backup, blobDir), vfs.Copy)
	if err != nil {
		return report, err
	}
	report, err = check(fs, dir)
	if err == nil && !report.OK() {
		err = fmt.Errorf("what was restored to %s has %d faults, first: %s", dir, report.Faulty, report.Faults[0])
	}
	return report, err
}

// copyFile copies or links one file, durably.
type copyFile func(fs vfs.FS, from, to string) error

// writeStore makes a store of a database and body files. The mark of a store comes last, so that what was cut short is
// none.
func writeStore(ctx context.Context, fs vfs.FS, dir string, db func() error, blobs string, copyOne copyFile) (b queue.Backup, err error) {
	if err := createDir(fs, dir); err != nil {
		return b, fmt.Errorf("create %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			for _, name := range []string{dbDir, blobDir, beginFile, formatFile} {
				fs.RemoveAll(fs.PathJoin(dir, name)) // what remains is no store
			}
			err = fmt.Errorf("write to %s: %w", dir, err)
		}
	}()
	if err := beginFormat(fs, dir); err != nil {
		return b, err
	}
	if fault.Planted(fault.BackupMarkedFirst) {
		finishFormat(fs, dir)
	}
	fault.Point(fault.BackupBegun)
	if err := db(); err != nil {
		return b, err
	}
	fault.Point(fault.BackupCopied)
	err = copyFiles(ctx, fs, blobs, fs.PathJoin(dir, blobDir), func(name string) bool {
		size, whole := refSize(name)
		if whole {
			b.Bodies++
			b.BodyBytes += size
		}
		return whole
	}, copyOne, os.ErrNotExist)
	if err != nil {
		return b, err
	}
	fault.Point(fault.BackupBodies)
	return b, finishFormat(fs, dir)
}

// copyFiles copies the wanted files of one directory into a new one. A file that fails with the pardoned error is left
// out.
func copyFiles(ctx context.Context, fs vfs.FS, from, to string, wanted func(name string) bool, copyOne copyFile, pardoned error) error {
	if err := fs.MkdirAll(to, 0o700); err != nil {
		return err
	}
	names, err := fs.List(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !wanted(name) {
			continue
		}
		err := copyOne(fs, fs.PathJoin(from, name), fs.PathJoin(to, name))
		if err != nil && (pardoned == nil || !errors.Is(err, pardoned)) {
			return err
		}
	}
	return syncDir(fs, to)
}

// vacant refuses a directory that holds anything.
func vacant(fs vfs.FS, dir string) error {
	info, err := fs.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file: choose a directory", dir)
	}
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != "lost+found" {
			return fmt.Errorf("%s is not empty (%s): choose a directory that is empty or does not exist yet", dir, name)
		}
	}
	return nil
}

// inside reports whether a path lies in a directory, or is it, by whatever symbolic links either is named.
func inside(dir, path string) bool {
	relative, err := filepath.Rel(resolved(dir), resolved(path))
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// resolved returns a path as it is without symbolic links, as far as it exists.
func resolved(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	rest := ""
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return filepath.Clean(path)
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
