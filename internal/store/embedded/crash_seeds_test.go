package embedded

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// crashSeeds and crashSeed choose what TestCrashesOfRandomWorkloads does; make crash sets them.
var (
	crashSeeds = flag.Int("crash.seeds", 4, "random workloads to crash")
	crashSeed  = flag.Uint64("crash.seed", 1, "seed of the first; 0 draws one")
)

// TestCrashesOfRandomWorkloads crashes small workloads, each of another shape that follows from its seed, at every sync
// point. By default they are few and the same ones; make crash does thousands, and prints which operations were under way
// when which kind of file was synced. Callers run at once, so that a seed chooses the same operations and not the same order.
func TestCrashesOfRandomWorkloads(t *testing.T) {
	first := *crashSeed
	if first == 0 {
		first = rand.Uint64() >> 16
	}
	var mu sync.Mutex
	total, crashes, messages := make(coverage), 0, 0
	seeds := make(chan uint64)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for seed := range seeds {
				c := crashOnce(t, seed)
				mu.Lock()
				total.add(c.coverage)
				crashes += c.crashes
				messages += len(c.ledger.promises)
				mu.Unlock()
			}
		})
	}
	for i := range *crashSeeds {
		if i > 0 && i%500 == 0 {
			mu.Lock()
			t.Logf("%d seeds, %d crashes", i, crashes)
			mu.Unlock()
		}
		seeds <- first + uint64(i)
	}
	close(seeds)
	all.Wait()
	t.Logf("seeds %d to %d: %d crashes, %d messages\n%s", first, first+uint64(*crashSeeds)-1, crashes, messages, total.table())
	if *crashSeeds >= 100 {
		for _, operation := range total.operations() {
			if total[crashPoint{operation, "log"}] == 0 && operation != "nothing" {
				t.Errorf("no crash found %q under way at a sync of the log", operation)
			}
		}
	}
}

// crashOnce runs one workload whose shape follows from the seed.
func crashOnce(t testing.TB, seed uint64) *crasher {
	shape := rand.New(rand.NewPCG(seed, 7))
	percent := []int{0, 100, shape.IntN(101)}[shape.IntN(3)]
	callers, operations, flushes := 1+shape.IntN(6), 4+shape.IntN(24), shape.IntN(3) > 0
	c := newCrasher(seeded{t, seed}, seed, percent)
	c.run(callers, operations, flushes)
	return c
}

// seeded names the seed with each error.
type seeded struct {
	testing.TB
	seed uint64
}

func (s seeded) Errorf(format string, args ...any) {
	s.Helper()
	s.TB.Errorf("seed %d (-crash.seed=%d -crash.seeds=1): %s", s.seed, s.seed, fmt.Sprintf(format, args...))
}

func (s seeded) Error(args ...any) {
	s.Helper()
	s.Errorf("%s", fmt.Sprint(args...))
}

// table shows the crashes, a line for each operation that was under way.
func (c coverage) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "under way\t%s\n", strings.Join(syncedFiles, "\t"))
	for _, operation := range c.operations() {
		fmt.Fprint(w, operation)
		for _, file := range syncedFiles {
			fmt.Fprintf(w, "\t%d", c[crashPoint{operation, file}])
		}
		fmt.Fprintln(w)
	}
	w.Flush() // into memory
	return b.String()
}
