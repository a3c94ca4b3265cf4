package embedded

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/openhqm/openhqm/queue"
)

// isSync reports whether an operation makes something durable.
func isSync(k errorfs.OpKind) bool {
	return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
}

// crasher takes a copy of what a crash would leave at each sync, and holds it against what was acknowledged.
type crasher struct {
	t       testing.TB
	seed    uint64
	fs      *vfs.MemFS
	ledger  *ledger
	percent int // of unsynced data that happens to be there

	mu        sync.Mutex
	rng       *rand.Rand
	crashes   int
	workloads []*workload
	coverage  coverage
}

func newCrasher(t testing.TB, seed uint64, percent int) *crasher {
	return &crasher{t: t, seed: seed, fs: vfs.NewCrashableMem(), ledger: newLedger(), percent: percent,
		rng: rand.New(rand.NewPCG(seed, 99)), coverage: make(coverage)}
}

// run does a number of operations from each of several callers at once, and crashes at every sync and at the end.
func (c *crasher) run(callers, operations int, flushes bool) {
	s, err := Open(Options{Dir: testDir, FS: errorfs.Wrap(c.fs, c)})
	if err != nil {
		c.t.Errorf("open: %v", err)
		return
	}
	for i := range callers {
		c.workloads = append(c.workloads, &workload{ledger: c.ledger, s: s, rng: rand.New(rand.NewPCG(c.seed, uint64(i))), flushes: flushes})
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background(), c.ledger.observe) }()
	var all sync.WaitGroup
	for _, w := range c.workloads {
		all.Go(func() {
			if err := w.run(operations); err != nil {
				c.t.Errorf("work: %v", err)
			}
		})
	}
	all.Wait()
	if err := s.Close(); err != nil {
		c.t.Error(err)
	}
	if err := <-ran; !errors.Is(err, queue.ErrClosed) {
		c.t.Errorf("Run ended with %v", err)
	}
	verify(c.t, c.fs.CrashClone(vfs.CrashCloneCfg{}), c.ledger.snapshot(), c.ledger.mayBeGone())
}

func (c *crasher) String() string { return "crasher" }

func (c *crasher) MaybeError(op errorfs.Op) error {
	if !isSync(op.Kind) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crashes++
	idle := true
	for _, w := range c.workloads {
		if doing := w.doing.Load(); doing != nil {
			idle = false
			c.coverage[crashPoint{*doing, synced(op.Path)}]++
		}
	}
	if idle {
		c.coverage[crashPoint{"nothing", synced(op.Path)}]++
	}
	// First what was acknowledged, then the copy, then what may be gone: in this order everything in the first has to be
	// in the copy, and what is missing there has to be in the last.
	before := c.ledger.snapshot()
	crashed := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.percent, RNG: c.rng})
	verify(c.t, crashed, before, c.ledger.mayBeGone())
	return nil
}

// crashPoint is an operation that was under way and the kind of file that was being synced.
type crashPoint struct{ operation, file string }

// coverage counts crashes by crash point.
type coverage map[crashPoint]int

func (c coverage) add(other coverage) {
	for point, n := range other {
		c[point] += n
	}
}

// operations and files are the names of both sides, sorted.
func (c coverage) operations() []string {
	names := make(map[string]bool)
	for point := range c {
		names[point.operation] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// syncedFiles are the kinds of files that synced tells apart.
var syncedFiles = []string{"log", "table", "manifest", "database other", "database directory", "body", "body directory", "data directory"}

// synced returns the kind of a file.
func synced(name string) string {
	base, inBlobs, inDB := path.Base(name), strings.Contains(name, "/"+blobDir), strings.Contains(name, "/"+dbDir)
	switch {
	case base == blobDir:
		return "body directory"
	case inBlobs:
		return "body"
	case base == dbDir:
		return "database directory"
	case strings.HasSuffix(base, ".log"):
		return "log"
	case strings.HasSuffix(base, ".sst"):
		return "table"
	case strings.HasPrefix(base, "MANIFEST"):
		return "manifest"
	case inDB:
		return "database other"
	}
	return "data directory"
}
