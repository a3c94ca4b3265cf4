package embedded

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// flip changes one byte of a file.
func flip(t *testing.T, fs *vfs.MemFS, path string, offset int) {
	t.Helper()
	b, err := fs.UnsafeGetFileDataBuffer(path)
	if err != nil {
		t.Fatal(err)
	}
	b[offset] ^= 0x40
}

// files returns the files of a directory whose name ends with suffix.
func files(t *testing.T, fs vfs.FS, dir, suffix string) []string {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, name := range names {
		if strings.HasSuffix(name, suffix) {
			paths = append(paths, fs.PathJoin(dir, name))
		}
	}
	return paths
}

func enqueueBody(t *testing.T, s *Store, size int) *queue.Message {
	t.Helper()
	m := storetest.NewMessage("orders")
	var err error
	if m.Request.Body, err = queue.ReceiveBody(t.Context(), s, strings.NewReader(strings.Repeat("x", size)), -1, 1<<30); err != nil {
		t.Fatal(err)
	}
	results, err := s.Enqueue(t.Context(), []*queue.Message{m})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results[0].Err)
	}
	return m
}

func TestADamagedBodyIsReportedWithPathAndOffset(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, fs *vfs.MemFS, path string){
		"flipped bit": func(t *testing.T, fs *vfs.MemFS, path string) { flip(t, fs, path, 2*blockSize) },
		"lost end": func(t *testing.T, fs *vfs.MemFS, path string) {
			b, err := fs.UnsafeGetFileDataBuffer(path)
			if err != nil {
				t.Fatal(err)
			}
			short := append([]byte(nil), b[:2*blockSize]...)
			f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			f.Write(short) // in memory
			f.Close()      // in memory
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := openOn(t, fs)
			m := enqueueBody(t, s, 3*blockSize)
			path := s.bodies.path(m.Request.Body.Ref())
			damage(t, fs, path)
			r, err := m.Request.Body.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close() // only read
			n, err := io.Copy(io.Discard, r)
			var corrupt *queue.CorruptError
			if !errors.As(err, &corrupt) || corrupt.Path != path || corrupt.Offset != blockSize+checksumLen {
				t.Errorf("read %d bytes, error %v; want %s and offset %d", n, err, path, blockSize+checksumLen)
			}
			if n != blockSize {
				t.Errorf("%d bytes were handed out, want the first block only", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			report, err := check(fs, testDir)
			if err != nil || report.Faulty != 1 || report.Faults[0].ID != m.ID {
				t.Errorf("check reports %+v and %v", report, err)
			}
		})
	}
}

func TestADamagedTableIsReported(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs)
	m := storetest.NewMessage("orders")
	if _, err := s.Enqueue(t.Context(), []*queue.Message{m}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables := files(t, fs, fs.PathJoin(testDir, dbDir), ".sst")
	if len(tables) == 0 {
		t.Fatal("nothing was flushed")
	}
	for _, path := range tables {
		flip(t, fs, path, 20)
	}
	s, err := Open(Options{Dir: testDir, FS: fs})
	if err == nil {
		defer s.Close() // it is damaged
		_, err = s.Get(context.Background(), m.ID)
		// One bad block must not stop everything, whoever asks for it.
		if stored, err := s.Enqueue(context.Background(), []*queue.Message{storetest.NewMessage("mail")}); err != nil || stored[0].Err != nil {
			t.Errorf("after the damaged record was read: %v, %v", stored, err)
		}
	}
	var corrupt *queue.CorruptError
	if !errors.As(err, &corrupt) || !strings.HasPrefix(corrupt.Path, testDir) {
		t.Errorf("error = %v, want a CorruptError with a path", err)
	}
}

func TestAResultThatIsMissingIsReported(t *testing.T) {
	s := openOn(t, vfs.NewMem())
	defer s.Close() // it is damaged
	if _, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil {
		t.Fatal(err)
	}
	leases, err := s.Lease(t.Context(), queue.LeaseRequest{Max: 1, Slots: 1, TTL: time.Hour, Queues: []queue.Want{{Queue: "orders"}}})
	if err != nil {
		t.Fatal(err)
	}
	done := queue.Settlement{LeaseRef: leases[0].LeaseRef, Kind: queue.SettleDone, Result: storetest.NewResult(200, "ok")}
	if errs, err := s.Settle(t.Context(), []queue.Settlement{done}); err != nil || errs[0] != nil {
		t.Fatal(errs, err)
	}
	if err := s.db.Delete(idKey(keyResult, leases[0].ID), nil); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Get(context.Background(), leases[0].ID)
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, queue.ErrCorrupt) || !strings.Contains(err.Error(), "result is missing") {
			t.Errorf("error = %v, want ErrCorrupt that names what is missing", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the read of the record does not end")
	}
}

