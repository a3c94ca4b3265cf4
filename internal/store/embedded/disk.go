package embedded

import (
	"errors"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/queue"
)

// Sizes of the room that is kept free. A write-ahead log that meets a full disk is the end of the process, so it never
// may: below MinFree nothing new is accepted, below half of it no answer takes room beside the database, below a quarter of
// it the ballast goes. What is free above that half is shared: the answers of what runs may take half of it, and while they
// cannot, nothing more is leased; uploads stop where they would take what is kept for those answers.
const (
	defaultMinFree = 256 << 20
	ballastSize    = 32 << 20
	ballastFile    = "ballast"

	// writeFactor is how much disk a written byte may take before the next sample: in the log, in a table, and once more
	// while a compaction rewrites it.
	writeFactor = 3
)

// disk watches the free space of the store's directory: sampled by Run, and estimated in between from what was written.
type disk struct {
	fs      vfs.FS
	dir     string
	minFree int64
	free    atomic.Int64 // math.MaxInt64 where the file system does not say
	answers atomic.Int64 // what the answers of the leases that stand may take

	mu      sync.Mutex // held while the ballast comes or goes
	ballast bool
}

// spent notes what was written to the database.
func (d *disk) spent(n int) { d.took(n * writeFactor) }

// took notes what was written beside the database.
func (d *disk) took(n int) {
	if d.free.Load() != math.MaxInt64 {
		d.free.Add(-int64(n))
	}
}

// low reports that nothing new may be accepted.
func (d *disk) low() bool {
	free, answers := d.free.Load(), d.answers.Load()
	return free < d.minFree || answers > 0 && free-answers < d.minFree/2
}

// holds reports whether one more answer of so many bytes has room beside those of what runs. One call at a time is let
// through for longer: while its answer has room at all, and, as long as the disk is not low, whatever its answer may take; a
// limit of answers that is larger than the disk must not stop everything.
func (d *disk) holds(answer int64) bool {
	answers, free := d.answers.Load(), d.free.Load()
	switch {
	case answer == 0 || answer <= d.share()-answers:
		return true
	case answers > 0:
		return false
	}
	return free >= d.minFree || answer <= free-d.minFree/2
}

// share is how much the answers of what runs may take together.
func (d *disk) share() int64 { return max(0, d.free.Load()-d.minFree/2) / 2 }

// Room refuses what comes in while the disk is low: what is left is for results.
func (s *Store) Room() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	if s.disk.low() {
		return &queue.FullError{Bound: "disk", Limit: s.disk.minFree}
	}
	return nil
}

// critical reports that even results must not take more room beside the database.
func (d *disk) critical() bool { return d.free.Load() < d.minFree/2 }

// full notes that a write found no space.
func (d *disk) full() {
	d.free.Store(0)
	d.release()
}

func (d *disk) sample() {
	usage, err := d.fs.GetDiskUsage(d.dir)
	if err != nil {
		d.free.Store(math.MaxInt64)
		return
	}
	free := int64(min(usage.AvailBytes, math.MaxInt64-1))
	d.free.Store(free)
	switch {
	case free < d.minFree/4:
		d.release()
	case free > 2*d.minFree+ballastSize:
		d.refill()
	}
}

func (d *disk) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ballast {
		d.ballast = d.fs.Remove(d.fs.PathJoin(d.dir, ballastFile)) != nil
	}
}

// refill writes the ballast file if it is not there. It is of no promise, so it is not synced, and a failure only means
// that there is none.
func (d *disk) refill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ballast {
		return
	}
	path := d.fs.PathJoin(d.dir, ballastFile)
	f, err := d.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return
	}
	err = f.Preallocate(0, ballastSize)
	if closeErr := f.Close(); err != nil || closeErr != nil {
		d.fs.Remove(path) // it may stay; the next sample tries again
		return
	}
	d.ballast = true
}

// find notes whether an earlier process left a ballast file.
func (d *disk) find() {
	_, err := d.fs.Stat(d.fs.PathJoin(d.dir, ballastFile))
	d.ballast = !errors.Is(err, os.ErrNotExist)
}
