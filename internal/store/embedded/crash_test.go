package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
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
		switch w.rng.IntN(12) {
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
		case 10:
			err = w.importRecords()
		case 11:
			err = w.setGate()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// message makes a message and the text of its body.
func (w *workload) message() (*queue.Message, string, error) {
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
		m.NotBefore = time.Now().Add(w.soon())
	}
	if w.rng.IntN(8) == 0 {
		m.Deadline = time.Now().Add(w.soon())
	}
	if w.rng.IntN(6) == 0 {
		m.KeepResult, m.KeepDead = -1, w.soon()
		w.leave(m.ID)
	}
	text := "hello"
	if w.rng.IntN(5) == 0 {
		text = strings.Repeat(fmt.Sprint(w.rng.IntN(10)), 70<<10)
		body, err := queue.ReceiveBody(context.Background(), w.s, strings.NewReader(text), -1, 1<<20)
		if err != nil {
			return nil, "", err
		}
		m.Request.Body = body
	}
	return m, text, nil
}

// soon is a time that passes during the workload.
func (w *workload) soon() time.Duration { return time.Duration(1+w.rng.IntN(5)) * time.Millisecond }

func (w *workload) promise(p *promise) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.promises[p.message.ID] = p
}

func (w *workload) enqueue() error {
	m, text, err := w.message()
	if err != nil {
		return err
	}
	w.purging.RLock()
	defer w.purging.RUnlock()
	results, err := w.s.Enqueue(context.Background(), []*queue.Message{m})
	if err != nil {
		return err
	}
	if results[0].Err != nil {
		return results[0].Err
	}
	p := &promise{message: m, revision: 1, body: text}
	if !m.NotBefore.IsZero() {
		p.due = []queue.Revision{2}
	}
	w.promise(p)
	return nil
}

// importRecords brings a few records in any state, as another store would hand them over.
func (w *workload) importRecords() error {
	w.purging.RLock()
	defer w.purging.RUnlock()
	var records []*queue.Record
	var promises []*promise
	for range 1 + w.rng.IntN(3) {
		p, r, err := w.foreign()
		if err != nil {
			return err
		}
		records, promises = append(records, r), append(promises, p)
	}
	if err := w.s.Import(context.Background(), records); err != nil {
		return err
	}
	for _, p := range promises {
		w.promise(p)
	}
	return nil
}

func (w *workload) foreign() (*promise, *queue.Record, error) {
	m, text, err := w.message()
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	r := &queue.Record{Message: m, Progress: queue.Progress{Revision: 12, Seq: 77, Deliveries: 7, UpdatedAt: now, DeadlineAt: m.Deadline,
		State: []queue.State{queue.Ready, queue.Parked, queue.Scheduled, queue.Leased, queue.Done, queue.Dead, queue.Cancelled}[w.rng.IntN(7)]}}
	p := &promise{message: m, revision: r.Revision, body: text}
	switch r.State {
	case queue.Parked:
		if m.Lane.IsZero() {
			r.State = queue.Ready
		}
	case queue.Scheduled:
		r.EligibleAt = now.Add(w.soon())
		p.due = []queue.Revision{r.Revision + 1}
	case queue.Leased:
		r.LeaseToken, r.LeaseExpiresAt, r.Worker = 7, now.Add(time.Hour), "elsewhere"
		p.revision, p.leased = r.Revision+1, r.LeaseToken
	case queue.Done:
		p.result = fmt.Sprint("imported ", w.rng.Int())
		r.Result = storetest.NewResult(200, p.result)
	case queue.Dead:
		r.Reason = queue.ReasonPoison
	}
	if r.State.Terminal() {
		m.Callback = "" // announced where it ended
		r.CompletedAt, r.RemoveAt = now, now.Add(m.KeepDead)
	}
	return p, r, nil
}

// setGate makes the next change of a gate. Its limit is the number of the change, far above what is leased, and every
// second change of a queue without messages pauses it.
func (w *workload) setGate() error {
	w.gating.Lock()
	defer w.gating.Unlock()
	name := []string{"orders", "idle"}[w.rng.IntN(2)]
	w.mu.Lock()
	n := w.gates[name] + 1
	w.mu.Unlock()
	change := queue.GateChange{Limits: &queue.Limits{MaxLeased: gateBase + n}}
	switch {
	case name == "orders":
		change.Hold = []queue.HoldChange{{Reason: queue.HoldCooldown, For: time.Millisecond}}
	case n%2 == 1:
		change.Hold = []queue.HoldChange{{Reason: queue.HoldPaused, Note: fmt.Sprint(n)}}
	default:
		change.Release = []queue.HoldReason{queue.HoldPaused}
	}
	if _, err := w.s.SetGate(context.Background(), name, change); err != nil {
		return err
	}
	w.mu.Lock()
	w.gates[name] = n
	w.mu.Unlock()
	return nil
}

// gateBase is more than the workload ever leases.
const gateBase = 1_000_000

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
	case queue.SettleRetry:
		if w.rng.IntN(2) == 0 {
			st.After = w.soon()
		}
	case queue.SettleDead:
		st.Reason = queue.ReasonEndpointError
	}
	// From here on the outcome is unknown until it is acknowledged: the lease may or may not be found.
	w.with(l.ID, func(p *promise) {
		p.leased = 0
		if st.After > 0 {
			p.due = append(slices.Clone(p.due), l.Record.Revision+2)
		}
	})
	if l.Record.Queue == queue.CallbackQueue {
		w.leave(l.ID)
	}
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
	for id, p := range w.promises {
		w.leaving[id] = w.leaving[id] || p.message.Queue == "mail"
	}
	w.mu.Unlock()
	_, err := w.s.Purge(context.Background(), queue.Filter{Queue: "mail", States: []queue.State{queue.Done}, Limit: 3})
	return err
}