// TestADamagedLogOfACrashIsRefused damages what a crash left: there is no list of a clean end to compare it with.
func TestADamagedLogOfACrashIsRefused(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openOn(t, fs)
	for range 10 { // all in the last log, whose end a crash may have torn off
		enqueueBody(t, s, 10<<10)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var largest string
	var size int
	for _, path := range files(t, crashed, crashed.PathJoin(testDir, dbDir), ".log") {
		if b, err := crashed.UnsafeGetFileDataBuffer(path); err == nil && len(b) > size {
			largest, size = path, len(b)
		}
	}
	flip(t, crashed, largest, size/2)
	s, err := Open(Options{Dir: testDir, FS: crashed})
	if err == nil {
		s.Close() // it should not be open
	}
	if !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("error = %v, want ErrCorrupt", err)
	}
}

func TestADamagedLogIsRefusedAndKept(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs)
	for range 50 {
		enqueueBody(t, s, 10<<10)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var largest string
	var size int
	for _, path := range files(t, fs, fs.PathJoin(testDir, dbDir), ".log") {
		if b, err := fs.UnsafeGetFileDataBuffer(path); err == nil && len(b) > size {
			largest, size = path, len(b)
		}
	}
	flip(t, fs, largest, size/2)
	s, err := Open(Options{Dir: testDir, FS: fs})
	if err == nil {
		s.Close() // it should not be open
		t.Fatal("a log with a damaged middle was accepted")
	}
	if !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("error = %v, want ErrCorrupt", err)
	}
	if _, err := fs.Stat(largest); err != nil {
		t.Errorf("the damaged log is gone: %v", err)
	}
}

func TestStagedBodiesAreSweptAtOpen(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs)
	kept := enqueueBody(t, s, 100<<10)
	if _, err := queue.ReceiveBody(t.Context(), s, strings.NewReader(strings.Repeat("y", 100<<10)), -1, 1<<30); err != nil {
		t.Fatal(err)
	}
	open, err := s.CreateBody(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	open.Write(make([]byte, 100<<10)) // it is not committed
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openOn(t, fs)
	defer s.Close() // nothing depends on it
	names, err := fs.List(s.bodies.dir)
	if err != nil || len(names) != 1 || names[0] != kept.Request.Body.Ref() {
		t.Errorf("after open the bodies are %v (%v), want %s", names, err, kept.Request.Body.Ref())
	}
}

func TestCheckSaysWhyItCannotLock(t *testing.T) {
	fs := vfs.NewMem()
	if err := openOn(t, fs).Close(); err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{syscall.EROFS, syscall.EACCES} {
		_, err := check(errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpLock {
				return &os.PathError{Op: "open", Path: op.Path, Err: cause}
			}
			return nil
		})), testDir)
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "must be writable") {
			t.Errorf("with %v: %v", cause, err)
		}
	}
}

func TestTwoRecordsNeverHoldOneBody(t *testing.T) {
	s := openOn(t, vfs.NewMem())
	defer s.Close() // nothing depends on it
	body, err := queue.ReceiveBody(t.Context(), s, strings.NewReader(strings.Repeat("x", 100<<10)), -1, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	var messages []*queue.Message
	for range 3 {
		m := storetest.NewMessage("orders")
		m.Request.Body = body
		messages = append(messages, m)
	}
	results, err := s.Enqueue(t.Context(), messages[:2])
	if err != nil || results[0].Err != nil || !errors.Is(results[1].Err, queue.ErrInvalid) {
		t.Errorf("in one write: %+v, %v", results, err)
	}
	if results, err = s.Enqueue(t.Context(), messages[2:]); err != nil || !errors.Is(results[0].Err, queue.ErrInvalid) {
		t.Errorf("in a later one: %+v, %v", results, err)
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs)
	var ids []queue.ID
	for range 3 {
		m := storetest.NewMessage("orders")
		m.Deadline = s.clock.now().Add(3600e9)
		if _, err := s.Enqueue(t.Context(), []*queue.Message{m}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	v, err := s.read(ids[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range [][]byte{appendPlace(nil, v.rec), idKey(keyMessage, ids[2]), nameKey(keyCounters, "orders")} {
		if err := s.db.Delete(key, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := check(fs, testDir)
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[queue.ID]bool)
	for _, f := range report.Faults {
		named[f.ID] = true
	}
	if report.OK() || named[ids[0]] || !named[ids[1]] || !named[ids[2]] || !named[queue.ID{}] {
		t.Errorf("faults are %v", report.Faults)
	}
}
