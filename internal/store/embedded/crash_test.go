package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

const testDir = "data"

func openOn(tb testing.TB, fs vfs.FS) *Store {
	tb.Helper()
	s, err := Open(Options{Dir: testDir, FS: fs})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// promise is what the store has acknowledged of one message.
type promise struct {
	message  *queue.Message
	revision queue.Revision   // at least
	result   string           // body of the result, once it was acknowledged
	leased   queue.Token      // handed out and not yet given back
	expired  bool             // Run said so
	due      []queue.Revision // what becoming due makes of it, for each time that Run has not announced yet
	body     string           // of the request
}

// ledger is the client's side of the workload: only what was acknowledged is in it.
type ledger struct {
	mu       sync.Mutex
	promises map[queue.ID]*promise
	leaving  map[queue.ID]bool // may be gone: a purge was begun, or Run removes it once it is settled
	gone     map[queue.ID]bool // Run said that it was removed
	gates    map[string]int    // the last change of a queue's gate
	seen     map[queue.EventKind]int
	purging  sync.RWMutex // a message is among the promises before a purge can remove it
	gating   sync.Mutex   // changes of gates come one by one
}

func newLedger() *ledger {
	return &ledger{promises: make(map[queue.ID]*promise), leaving: make(map[queue.ID]bool), gone: make(map[queue.ID]bool),
		gates: make(map[string]int), seen: make(map[queue.EventKind]int)}
}

// account is what a ledger held at one moment.
type account struct {
	promises []promise
	gone     map[queue.ID]bool
	gates    map[string]int
}

func (l *ledger) with(id queue.ID, f func(*promise)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.promises[id]; p != nil {
		f(p)
	}
}

// observe takes what Run tells for a promise: its unit was synced before.
func (l *ledger) observe(e queue.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[e.Kind]++
	p := l.promises[e.ID]
	switch {
	case e.Kind == queue.EventRemoved:
		l.gone[e.ID] = true
	case e.Kind == queue.EventExpired && p != nil:
		p.expired = true
	case e.Kind == queue.EventDue && p != nil && len(p.due) > 0:
		p.revision, p.due = max(p.revision, p.due[0]), p.due[1:]
	}
}

func (l *ledger) leave(id queue.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving[id] = true
}

func (l *ledger) snapshot() account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := account{promises: make([]promise, 0, len(l.promises)), gone: maps.Clone(l.gone), gates: maps.Clone(l.gates)}
	for _, p := range l.promises {
		a.promises = append(a.promises, *p)
	}
	return a
}

func (l *ledger) mayBeGone() map[queue.ID]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.leaving)
}

// TestEverythingAcknowledgedSurvivesACrash crashes a random workload at every sync point, with none, some or all of the
// unsynced data left.
func TestEverythingAcknowledgedSurvivesACrash(t *testing.T) {
	for _, percent := range []int{0, 50, 100} {
		t.Run(fmt.Sprintf("%d percent of unsynced data", percent), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			c := newCrasher(t, seed, percent)
			c.run(4, 60, true)
			for _, kind := range []queue.EventKind{queue.EventDue, queue.EventExpired, queue.EventRemoved} {
				if c.ledger.seen[kind] == 0 {
					t.Errorf("no message was %v", kind)
				}
			}
			if c.crashes < 50 {
				t.Errorf("only %d crashes", c.crashes)
			}
			t.Logf("%d crashes, %d messages", c.crashes, len(c.ledger.promises))
		})
	}
}

// TestAFailedSyncAcknowledgesNothing lets the n-th sync or write of the log fail.
func TestAFailedSyncAcknowledgesNothing(t *testing.T) {
	errDisk := errors.New("injected disk failure")
	for _, n := range []int{1, 2, 7, 23} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			l := newLedger()
			var mu sync.Mutex
			left, armed := n, false
			s := openOn(t, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
				mu.Lock()
				defer mu.Unlock()
				if armed && strings.HasSuffix(op.Path, ".log") && (isSync(op.Kind) || op.Kind == errorfs.OpFileWrite) {
					if left--; left <= 0 {
						return errDisk
					}
				}
				return nil
			})))
			mu.Lock()
			armed = true
			mu.Unlock()
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background(), l.observe) }()
			waited := make(chan error, 1)
			go func() {
				_, err := s.Lease(context.Background(), queue.LeaseRequest{Max: 1, Slots: 1, TTL: time.Hour, Queues: []queue.Want{{Queue: "idle"}}})
				waited <- err
			}()
			w := &workload{ledger: l, s: s, rng: rand.New(rand.NewPCG(1, uint64(n)))}
			if err := w.run(1000); err == nil {
				t.Fatal("nobody noticed the failure")
			}
			for name, ended := range map[string]chan error{"Run": ran, "Lease": waited} {
				if err := <-ended; err == nil || errors.Is(err, queue.ErrClosed) {
					t.Errorf("%s ended with %v", name, err)
				}
			}
			if _, err := s.Enqueue(context.Background(), []*queue.Message{storetest.NewMessage("orders")}); err == nil {
				t.Error("a broken store accepted a message")
			}
			crashed := fs.CrashClone(vfs.CrashCloneCfg{})
			s.Close() // it is broken
			verify(t, crashed, l.snapshot(), l.mayBeGone())
		})
	}
}