// verify opens what a crash left and holds it against what was acknowledged before, and against what had been begun after.
func verify(t *testing.T, fs *vfs.MemFS, before account, leaving map[queue.ID]bool) {
	t.Helper()
	report, err := check(fs, testDir)
	if err != nil && len(before.promises) > 0 {
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
	for name, n := range before.gates {
		verifyGate(t, name, stats.Queues[name].Gate, n)
	}
	for id := range before.gone {
		if _, err := s.Get(context.Background(), id); !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("%s was removed and is back: %v", id, err)
		}
	}
	for _, p := range before.promises {
		p.verify(t, s, leaving)
	}
}

// verifyGate looks for the last acknowledged change of a gate, or a later one, and that it is there as a whole.
func verifyGate(t *testing.T, name string, g queue.Gate, acknowledged int) {
	n := g.Limits.MaxLeased - gateBase
	if n < acknowledged {
		t.Errorf("the gate of %q is that of change %d, and %d was acknowledged", name, n, acknowledged)
	}
	hold, paused := g.Holds[queue.HoldPaused]
	if name == "idle" && (paused != (n%2 == 1) || paused && hold.Note != fmt.Sprint(n)) {
		t.Errorf("the gate of %q after change %d: %+v", name, n, g)
	}
}

func (p *promise) verify(t *testing.T, s *Store, leaving map[queue.ID]bool) {
	id := p.message.ID
	r, err := s.Get(context.Background(), id)
	switch {
	case errors.Is(err, queue.ErrNotFound) && leaving[id]:
		verifyKey(t, s, p.message)
		return
	case err != nil:
		t.Errorf("%s was acknowledged: %v", id, err)
		return
	case r.Revision < p.revision:
		t.Errorf("%s has revision %d, and %d was acknowledged", id, r.Revision, p.revision)
	case p.expired && r.State != queue.Expired:
		t.Errorf("%s had expired and is %v", id, r.State)
	case p.leased > 0 && r.Deliveries < int(p.leased):
		t.Errorf("%s was handed out as delivery %d and knows of %d", id, p.leased, r.Deliveries)
	case p.leased > 0 && r.OnLost == queue.OnLostFail && r.Reason != queue.ReasonUnknownOutcome && r.Generation == 0:
		t.Errorf("%s may have been sent and is %v", id, r.State)
	case p.result != "" && (r.State != queue.Done || bodyText(t, r.Result.Body) != p.result):
		t.Errorf("%s lost its acknowledged result: %v", id, r.State)
	case bodyText(t, r.Request.Body) != p.body:
		t.Errorf("%s has another body", id)
	}
	verifyTicket(t, s, r, leaving)
	verifyKey(t, s, r.Message)
}

// verifyTicket looks for the callback ticket that was written together with the end of a record. An answered one is kept
// for no time.
func verifyTicket(t *testing.T, s *Store, r *queue.Record, leaving map[queue.ID]bool) {
	if r.Callback == "" || !r.State.Terminal() {
		return
	}
	ticket := queue.NewTicket(r, r.CompletedAt).ID
	_, err := s.Get(context.Background(), ticket)
	if err != nil && !(errors.Is(err, queue.ErrNotFound) && leaving[ticket]) {
		t.Errorf("the ticket of %s, which is %s: %v", r.ID, r.State, err)
	}
}

// verifyKey looks for the idempotency key that was written together with a message. It stands also when the message is
// gone.
func verifyKey(t *testing.T, s *Store, m *queue.Message) {
	if m.Idempotency == nil {
		return
	}
	repeat := storetest.NewMessage(m.Queue)
	repeat.Idempotency = m.Idempotency
	stored, err := s.Enqueue(context.Background(), []*queue.Message{repeat})
	if err != nil || stored[0] != (queue.Enqueued{ID: m.ID, Duplicate: true}) {
		t.Errorf("a repeat of the key of %s: %+v, %v", m.ID, stored, err)
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
	// First what was acknowledged, then the copy, then what may be gone: in this order everything in the first has to be
	// in the copy, and what is missing there has to be in the last.
	before := c.ledger.snapshot()
	crashed := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.percent, RNG: c.rng})
	verify(c.t, crashed, before, c.ledger.mayBeGone())
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
			l := newLedger()
			c := &crasher{t: t, fs: fs, ledger: l, percent: percent, rng: rand.New(rand.NewPCG(seed, 99))}
			s := openOn(t, errorfs.Wrap(fs, c))
			ran := make(chan error, 1)
			go func() { ran <- s.Run(context.Background(), l.observe) }()
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
			if err := <-ran; !errors.Is(err, queue.ErrClosed) {
				t.Errorf("Run ended with %v", err)
			}
			verify(t, fs.CrashClone(vfs.CrashCloneCfg{}), l.snapshot(), l.mayBeGone())
			for _, kind := range []queue.EventKind{queue.EventDue, queue.EventExpired, queue.EventRemoved} {
				if l.seen[kind] == 0 {
					t.Errorf("no message was %v", kind)
				}
			}
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
