package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
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

// isSync reports whether an operation makes something durable.
func isSync(k errorfs.OpKind) bool {
	return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
}

// promise is what the store has acknowledged of one message.
type promise struct {
	message  *queue.Message
	revision queue.Revision // at least
	result   string         // body of the result, once it was acknowledged
	leased   queue.Token    // handed out and not yet given back
	removing bool           // a purge was begun: it may be gone
	body     string         // of the request
}

// ledger is the client's side of the workload: only what was acknowledged is in it.
type ledger struct {
	mu       sync.Mutex
	promises map[queue.ID]*promise
	purging  sync.RWMutex // a message is among the promises before a purge can remove it
}

func (l *ledger) with(id queue.ID, f func(*promise)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.promises[id]; p != nil {
		f(p)
	}
}

func (l *ledger) snapshot() []promise {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]promise, 0, len(l.promises))
	for _, p := range l.promises {
		list = append(list, *p)
	}
	return list
}

// workload does random work until the store breaks or n operations are done.
type workload struct {
	*ledger
	s       *Store
	rng     *rand.Rand
	flushes bool // tables are written too; the database panics when a log cannot be rotated, so not where logs fail
}

func (w *workload) run(n int) error {
	for range n {
		var err error
		switch w.rng.IntN(10) {
		case 0, 1, 2, 3:
			err = w.enqueue()
		case 4, 5, 6, 7:
			err = w.work()
		case 8:
			err = w.cancelOrRedrive()
		case 9:
			if err = w.purge(); err == nil && w.flushes && w.rng.IntN(4) == 0 {
				_, err = w.s.db.AsyncFlush()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) enqueue() error {
	ctx := context.Background()
	m := storetest.NewMessage([]string{"orders", "mail"}[w.rng.IntN(2)])
	m.Priority = uint8(w.rng.IntN(3))
	m.OnLost = queue.OnLost(w.rng.IntN(2))
	if w.rng.IntN(3) == 0 {
		m.Lane = queue.Lane{Key: fmt.Sprint(w.rng.IntN(3)), Bound: 1 + w.rng.IntN(2), OnDead: queue.OnDead(w.rng.IntN(2))}
	}
	if w.rng.IntN(4) == 0 {
		m.Callback = "https://client.example/done"
	}
	if w.rng.IntN(4) == 0 {
		m.Idempotency = &queue.Idempotency{Keep: time.Hour}
		copy(m.Idempotency.Scope[:], m.ID[:])
	}
	if w.rng.IntN(8) == 0 {
		m.NotBefore = time.Now().Add(time.Hour)
	}
	text := "hello"
	if w.rng.IntN(5) == 0 {
		text = strings.Repeat(fmt.Sprint(w.rng.IntN(10)), 70<<10)
		body, err := queue.ReceiveBody(ctx, w.s, strings.NewReader(text), -1, 1<<20)
		if err != nil {
			return err
		}
		m.Request.Body = body
	}
	w.purging.RLock()
	defer w.purging.RUnlock()
	results, err := w.s.Enqueue(ctx, []*queue.Message{m})
	if err != nil {
		return err
	}
	if results[0].Err != nil {
		return results[0].Err
	}
	w.mu.Lock()
	w.promises[m.ID] = &promise{message: m, revision: 1, body: text}
	w.mu.Unlock()
	return nil
}

func (w *workload) work() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
	defer cancel()
	leases, err := w.s.Lease(ctx, queue.LeaseRequest{Worker: "w", Max: 1 + w.rng.IntN(3), Slots: 8, TTL: time.Hour,
		Queues: []queue.Want{{Queue: "orders"}, {Queue: "mail"}, {Queue: queue.CallbackQueue}}})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range leases {
		w.with(l.ID, func(p *promise) { p.revision, p.leased = max(p.revision, l.Record.Revision), l.Token })
	}
	for _, l := range leases {
		if w.rng.IntN(6) == 0 {
			continue // the worker dies
		}
		if err := w.settle(l); err != nil {
			return err
		}
	}
	return nil
}

func (w *workload) settle(l queue.Lease) error {
	ctx := context.Background()
	st := queue.Settlement{LeaseRef: l.LeaseRef, Kind: []queue.SettleKind{queue.SettleDone, queue.SettleDone, queue.SettleRetry,
		queue.SettleDead, queue.SettleRelease}[w.rng.IntN(5)]}
	text := ""
	switch st.Kind {
	case queue.SettleDone:
		text = fmt.Sprint("answer ", w.rng.Int())
		if w.rng.IntN(6) == 0 {
			text = strings.Repeat("a", 80<<10)
		}
		st.Result = storetest.NewResult(200, "")
		body, err := queue.ReceiveBody(ctx, w.s, strings.NewReader(text), -1, 1<<20)
		if err != nil {
			return err
		}
		st.Result.Body = body
	case queue.SettleDead:
		st.Reason = queue.ReasonEndpointError
	}
	// From here on the outcome is unknown until it is acknowledged: the lease may or may not be found.
	w.with(l.ID, func(p *promise) { p.leased = 0 })
	errs, err := w.s.Settle(ctx, []queue.Settlement{st})
	if err != nil {
		return err
	}
	if errs[0] != nil {
		return errs[0]
	}
	w.with(l.ID, func(p *promise) { p.revision, p.result = max(p.revision, l.Record.Revision+1), text })
	return nil
}

func (w *workload) any() (queue.ID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.promises {
		return id, true
	}
	return queue.ID{}, false
}

func (w *workload) cancelOrRedrive() error {
	ctx := context.Background()
	id, ok := w.any()
	if !ok {
		return nil
	}
	r, err := w.s.Redrive(ctx, id, queue.Redrive{})
	if errors.Is(err, queue.ErrNotDead) && w.rng.IntN(2) == 0 {
		r, err = w.s.Cancel(ctx, id, queue.CancelOptions{NeverLeased: true})
	}
	switch {
	case err == nil:
		w.with(id, func(p *promise) { p.revision = max(p.revision, r.Revision) })
	case errors.Is(err, queue.ErrNotFound), errors.Is(err, queue.ErrNotDead), errors.Is(err, queue.ErrTerminal), errors.Is(err, queue.ErrRunning):
		err = nil
	}
	return err
}

func (w *workload) purge() error {
	if w.rng.IntN(4) > 0 {
		return nil
	}
	w.purging.Lock()
	defer w.purging.Unlock()
	w.mu.Lock()
	for _, p := range w.promises {
		p.removing = p.removing || p.message.Queue == "mail"
	}
	w.mu.Unlock()
	_, err := w.s.Purge(context.Background(), queue.Filter{Queue: "mail", States: []queue.State{queue.Done}, Limit: 3})
	return err
}

// verify opens what a crash left and holds it against what was acknowledged before.
func verify(t *testing.T, fs *vfs.MemFS, promises []promise) {
	t.Helper()
	report, err := check(fs, testDir)
	if err != nil && len(promises) > 0 {
		t.Errorf("check after the crash: %v", err)
		return
	}
	for _, f := range report.Faults {
		t.Errorf("after the crash: %v", f)
	}
	s, err := Open(Options{Dir: testDir, FS: fs})
	if err != nil {
		t.Errorf("open after the crash: %v", err)
		return
	}
	defer s.Close() // nothing depends on it
	stats, err := s.Stats(context.Background())
	if err != nil {
		t.Error(err)
	}
	for name, q := range stats.Queues {
		if q.Drift() != 0 || q.Leased != 0 {
			t.Errorf("after the crash queue %q counts %+v", name, q.Counts)
		}
	}
	for _, p := range promises {
		p.verify(t, s)
	}
}

func (p *promise) verify(t *testing.T, s *Store) {
	id := p.message.ID
	r, err := s.Get(context.Background(), id)
	switch {
	case errors.Is(err, queue.ErrNotFound) && p.removing:
		return
	case err != nil:
		t.Errorf("%s was acknowledged: %v", id, err)
		return
	case r.Revision < p.revision:
		t.Errorf("%s has revision %d, and %d was acknowledged", id, r.Revision, p.revision)
	case p.leased > 0 && r.Deliveries < int(p.leased):
		t.Errorf("%s was handed out as delivery %d and knows of %d", id, p.leased, r.Deliveries)
	case p.leased > 0 && r.OnLost == queue.OnLostFail && r.Reason != queue.ReasonUnknownOutcome && r.Generation == 0:
		t.Errorf("%s may have been sent and is %v", id, r.State)
	case p.result != "" && (r.State != queue.Done || bodyText(t, r.Result.Body) != p.result):
		t.Errorf("%s lost its acknowledged result: %v", id, r.State)
	case bodyText(t, r.Request.Body) != p.body:
		t.Errorf("%s has another body", id)
	}
	verifyWith(t, s, r)
}

// verifyWith looks for what was written together with a record: its callback ticket and its idempotency key.
func verifyWith(t *testing.T, s *Store, r *queue.Record) {
	if r.Callback != "" && r.State.Terminal() {
		if _, err := s.Get(context.Background(), queue.NewTicket(r, r.CompletedAt).ID); err != nil {
			t.Errorf("the ticket of %s, which is %s: %v", r.ID, r.State, err)
		}
	}
	if r.Idempotency != nil {
		repeat := storetest.NewMessage(r.Queue)
		repeat.Idempotency = r.Idempotency
		stored, err := s.Enqueue(context.Background(), []*queue.Message{repeat})
		if err != nil || stored[0] != (queue.Enqueued{ID: r.ID, Duplicate: true}) {
			t.Errorf("a repeat of the key of %s: %+v, %v", r.ID, stored, err)
		}
	}
}

func bodyText(t *testing.T, b queue.Body) string {
	t.Helper()
	r, err := b.Open(context.Background())
	if err != nil {
		t.Errorf("open body: %v", err)
		return ""
	}
	defer r.Close() // only read
	text, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("read body: %v", err)
	}
	return string(text)
}

// crasher takes a copy of what a crash would leave at each sync.
type crasher struct {
	t       *testing.T
	fs      *vfs.MemFS
	ledger  *ledger
	percent int // of unsynced data that happens to be there

	mu      sync.Mutex
	rng     *rand.Rand
	crashes int
}

func (c *crasher) String() string { return "crasher" }

func (c *crasher) MaybeError(op errorfs.Op) error {
	if !isSync(op.Kind) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crashes++
	// First what was acknowledged, then the copy: in this order everything in the one has to be in the other.
	promises := c.ledger.snapshot()
	verify(c.t, c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.percent, RNG: c.rng}), promises)
	return nil
}

