package embedded

import (
	"context"
	"errors"
	"io"
	"math"
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

// A call that is answered must be able to keep its answer (R11): what might find no room is not leased, says so, and goes on
// by itself.
func TestNothingIsLeasedWhoseAnswerWouldHaveNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const answer = 10 << 20
		fs := vfs.NewMem()
		setFree(fs, defaultMinFree/2+5*answer) // half of it holds two
		s := openOn(t, fs)
		defer s.Close()    // nothing depends on it
		s.disk.minFree = 0 // so that the messages come in
		for range 4 {
			if results, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil || results[0].Err != nil {
				t.Fatal(err, results)
			}
		}
		s.disk.minFree = defaultMinFree
		go s.Run(t.Context(), nil)
		lease := func() []queue.Lease {
			ctx, cancel := context.WithTimeout(t.Context(), 3*sampleEvery)
			defer cancel()
			leases, err := s.Lease(ctx, queue.LeaseRequest{Max: 4, Slots: 4, TTL: time.Hour, Queues: []queue.Want{{Queue: "orders", Room: answer}}})
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			return leases
		}
		hold := func() (queue.Hold, bool) {
			stats, err := s.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h, held := stats.Queues["orders"].Gate.Holds[queue.HoldDisk]
			return h, held
		}
		if _, held := hold(); held {
			t.Error("a hold before anything was asked for")
		}
		first := lease()
		if len(first) != 2 {
			t.Fatalf("%d leased, want 2: there is room for no more answers", len(first))
		}
		if again := lease(); len(again) != 0 {
			t.Errorf("%d leased without room for their answers", len(again))
		}
		if h, held := hold(); !held || h.Since.IsZero() || h.Note == "" {
			t.Errorf("what waits for room is not shown: %+v", h)
		}
		if errs, err := s.Settle(t.Context(), []queue.Settlement{{LeaseRef: first[0].LeaseRef, Kind: queue.SettleDone, Result: storetest.NewResult(200, "ok")}}); err != nil || errs[0] != nil {
			t.Fatal(err, errs)
		}
		if next := lease(); len(next) != 1 {
			t.Errorf("%d leased after one was settled, want 1", len(next))
		}
		setFree(fs, 10<<30)
		if last := lease(); len(last) != 1 {
			t.Errorf("%d leased within seconds of room coming back, want 1", len(last))
		}
		if _, held := hold(); held {
			t.Error("the hold is shown although there is room")
		}
	})
}

func TestALimitOfAnswersBeyondTheDiskLeavesOneCallAtATime(t *testing.T) {
	for _, room := range []int64{1 << 40, math.MaxInt64} {
		fs := vfs.NewMem()
		setFree(fs, 2*defaultMinFree)
		s := openOn(t, fs)
		defer s.Close() // nothing depends on it
		for range 2 {
			if _, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil {
				t.Fatal(err)
			}
		}
		want := queue.Want{Queue: "orders", Room: room}
		leases, err := s.Lease(t.Context(), queue.LeaseRequest{Max: 2, Slots: 2, TTL: time.Hour, Queues: []queue.Want{want}})
		if err != nil || len(leases) != 1 {
			t.Errorf("%d leased (%v) of answers up to %d, want 1", len(leases), err, room)
		}
		if err := s.Room(); err != nil {
			t.Errorf("uploads beside it: %v", err)
		}
	}
}

// On a disk that our own results have filled, what waits goes on one at a time while its answer has room at all.
func TestALowDiskLeavesOneCallAtATimeWhileItsAnswerHasRoom(t *testing.T) {
	const answer = 10 << 20
	for free, want := range map[int64]int{defaultMinFree/2 + 3*answer/2: 1, defaultMinFree/2 + answer/2: 0} {
		fs := vfs.NewMem()
		setFree(fs, 10*defaultMinFree)
		s := openOn(t, fs)
		defer s.Close() // nothing depends on it
		for range 2 {
			if results, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil || results[0].Err != nil {
				t.Fatal(err, results)
			}
		}
		setFree(fs, uint64(free))
		s.disk.sample()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		leases, err := s.Lease(ctx, queue.LeaseRequest{Max: 2, Slots: 2, TTL: time.Hour, Queues: []queue.Want{{Queue: "orders", Room: answer}}})
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) || len(leases) != want {
			t.Errorf("with %d bytes free %d leased (%v), want %d", free, len(leases), err, want)
		}
	}
}

// Uploads stop where they would take what is kept for the answers of what runs.
func TestUploadsLeaveTheRoomThatRunningCallsWereGiven(t *testing.T) {
	fs := vfs.NewMem()
	setFree(fs, 4*defaultMinFree)
	s := openOn(t, fs)
	defer s.Close() // nothing depends on it
	if _, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")}); err != nil {
		t.Fatal(err)
	}
	want := queue.Want{Queue: "orders", Room: defaultMinFree}
	leases, err := s.Lease(t.Context(), queue.LeaseRequest{Max: 1, Slots: 1, TTL: time.Hour, Queues: []queue.Want{want}})
	if err != nil || len(leases) != 1 {
		t.Fatal(err, leases)
	}
	if err := s.Room(); err != nil {
		t.Errorf("with room for both: %v", err)
	}
	setFree(fs, defaultMinFree*5/4) // above the low-water mark, and less than the answer and what is kept beside the database
	s.disk.sample()
	if err := s.Room(); !errors.Is(err, queue.ErrFull) {
		t.Errorf("uploads may take the room of an answer: %v", err)
	}
	if _, err := s.Settle(t.Context(), []queue.Settlement{{LeaseRef: leases[0].LeaseRef, Kind: queue.SettleDone, Result: storetest.NewResult(200, "ok")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Room(); err != nil {
		t.Errorf("after the call: %v", err)
	}
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
