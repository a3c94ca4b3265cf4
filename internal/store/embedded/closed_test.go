package embedded

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// What the database itself takes for the traces of a crash (R12): the end of its newest log, and of the file that names its
// tables, is lost or changed, and what was acknowledged is gone.
func TestADirectoryThatIsNotAsItWasClosedIsRefused(t *testing.T) {
	rewrite := func(t *testing.T, fs *vfs.MemFS, path string, change func(b []byte) []byte) {
		text, err := readFile(fs, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeFile(fs, path, string(change([]byte(text)))); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(b []byte) []byte { return b[:len(b)-20] }
	for name, test := range map[string]struct {
		suffix string // or prefix of the file
		change func(b []byte) []byte
		says   string
	}{
		"the end of the log is lost":           {".log", cut, "had"},
		"a bit of the end of the log flipped":  {".log", func(b []byte) []byte { b[len(b)-30] ^= 1; return b }, "has changed"},
		"the end of the list of tables lost":   {"MANIFEST-", cut, "had"},
		"a bit of the list of tables flipped":  {"MANIFEST-", func(b []byte) []byte { b[len(b)-10] ^= 1; return b }, "has changed"},
		"the list of files itself has changed": {closedFile, func(b []byte) []byte { b[len(b)-3] ^= 1; return b }, closedFile},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			for range 2 { // the second open flushes what the first one left in its log
				s := openOn(t, fs)
				if results, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil || results[0].Err != nil {
					t.Fatal(err, results)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			dir := fs.PathJoin(testDir, dbDir)
			if test.suffix == closedFile {
				dir = testDir
			}
			names, err := fs.List(dir)
			if err != nil {
				t.Fatal(err)
			}
			path := ""
			for _, n := range names {
				if (strings.HasSuffix(n, test.suffix) || strings.HasPrefix(n, test.suffix)) && n > path {
					path = n
				}
			}
			rewrite(t, fs, fs.PathJoin(dir, path), test.change)
			for what, open := range map[string]func() error{
				"open":  func() error { _, err := Open(Options{Dir: testDir, FS: fs}); return err },
				"check": func() error { _, err := check(fs, testDir); return err },
			} {
				if err := open(); !errors.Is(err, queue.ErrCorrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: %v, want it refused with the name of %s and %q", what, err, path, test.says)
				}
			}
		})
	}
}

func TestAFileLeftBesideTheDatabaseIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	if err := openOn(t, fs).Close(); err != nil {
		t.Fatal(err)
	}
	stale := fs.PathJoin(testDir, dbDir, "000999.log")
	if err := writeFile(fs, stale, "of another time"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: testDir, FS: fs}); !errors.Is(err, queue.ErrCorrupt) || !strings.Contains(err.Error(), "000999.log") {
		t.Errorf("opened with %v", err)
	}
	if err := fs.Remove(stale); err != nil {
		t.Fatal(err)
	}
	s := openOn(t, fs)
	defer s.Close() // nothing depends on it
	if _, err := fs.Stat(fs.PathJoin(testDir, closedFile)); err == nil {
		t.Error("the list of the last close is there while the store is open: after a crash it would be wrong")
	}
}
