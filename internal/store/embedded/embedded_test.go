package embedded_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/openhqm/openhqm/internal/store/embedded"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStoreKeepsTheContract runs the suite in memory; a reopen there is a crash: nothing that was not synced remains.
func TestStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, inMemory())
}

// FuzzStoreAgainstTheModel does operations that the fuzzer chooses, crashes among them, and compares with the model.
func FuzzStoreAgainstTheModel(f *testing.F) { storetest.Fuzz(f, inMemory()) }

func inMemory() storetest.Harness {
	disks := &disks{}
	return storetest.Harness{
		Open: func(tb testing.TB, o storetest.Options) queue.Store {
			return disks.open(tb, vfs.NewCrashableMem(), o)
		},
		Reopen: func(tb testing.TB, s queue.Store, o storetest.Options) queue.Store {
			crashed := disks.of(s).CrashClone(vfs.CrashCloneCfg{})
			if err := s.Close(); err != nil {
				tb.Fatal(err)
			}
			return disks.open(tb, crashed, o)
		},
	}
}

// TestStoreKeepsTheContractOnDisk runs the suite on a real directory.
func TestStoreKeepsTheContractOnDisk(t *testing.T) {
	open := func(tb testing.TB, dir string, o storetest.Options) queue.Store {
		s, err := embedded.Open(embedded.Options{Dir: dir, MaxMessages: o.MaxMessages, MaxBytes: o.MaxBytes})
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	storetest.Run(t, storetest.Harness{
		Open: func(tb testing.TB, o storetest.Options) queue.Store { return open(tb, tb.TempDir(), o) },
		Reopen: func(tb testing.TB, s queue.Store, o storetest.Options) queue.Store {
			dir := s.Capabilities().Place
			if err := s.Close(); err != nil {
				tb.Fatal(err)
			}
			return open(tb, dir, o)
		},
	})
}
