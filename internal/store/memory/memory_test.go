package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func harness(synctest bool) storetest.Harness {
	return storetest.Harness{
		Open: func(_ testing.TB, o storetest.Options) queue.Store {
			return memory.New(memory.Options{MaxMessages: o.MaxMessages, MaxBytes: o.MaxBytes})
		},
		Synctest: synctest,
	}
}

func TestStoreKeepsTheContract(t *testing.T) { storetest.Run(t, harness(true)) }

func TestStoreKeepsTheContractInRealTime(t *testing.T) { storetest.Run(t, harness(false)) }

func FuzzStoreAgainstTheModel(f *testing.F) { storetest.Fuzz(f, harness(true)) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, harness(false)) }
