package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// TestADamagedDataDirectoryIsRefusedAndKept flips a bit in the middle of the log
// that a killed process left behind: the next start says which file is damaged, and
// touches none. With the bit put right everything accepted is there.
func TestADamagedDataDirectoryIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	options := []option{endpoint(r.URL()), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	var ids []string
	for i := range 50 {
		ids = append(ids, s.enqueue(t, post(fmt.Sprintf("/%d", i), strings.Repeat("x", 1000), "OpenHQM-Delay: 5m")))
	}
	s.kill(t)

	path, text := largest(t, s.dir, ".log")
	whole := bytes.Clone(text)
	text[len(text)/2] ^= 0x10
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start finds what the first left
		mentions(t, refused(t, options...), filepath.Base(path), "offset", "restore a backup")
		if out, code := s.cli(t, "store", "check", s.dir); code == 0 {
			t.Errorf("store check finds nothing: %s", out)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, text) {
			t.Fatalf("the damaged file was changed: %v", err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s = serve(t, options...)
	for _, id := range ids {
		if got := s.status(t, id); got.Status != "PENDING" {
			t.Errorf("%s is %s", id, got.Status)
		}
	}
}

// largest returns the largest file with an extension below a directory.
func largest(t testing.TB, dir, extension string) (path string, text []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != extension {
			return err
		}
		found, err := os.ReadFile(p)
		if err == nil && len(found) > len(text) {
			path, text = p, found
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("no %s file below %s: %v", extension, dir, err)
	}
	return path, text
}
