package embedded_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/openhqm/openhqm/internal/store/embedded"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesWhatItMustNotTouch(t *testing.T) {
	for _, c := range []struct {
		name  string
		setUp func(t *testing.T, dir string)
		want  []string
	}{
		{"a foreign directory", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "photo.jpg"), "x") }, []string{"holds something else", "photo.jpg", "choose an empty directory"}},
		{"a store without its mark", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "db", "000001.log"), "x")
			write(t, filepath.Join(dir, "blobs", "x"), "x")
		}, []string{"corrupt", "FORMAT", "the file is gone", "from a copy"}},
		{"a mark that is none", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "FORMAT"), "x") }, []string{"corrupt", "FORMAT", "from a copy"}},
		{"a file", func(t *testing.T, dir string) { write(t, dir, "x") }, []string{"is a file", "choose a directory"}},
		{"a path below a file", func(t *testing.T, dir string) { write(t, filepath.Dir(dir), "x") }, []string{"file"}},
		{"a newer format", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "FORMAT"), "openhqm embedded store, format 3\n")
		}, []string{"format 3", "run the newer version"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "sub", "data")
			if c.name == "a path below a file" {
				dir = filepath.Join(t.TempDir(), "data", "sub")
			}
			c.setUp(t, dir)
			before := tree(t, filepath.Dir(filepath.Dir(dir)))
			_, err := embedded.Open(embedded.Options{Dir: dir})
			if err == nil {
				t.Fatal("it was opened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if after := tree(t, filepath.Dir(filepath.Dir(dir))); after != before {
				t.Errorf("it was touched: before\n%s, after\n%s", before, after)
			}
		})
	}
}

func TestAStoreOfTheFormatBeforeIsTakenUp(t *testing.T) {
	dir := t.TempDir()
	open := func() *embedded.Store {
		s, err := embedded.Open(embedded.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	m := storetest.NewMessage("orders")
	if _, err := s.Enqueue(t.Context(), []*queue.Message{m}); err != nil { // of what is in no fair lane the form has not changed
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(dir, "FORMAT")
	write(t, mark, "openhqm embedded store, format 1\n")
	s = open()
	defer s.Close()
	if _, err := s.Get(t.Context(), m.ID); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(mark); err != nil || string(text) != "openhqm embedded store, format 2\n" {
		t.Errorf("the mark is %q, %v", text, err)
	}
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	if err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}

func TestASecondOpenNamesTheProcessThatHoldsTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	pid := "process " + strconv.Itoa(os.Getpid())
	if _, err := embedded.Open(embedded.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), pid) {
		t.Errorf("error = %v, want one that names %s", err, pid)
	}
	if _, err := embedded.Check(dir); err == nil || !strings.Contains(err.Error(), pid) {
		t.Errorf("check: error = %v, want one that names %s", err, pid)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnUnusableDirectoryIsExplained(t *testing.T) {
	for want, cause := range map[string]error{
		"is not writable: make it so":           syscall.EROFS,
		"not writable":                          syscall.EACCES,
		"no space left for data directory data": syscall.ENOSPC,
		"lies below a file: choose another":     syscall.ENOTDIR,
	} {
		for _, failing := range []errorfs.OpKind{errorfs.OpMkdirAll, errorfs.OpCreate} {
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == failing {
					return &os.PathError{Op: "open", Path: op.Path, Err: cause}
				}
				return nil
			}))
			s, err := embedded.Open(embedded.Options{Dir: "data", FS: fs})
			if err == nil {
				s.Close() // it should not be open
			}
			if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, cause) {
				t.Errorf("open with %v: %v, want an error that says %q", cause, err, want)
			}
		}
	}
}

func TestOpenRecoversWhatWaits(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for range 3 {
		if _, err := s.Enqueue(ctx, []*queue.Message{storetest.NewMessage("orders")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Lease(ctx, queue.LeaseRequest{Max: 1, Slots: 1, TTL: time.Hour, Queues: []queue.Want{{Queue: "orders"}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := embedded.Check(dir)
	if err != nil || !report.OK() || report.Records != 3 {
		t.Errorf("check: %+v, %v", report, err)
	}
	s, err = embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // nothing depends on it
	if got := s.Capabilities().Recovered; got.Ready != 3 || got.Leased != 0 {
		t.Errorf("recovered %+v", got)
	}
	if c := s.Capabilities(); c.Place != dir || c.Durability == "" || c.Shared {
		t.Errorf("capabilities %+v", c)
	}
	runCtx, stop := context.WithCancel(ctx)
	events := make(chan queue.Event, 10)
	ended := make(chan error)
	go func() { ended <- s.Run(runCtx, func(e queue.Event) { events <- e }) }()
	if e := <-events; e.Kind != queue.EventLapsed {
		t.Errorf("Run told %v first, want the lease that open ended", e.Kind)
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
