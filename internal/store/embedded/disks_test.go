package embedded_test

import (
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/internal/store/embedded"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// disks remembers on which file system each store lies.
type disks struct {
	mu sync.Mutex
	fs map[queue.Store]*vfs.MemFS
}

func (d *disks) open(tb testing.TB, fs *vfs.MemFS, o storetest.Options) queue.Store {
	tb.Helper()
	s, err := embedded.Open(embedded.Options{Dir: "data", FS: fs, MaxMessages: o.MaxMessages, MaxBytes: o.MaxBytes})
	if err != nil {
		tb.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fs == nil {
		d.fs = make(map[queue.Store]*vfs.MemFS)
	}
	d.fs[s] = fs
	tb.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.fs, s)
	})
	return s
}

func (d *disks) of(s queue.Store) *vfs.MemFS {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fs[s]
}
