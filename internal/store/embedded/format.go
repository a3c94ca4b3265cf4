package embedded

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/queue"
)

const (
	// formatVersion is the version of everything in the directory; the package doc draws it.
	formatVersion = 2

	formatFile = "FORMAT"
	beginFile  = "FORMAT.new"
	formatWord = "openhqm embedded store, format "
	dbDir      = "db"
	blobDir    = "blobs"
)

// inspect looks at a directory without touching it: the format of the store in it, if this version reads that, or 0 for none. A
// directory that is neither empty nor ours is refused, and so is a newer format.
func inspect(fs vfs.FS, dir string) (format int, err error) {
	info, err := fs.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	if !info.IsDir() {
		return 0, fmt.Errorf("data directory %s is a file: choose a directory", dir)
	}
	text, err := readFile(fs, fs.PathJoin(dir, formatFile))
	if errors.Is(err, os.ErrNotExist) {
		return 0, refuseForeign(fs, dir)
	}
	if err != nil {
		return 0, fmt.Errorf("data directory: %w", err)
	}
	number, ok := strings.CutPrefix(strings.TrimSpace(text), formatWord)
	version, convErr := strconv.Atoi(number)
	switch {
	case !ok || convErr != nil:
		return 0, &queue.CorruptError{Path: fs.PathJoin(dir, formatFile), Offset: -1, Err: errors.New("not a format that is known; nothing was changed: restore this file, or the directory, from a copy")}
	case version > formatVersion:
		return 0, fmt.Errorf("data directory %s has format %d, and this version reads up to %d: run the newer version", dir, version, formatVersion)
	}
	return version, nil
}

// refuseForeign accepts a directory that is empty but for what a volume brings along, or in which a first start was cut
// short. A store that has lost its mark is damaged, not foreign.
func refuseForeign(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	text, _ := readFile(fs, fs.PathJoin(dir, beginFile))
	if strings.HasPrefix(text, formatWord) {
		return nil
	}
	if slices.Contains(names, dbDir) && slices.Contains(names, blobDir) { // another one would begin without what is in this one
		return &queue.CorruptError{Path: fs.PathJoin(dir, formatFile), Offset: -1,
			Err: errors.New("the file is gone, and the rest of a store is there; nothing was changed: restore this file, or the directory, from a copy")}
	}
	for _, name := range names {
		switch name {
		case "lost+found", lockFile, pidFile, beginFile:
		default:
			return fmt.Errorf("data directory %s holds something else (%s): choose an empty directory", dir, name)
		}
	}
	return nil
}

// beginFormat marks a directory in which a store is being created. Until finishFormat nothing in it was promised to
// anybody, so what a start that was cut short left behind is removed.
func beginFormat(fs vfs.FS, dir string) error {
	if err := writeFile(fs, fs.PathJoin(dir, beginFile), formatWord+strconv.Itoa(formatVersion)+"\n"); err != nil {
		return err
	}
	if err := syncDir(fs, dir); err != nil {
		return err
	}
	return fs.RemoveAll(fs.PathJoin(dir, dbDir))
}

// finishFormat marks a directory as a store of ours, once all of it is durable.
func finishFormat(fs vfs.FS, dir string) error {
	if err := syncDir(fs, dir); err != nil {
		return err
	}
	if err := fs.Rename(fs.PathJoin(dir, beginFile), fs.PathJoin(dir, formatFile)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// raiseFormat marks a store of an older format as one of ours, before the first write that the older version would not read.
func raiseFormat(fs vfs.FS, dir string) error {
	if err := writeFile(fs, fs.PathJoin(dir, beginFile), formatWord+strconv.Itoa(formatVersion)+"\n"); err != nil {
		return err
	}
	return finishFormat(fs, dir)
}

// createDir creates a directory with its parents, and syncs the directory that each new one is an entry of: without that
// a crash could take everything below.
func createDir(fs vfs.FS, dir string) error {
	var changed []string
	for d := dir; ; {
		if _, err := fs.Stat(d); err == nil || !errors.Is(err, os.ErrNotExist) {
			break
		}
		parent := fs.PathDir(d)
		if parent == d {
			break
		}
		changed = append(changed, parent)
		d = parent
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range changed {
		if err := syncDir(fs, d); err != nil {
			return err
		}
	}
	return nil
}
