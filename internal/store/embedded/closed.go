package embedded

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/queue"
)

// A store that is closed in good order lists the files of its database: name, size and, but for tables, whose blocks have
// checksums of their own, the CRC32C. The next open compares. Without the list the database takes damage at the end of its
// log, or of the file that names its tables, for what a crash leaves: what was written last, or whole tables, would be gone
// and nothing said. The list is removed before anything is written, so after a crash there is none.
const (
	closedFile = "CLOSED"
	closedWord = "openhqm embedded store, closed: "
	noChecksum = "-"
)

// left is one file of the database as it was left.
type left struct {
	name     string
	size     int64
	checksum string
}

func (l left) String() string { return fmt.Sprintf("%s %d %s\n", l.name, l.size, l.checksum) }

// verifyClosed compares the database with the list of its last close, if there is one.
func verifyClosed(fs vfs.FS, dir string) error {
	path := fs.PathJoin(dir, closedFile)
	text, err := readFile(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	was, ok := readClosed(text)
	if !ok {
		return &queue.CorruptError{Path: path, Offset: -1, Err: errors.New("not the list of files that a close writes; move it away, and verify the rest with `openhqm store check`")}
	}
	is, err := listFiles(fs, fs.PathJoin(dir, dbDir))
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	differs := func(name, how string) error {
		return &queue.CorruptError{Path: fs.PathJoin(dir, dbDir, name), Offset: -1, Err: errors.New(how)}
	}
	unlisted := make(map[string]left, len(is))
	for _, f := range is {
		unlisted[f.name] = f
	}
	for _, l := range was {
		f, there := unlisted[l.name]
		delete(unlisted, l.name)
		switch {
		case !there:
			return differs(l.name, "the file is gone that was there when the store was closed; "+damageRemedy)
		case f.size != l.size:
			return differs(l.name, fmt.Sprintf("the file has %d bytes and had %d when the store was closed; %s", f.size, l.size, damageRemedy))
		case f.checksum != l.checksum:
			return differs(l.name, "the file has changed since the store was closed; "+damageRemedy)
		}
	}
	for _, f := range is {
		if _, ok := unlisted[f.name]; ok {
			return differs(f.name, "the file was not there when the store was closed; move it away")
		}
	}
	return nil
}

// forgetClosed removes the list, durably, before anything that it lists is changed.
func forgetClosed(fs vfs.FS, dir string) error {
	err := fs.Remove(fs.PathJoin(dir, closedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// writeClosed writes the list. Where it cannot be written there is none, as after a crash.
func writeClosed(fs vfs.FS, dir string) {
	// What the database removed has to stay removed, or a machine that loses its power now would bring back files that are
	// not on the list.
	if syncDir(fs, fs.PathJoin(dir, dbDir)) != nil {
		return
	}
	files, err := listFiles(fs, fs.PathJoin(dir, dbDir))
	if err != nil {
		return
	}
	var b strings.Builder
	for _, f := range files {
		b.WriteString(f.String())
	}
	next := fs.PathJoin(dir, closedFile+".new")
	if err := writeFile(fs, next, closedWord+hexChecksum([]byte(b.String()))+"\n"+b.String()); err != nil {
		fs.Remove(next) // it may stay: nobody reads it
		return
	}
	if fs.Rename(next, fs.PathJoin(dir, closedFile)) == nil {
		syncDir(fs, dir) // see above
	}
}

func readClosed(text string) (files []left, ok bool) {
	head, rest, ok := strings.Cut(text, "\n")
	if !ok || head != closedWord+hexChecksum([]byte(rest)) {
		return nil, false
	}
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, false
		}
		size, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, false
		}
		files = append(files, left{fields[0], size, fields[2]})
	}
	return files, true
}

// listFiles lists the files of a database that is not open.
func listFiles(fs vfs.FS, dir string) ([]left, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var files []left
	for _, name := range names {
		if name == lockFile {
			continue
		}
		f, err := listFile(fs, dir, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func listFile(fs vfs.FS, dir, name string) (left, error) {
	path := fs.PathJoin(dir, name)
	info, err := fs.Stat(path)
	if err != nil {
		return left{}, err
	}
	f := left{name: name, size: info.Size(), checksum: noChecksum}
	if strings.HasSuffix(name, ".sst") || info.IsDir() {
		return f, nil
	}
	file, err := fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return left{}, err
	}
	defer file.Close() // only read
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, file); err != nil {
		return left{}, err
	}
	f.checksum = fmt.Sprintf("%08x", sum.Sum32())
	return f, nil
}

func hexChecksum(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }
