package embedded

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

func setFree(fs *vfs.MemFS, free uint64) {
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free, TotalBytes: 1 << 40})
}

func TestALowDiskRefusesNewWorkServesResultsAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		setFree(fs, 10<<30)
		s := openOn(t, fs)
		defer s.Close() // nothing depends on it
		ballast := fs.PathJoin(testDir, ballastFile)
		if _, err := fs.Stat(ballast); err != nil {
			t.Errorf("no ballast: %v", err)
		}
		ended := make(chan error)
		go func() { ended <- s.Run(t.Context(), nil) }()
		enqueue := func() error {
			results, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")})
			return errors.Join(err, results[0].Err)
		}
		if err := enqueue(); err != nil {
			t.Fatal(err)
		}
		setFree(fs, 10<<20)
		time.Sleep(2 * sampleEvery)
		var full *queue.FullError
		if err := enqueue(); !errors.As(err, &full) || full.Bound != "disk" {
			t.Errorf("on a low disk: %v, want a FullError of the disk", err)
		}
		if _, err := s.CreateBody(t.Context()); !errors.Is(err, queue.ErrFull) {
			t.Errorf("a body on a low disk: %v, want ErrFull", err)
		}
		if _, err := fs.Stat(ballast); err == nil {
			t.Error("the ballast is still there")
		}
		leases, err := s.Lease(t.Context(), queue.LeaseRequest{Max: 1, Slots: 1, TTL: time.Hour, Queues: []queue.Want{{Queue: "orders"}}})
		if err != nil {
			t.Fatal(err)
		}
		errs, err := s.Settle(t.Context(), []queue.Settlement{{LeaseRef: leases[0].LeaseRef, Kind: queue.SettleDone, Result: storetest.NewResult(200, "ok")}})
		if err != nil || errs[0] != nil {
			t.Errorf("a result on a low disk: %v %v", err, errs)
		}
		setFree(fs, 10<<30)
		time.Sleep(2 * sampleEvery)
		if err := enqueue(); err != nil {
			t.Errorf("after room came back: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil && !errors.Is(err, queue.ErrClosed) {
			t.Error(err)
		}
	})
}

// What uploads may take ends where the room for results begins, however many come at once (R11).
func TestUploadsLeaveRoomForResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		setFree(fs, defaultMinFree+16<<20)
		s := openOn(t, fs)
		defer s.Close() // nothing depends on it
		b := queue.NewBroker(s, queue.BrokerOptions{})
		text := func() io.Reader { return strings.NewReader(strings.Repeat("x", 1<<20)) }
		refused := 0
		for range 100 { // none of them submitted, so that all of them lie there
			if _, err := queue.ReceiveBody(t.Context(), b.Bodies(), text(), -1, 1<<30); errors.Is(err, queue.ErrFull) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused == 0 {
			t.Error("no upload was refused")
		}
		if _, err := queue.ReceiveBodyPrefix(t.Context(), s, text(), -1, 1<<30); err != nil {
			t.Errorf("a result beside them: %v", err)
		}
	})
}

func TestTheClockNeverRunsBackwards(t *testing.T) {
	future := time.Now().Add(10 * 365 * 24 * time.Hour)
	if now := newClock(future).now(); now.Before(future) {
		t.Errorf("the store's clock is %v, an earlier process wrote %v", now, future)
	}
	fs := vfs.NewMem()
	s := openOn(t, fs)
	s.clock.base = future // as a process with a clock that is ahead would have it
	if _, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openOn(t, fs)
	defer s.Close() // nothing depends on it
	if now := s.clock.now(); now.Before(future) {
		t.Errorf("after a restart the store's clock is %v, before it was %v", now, future)
	}
}