// TestWhatWasTriedWhenASyncFailedIsNotCalledRefused tells the write that may be in the log from those that never were.
func TestWhatWasTriedWhenASyncFailedIsNotCalledRefused(t *testing.T) {
	var broken atomic.Bool
	s := openOn(t, errorfs.Wrap(vfs.NewCrashableMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && isSync(op.Kind) && strings.HasSuffix(op.Path, ".log") {
			return errors.New("injected disk failure")
		}
		return nil
	})))
	defer s.Close() // it is broken
	broken.Store(true)
	tried, err := s.Enqueue(context.Background(), []*queue.Message{storetest.NewMessage("orders")})
	if !errors.Is(err, queue.ErrOutcomeUnknown) {
		t.Errorf("what may be in the log: %+v, %v, want ErrOutcomeUnknown", tried, err)
	}
	later, err := s.Enqueue(context.Background(), []*queue.Message{storetest.NewMessage("orders")})
	if err == nil || errors.Is(err, queue.ErrOutcomeUnknown) {
		t.Errorf("what came after the failure: %+v, %v, want a refusal", later, err)
	}
}

// TestABodyIsRemovedOnlyAfterItsRecord looks at the body file of a purged record whenever the log is about to be synced: a
// crash at that moment would bring the record back.
func TestABodyIsRemovedOnlyAfterItsRecord(t *testing.T) {
	fs := vfs.NewMem()
	var path atomic.Pointer[string]
	var looked, missing atomic.Int64
	s := openOn(t, errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if p := path.Load(); p != nil && isSync(op.Kind) && strings.HasSuffix(op.Path, ".log") {
			looked.Add(1)
			if _, err := fs.Stat(*p); err != nil {
				missing.Add(1)
			}
		}
		return nil
	})))
	defer s.Close() // nothing depends on it
	m := enqueueBody(t, s, 100<<10)
	file := s.bodies.path(m.Request.Body.Ref())
	path.Store(&file)
	if purged, err := s.Purge(t.Context(), queue.Filter{Queue: "orders"}); err != nil || purged.Removed != 1 {
		t.Fatalf("purge: %+v, %v", purged, err)
	}
	path.Store(nil)
	if looked.Load() == 0 || missing.Load() > 0 {
		t.Errorf("%d syncs, and at %d of them the body of a record that was still there was gone", looked.Load(), missing.Load())
	}
	if _, err := fs.Stat(file); err == nil {
		t.Error("the body of a removed record stays")
	}
}

// TestNothingIsShownThatACrashTakesBack holds a sync back and reads meanwhile.
func TestNothingIsShownThatACrashTakesBack(t *testing.T) {
	hold, held := make(chan struct{}), make(chan struct{}, 100)
	var mu sync.Mutex
	armed := false
	s := openOn(t, errorfs.Wrap(vfs.NewCrashableMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		wait := armed
		mu.Unlock()
		if wait && isSync(op.Kind) {
			held <- struct{}{}
			<-hold
		}
		return nil
	})))
	defer s.Close() // nothing depends on it
	mu.Lock()
	armed = true
	mu.Unlock()
	m := storetest.NewMessage("orders")
	enqueued := make(chan struct{})
	go func() {
		s.Enqueue(context.Background(), []*queue.Message{m}) // the read below shows it
		close(enqueued)
	}()
	<-held
	read := make(chan error, 2)
	go func() {
		_, err := s.Get(context.Background(), m.ID)
		read <- err
	}()
	go func() {
		page, err := s.List(context.Background(), queue.Filter{})
		if err == nil && len(page.Records) == 0 {
			err = queue.ErrNotFound
		}
		read <- err
	}()
	select {
	case err := <-read:
		if !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("a read beside the sync returned %v", err)
		}
		read <- err
	case <-time.After(50 * time.Millisecond):
	}
	mu.Lock()
	armed = false
	mu.Unlock()
	close(hold)
	<-enqueued
	<-read
	<-read
	if _, err := s.Get(context.Background(), m.ID); err != nil {
		t.Errorf("after the sync: %v", err)
	}
}
