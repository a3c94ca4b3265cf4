package embedded

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// op is one caller's part of a group commit. Callers that meet no leader become it: the leader takes all that is
// pending, runs it in order in one unit, commits that with one sync, publishes it, wakes the callers, and hands the lead
// to the first caller that came meanwhile. No goroutine of the store's own is involved, and one caller alone pays no
// wake-up at all beyond the sync itself.
type op struct {
	// run does the work in the unit. It ends with u.finish(o), now or in a later unit.
	run  func(u *unit)
	wake chan signal
	err  error
}

// signal wakes a caller. There is room for every signal that can be under way, so that nobody who sends one waits.
type signal uint8

const (
	signalDone signal = iota
	signalLead
)

func newOp(run func(u *unit)) *op { return &op{run: run, wake: make(chan signal, 4)} }

// finish marks an op as done in this unit; its caller wakes when the unit is durable.
func (u *unit) finish(o *op) { u.done = append(u.done, o) }

// Bounds of one unit, so that the first caller in it does not wait for thousands of others.
const (
	maxUnitOps   = 512
	maxUnitBytes = 4 << 20
)

// committer is what callers share to form groups.
type committer struct {
	mu      sync.Mutex
	pending []*op
	spare   []*op // the slice that the last leader took, for the leader after the next
	leading bool
	closed  bool
	failed  error // why nothing is acknowledged any more
	calls   sync.WaitGroup
	units   []*unit // for reuse
}

// do runs an op that finishes in its own unit, and returns its error.
func (s *Store) do(o *op) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	s.submit(o)
	s.await(o)
	return o.err
}

// enter begins a call, or refuses it.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if s.closed {
		return queue.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// submit adds an op to what is pending. Its caller must then await it, because the lead may fall to it.
func (s *Store) submit(o *op) {
	s.mu.Lock()
	s.pending = append(s.pending, o)
	lead := !s.leading
	s.leading = true
	s.mu.Unlock()
	if lead {
		s.lead()
	}
}

func (s *Store) await(o *op) {
	for sig := range o.wake {
		if sig == signalDone {
			return
		}
		s.lead()
	}
}

// lead runs one unit.
func (s *Store) lead() {
	// Callers that are ready to run bring their ops first: on a busy machine groups grow and a sixth of all CPU goes away
	// with the syncs, on an idle one this returns at once.
	runtime.Gosched()
	ops, u := s.take()
	s.state.Lock()
	u.begin(s.clock.now())
	broken := s.brokenErr()
	rest := ops
	for len(rest) > 0 && broken == nil && u.err == nil && u.pending < maxUnitBytes {
		rest[0].run(u)
		rest = rest[1:]
		u.promoteLanes()
	}
	if broken == nil && u.err == nil {
		s.dispatch(u)
	}
	dirty, err := u.write()
	if broken != nil {
		err = broken
	}
	wake := s.nextWake()
	s.state.Unlock()

	if err == nil && dirty {
		err = s.commit(u)
	}
	if err != nil {
		s.abandon(u, ops, err, broken == nil && u.err == nil && dirty)
		return
	}
	s.publish(u)
	s.pass(u, rest, wake)
}

// take returns what is pending, or the beginning of it, and a unit.
func (s *Store) take() ([]*op, *unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops := s.pending
	if len(ops) <= maxUnitOps {
		s.pending, s.spare = s.spare[:0], ops
	} else {
		ops = append([]*op(nil), ops[:maxUnitOps]...)
		s.pending = append(s.pending[:0], s.pending[maxUnitOps:]...)
	}
	if n := len(s.units); n > 0 {
		u := s.units[n-1]
		s.units = s.units[:n-1]
		return ops, u
	}
	return ops, &unit{s: s, batch: s.db.NewBatch(), entries: make(map[queue.ID]*entry), scopes: make(map[scope]reservation)}
}

// commit makes the unit durable. While it is under way its records are marked, so that no reader returns what a crash
// could still take back.
func (s *Store) commit(u *unit) error {
	s.disk.spent(u.batch.Len())
	if !fault.Planted(fault.ShownBeforeSync) {
		s.unsynced.begin(u)
	}
	if fault.Planted(fault.BodyRemovedBeforeSync) {
		s.bodies.remove(u.trash)
	}
	fault.Point(fault.CommitBeforeSync)
	err := s.sync(u.batch)
	fault.Point(fault.CommitAfterSync)
	if err == nil {
		// The database reports a failed sync to its logger and returns nil.
		err = s.brokenErr()
	}
	if err != nil {
		err = fmt.Errorf("commit: %w", err)
	}
	s.unsynced.end(err)
	return err
}