// TestEverythingAcknowledgedSurvivesACrash crashes a random workload at every sync point, with none, some or all of the
// unsynced data left.
func TestEverythingAcknowledgedSurvivesACrash(t *testing.T) {
	for _, percent := range []int{0, 50, 100} {
		t.Run(fmt.Sprintf("%d percent of unsynced data", percent), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			fs := vfs.NewCrashableMem()
			l := &ledger{promises: make(map[queue.ID]*promise)}
			c := &crasher{t: t, fs: fs, ledger: l, percent: percent, rng: rand.New(rand.NewPCG(seed, 99))}
			s := openOn(t, errorfs.Wrap(fs, c))
			var all sync.WaitGroup
			for i := range 4 {
				w := &workload{ledger: l, s: s, rng: rand.New(rand.NewPCG(seed, uint64(i))), flushes: true}
				all.Go(func() {
					if err := w.run(60); err != nil {
						t.Errorf("work: %v", err)
					}
				})
			}
			all.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			verify(t, fs.CrashClone(vfs.CrashCloneCfg{}), l.snapshot())
			if c.crashes < 50 {
				t.Errorf("only %d crashes", c.crashes)
			}
			t.Logf("%d crashes, %d messages", c.crashes, len(l.promises))
		})
	}
}

// TestAFailedSyncAcknowledgesNothing lets the n-th sync or write of the log fail.
func TestAFailedSyncAcknowledgesNothing(t *testing.T) {
	errDisk := errors.New("injected disk failure")
	for _, n := range []int{1, 2, 7, 23} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			l := &ledger{promises: make(map[queue.ID]*promise)}
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
			go func() { ran <- s.Run(context.Background(), nil) }()
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
			verify(t, crashed, l.snapshot())
		})
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