// sync commits a batch. The database panics where it cannot begin a new log file; in the goroutine of a caller that would
// be recovered by whoever serves the request, with the lead lost for ever.
func (s *Store) sync(b *pebble.Batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the log cannot go on: %v", p)
		}
	}()
	if fault.Planted(fault.AckBeforeSync) {
		return b.Commit(pebble.NoSync)
	}
	return b.Commit(pebble.Sync)
}

// publish tells those who wait for records what became of them.
func (s *Store) publish(u *unit) {
	s.waiters.notify(u)
	s.bodies.took(u.claimed)
}

// pass hands on the lead, then wakes the callers whose work is done. The lead goes first: the next unit can be built
// while the callers of this one wake.
func (s *Store) pass(u *unit, rest []*op, wake time.Time) {
	s.mu.Lock()
	if len(rest) > 0 {
		s.pending = append(append(make([]*op, 0, len(rest)+len(s.pending)), rest...), s.pending...)
	}
	var next *op
	if len(s.pending) > 0 {
		next = s.pending[0]
	} else {
		s.leading = false
	}
	s.mu.Unlock()
	if next != nil {
		next.wake <- signalLead
	}
	s.timer.poke(wake)
	fault.Point(fault.CommitBeforeWake)
	for _, o := range u.done {
		o.wake <- signalDone
	}
	for _, n := range u.notices {
		n.call(n.ref)
	}
	fault.Point(fault.CommitAfterWake)
	s.bodies.remove(u.trash)
	alone := len(u.done) <= aloneOps
	s.recycle(u)
	if alone {
		// A worker that was handed a message goes first: on an idle machine its request leaves before the receipt is
		// written, instead of after another processor has woken up for it.
		runtime.Gosched()
	}
}

// aloneOps is how many ops a unit has when one message went straight to a worker: its enqueue and the lease.
const aloneOps = 2

// recycle keeps a unit for the next leader. Two are enough: one is being built while the callers of the other wake.
func (s *Store) recycle(u *unit) {
	u.reset()
	if u.batch.Len() > maxScratch {
		u.batch.Close() // it holds memory only
		u.batch = s.db.NewBatch()
	} else {
		u.batch.Reset()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.units) < 2 {
		s.units = append(s.units, u)
		return
	}
	u.batch.Close() // it holds memory only
}

// abandon ends everything after a unit that could not be made durable, and everything that waits. Nothing is tried
// again: after a failed sync nobody knows what the disk holds (R11), so what was tried is told as unknown, not as refused.
func (s *Store) abandon(u *unit, ops []*op, err error, tried bool) {
	s.breakDown(err)
	s.state.Lock()
	waiting := s.claims
	s.claims = nil
	s.state.Unlock()

	s.mu.Lock()
	failed := s.failed
	ops = append(append([]*op(nil), ops...), s.pending...)
	s.pending, s.leading = nil, false
	s.mu.Unlock()

	// An op may be among several: taken in this unit, done in it, and waiting.
	ended := make(map[*op]bool, len(ops))
	end := func(o *op, err error) {
		if !ended[o] {
			ended[o] = true
			o.err = err
			o.wake <- signalDone
		}
	}
	unknown := failed
	if tried && !fault.Planted(fault.UnknownToldAsRefused) {
		unknown = fmt.Errorf("%w: %w", queue.ErrOutcomeUnknown, failed)
	}
	for _, o := range u.done {
		end(o, unknown)
	}
	for _, o := range ops {
		end(o, failed)
	}
	for _, c := range waiting {
		end(&c.op, failed)
	}
}

// breakDown makes the store refuse everything from now on.
func (s *Store) breakDown(err error) {
	s.mu.Lock()
	if s.failed == nil {
		s.failed = fmt.Errorf("embedded store is broken and must be closed: %w", err)
		close(s.broken)
	}
	s.mu.Unlock()
}

func (s *Store) brokenErr() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
