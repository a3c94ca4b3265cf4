package storetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// seed chooses the random operations again; 0 draws a new one.
var seed = flag.Uint64("storetest.seed", 0, "seed of the model test; 0 draws one and prints it")

// defaultSteps is how many operations the model test does when the harness does not say.
const defaultSteps = 3000

// testModel does random operations on the store and on a model, and compares them after each.
func testModel(t *testing.T, h Harness) {
	chosen := *seed
	if chosen == 0 {
		chosen = rand.Uint64()
	}
	t.Logf("to repeat: -storetest.seed=%d", chosen)
	steps := h.Steps
	if steps == 0 {
		steps = defaultSteps
	}
	r := rand.New(rand.NewPCG(chosen, 0))
	inBubble(t, h, func(t *testing.T) { walk(t, h, steps, r.IntN) })
}

// Fuzz runs the model test with operations that the fuzzer chooses, a byte for each decision.
func Fuzz(f *testing.F, h Harness) {
	for i := range 4 {
		corpus := make([]byte, 400)
		r := rand.New(rand.NewPCG(uint64(i), 1))
		for j := range corpus {
			corpus[j] = byte(r.Uint32())
		}
		f.Add(corpus)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		used := 0
		choose := func(n int) int {
			if used >= len(choices) {
				return 0
			}
			used++
			return int(choices[used-1]) % n
		}
		inBubble(t, h, func(t *testing.T) { walk(t, h, min(len(choices)/4, 2000), choose) })
	})
}

func inBubble(t *testing.T, h Harness, body func(t *testing.T)) {
	if h.Synctest {
		synctest.Test(t, body)
	} else {
		body(t)
	}
}

// walker does one random walk.
type walker struct {
	*fixture
	m       *model
	choose  func(n int) int
	stale   []queue.LeaseRef // of leases that have ended
	slots   []modelSlot
	created int
}

// modelSlot is one reservation that stands.
type modelSlot struct {
	ref   queue.LeaseRef
	queue string
}

// walkQueues are the queues of a walk: few, so that messages meet.
var walkQueues = [...]string{"a", "b", "_hidden"}

func walk(t *testing.T, h Harness, steps int, choose func(n int) int) {
	f := open(t, h, Options{})
	f.start()
	w := &walker{fixture: f, m: newModel(), choose: choose}
	operations := []func() string{w.enqueue, w.enqueue, w.enqueue, w.lease, w.lease, w.lease, w.settle, w.settle, w.settle, w.lose,
		w.settleStale, w.cancel, w.redrive, w.redrive, w.purge, w.setGate, w.reserve, w.repeat}
	if h.Reopen != nil {
		operations = append(operations, w.crash)
	}
	var last []string
	for i := range steps {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		f.ctx = ctx
		done := operations[choose(len(operations))]()
		cancel()
		if last = append(last, done); len(last) > 20 {
			last = last[1:]
		}
		if err := w.compare(i%64 == 0 || i == steps-1); err != nil {
			t.Fatalf("after step %d: %v; the last steps were %q", i, err, last)
		}
	}
	f.ctx = context.Background()
}

func (w *walker) queue() string { return walkQueues[w.choose(len(walkQueues))] }

// pick returns one message in one of the states, or nil.
func (w *walker) pick(states ...queue.State) *modelMessage {
	found := w.m.in("", states...)
	if len(found) == 0 {
		return nil
	}
	return found[w.choose(len(found))]
}

func (w *walker) enqueue() string {
	later := w.choose(6) == 0
	w.created++
	m := NewMessage(w.queue(), func(m *queue.Message) {
		m.Caller = fmt.Sprintf("caller-%d", w.created)
		m.Priority = uint8([]int{0, 0, 0, 5, 9}[w.choose(5)])
		if bound := []int{0, 0, 1, 1, 2, 3}[w.choose(6)]; bound > 0 {
			// The kind of a lane belongs to its key, as a route fixes both.
			m.Lane = queue.Lane{Key: fmt.Sprintf("%d-%d", bound, w.choose(3)), Bound: bound}
			switch m.Lane.Key[2] {
			case '0':
				if bound != 3 {
					m.Lane.OnDead = queue.OnDeadBlock
				}
			case '1':
				m.Lane.Fair = true
			}
		}
		m.OnLost = queue.OnLost(w.choose(2))
		m.MaxDeliveries = w.choose(3)
		if later {
			m.NotBefore = m.AcceptedAt.Add(time.Hour)
		}
		if w.choose(5) == 0 {
			key(fmt.Sprintf("key-%d", w.choose(8)), fmt.Sprintf("print-%d", w.choose(2)), time.Hour)(m)
		}
	})
	answer := w.tryPut(m)
	want := queue.Enqueued{ID: m.ID}
	if m.Idempotency != nil {
		if held := w.m.keys[m.Idempotency.Scope]; held != nil {
			want.ID = held.ID
			if want.Duplicate = held.Idempotency.Fingerprint == m.Idempotency.Fingerprint; !want.Duplicate {
				want.Err = queue.ErrKeyReused
			}
		}
	}
	if want.ID == m.ID && w.m.gate(m.Queue).closed {
		want.Err = queue.ErrIntakePaused
	}
	if answer.ID != want.ID || answer.Duplicate != want.Duplicate || !errors.Is(answer.Err, want.Err) {
		w.t.Fatalf("enqueue answered %+v, want %+v", answer, want)
	}
	if want.ID == m.ID && want.Err == nil {
		w.m.add(m, later)
	}
	return fmt.Sprintf("enqueue %+v %+v", m.Lane, want)
}

// repeat enqueues again what is there.
func (w *walker) repeat() string {
	if x := w.pick(queue.States()...); x != nil {
		if answer := w.tryPut(x.Message); answer != (queue.Enqueued{ID: x.ID}) {
			w.t.Fatalf("a repeat of %v got %+v", x.ID, answer)
		}
	}
	return "repeat"
}

func (w *walker) lease() string {
	name, n := w.queue(), 1+w.choose(3)
	var want []*modelMessage
	for range n {
		x := w.m.next(name)
		if x == nil {
			break
		}
		w.m.granted(x)
		x.state = queue.Leased
		x.deliveries++
		want = append(want, x)
	}
	if len(want) == 0 {
		if w.choose(4) == 0 {
			ctx, cancel := context.WithTimeout(w.ctx, time.Millisecond)
			defer cancel()
			if leases, err := w.Lease(ctx, request(n, name)); err == nil {
				w.t.Fatalf("leased %v of %q, want nothing", leases[0].ID, name)
			}
		}
		return "lease nothing of " + name
	}
	leases := w.leases(request(n, name))
	if len(leases) != len(want) {
		w.t.Fatalf("got %d leases of %q, want %d", len(leases), name, len(want))
	}
	for i, l := range leases {
		x := want[i]
		if l.ID != x.ID || l.Record.Deliveries != x.deliveries || l.Record.Generation != x.generation {
			w.t.Fatalf("leased %v (delivery %d), want %v (delivery %d)", l.ID, l.Record.Deliveries, x.ID, x.deliveries)
		}
		x.lease = l.LeaseRef
	}
	return fmt.Sprintf("lease %d of %s", len(want), name)
}

func (w *walker) settle() string {
	x := w.pick(queue.Leased)
	if x == nil {
		return "settle nothing"
	}
	s := queue.Settlement{LeaseRef: x.lease, Kind: queue.SettleKind(1 + w.choose(5))}
	w.stale = append(w.stale, x.lease)
	if s.Kind == queue.SettleDone || s.Kind == queue.SettleDead || s.Kind == queue.SettleRetry {
		s.Attempt = &queue.Attempt{Class: queue.Answered, Status: 200, Counted: true}
		x.attempts++
	}
	switch s.Kind {
	case queue.SettleDone:
		s.Result = NewResult(200, "done")
		w.m.finish(x, queue.Done, "")
	case queue.SettleDead:
		s.Reason = queue.ReasonEndpointError
		w.m.finish(x, queue.Dead, s.Reason)
	case queue.SettleRelease:
		w.m.back(x, false, false)
	case queue.SettleCancelled:
		w.m.finish(x, queue.Cancelled, "")
	case queue.SettleRetry:
		later := w.choose(2) == 0
		if later {
			s.After = time.Hour
		}
		w.m.back(x, later, true)
	}
	w.end(s)
	return "settle " + s.Kind.String()
}

// settleStale settles a lease that has ended.
func (w *walker) settleStale() string {
	if len(w.stale) > 0 {
		ref := w.stale[w.choose(len(w.stale))]
		w.is(w.trySettle(queue.Settlement{LeaseRef: ref, Kind: queue.SettleRelease}), queue.ErrLeaseLost)
		w.is(w.extend(ref, time.Hour).Err, queue.ErrLeaseLost)
	}
	return "settle stale"
}

// lose lets a lease end unsettled.
func (w *walker) lose() string {
	x := w.pick(queue.Leased)
	if x == nil {
		return "lose nothing"
	}
	revision := w.get(x.Message).Revision
	if answer := w.extend(x.lease, time.Nanosecond); answer.Err != nil || answer.CancelRequested != x.cancelRequested {
		w.t.Fatalf("extend answered %+v", answer)
	}
	_, err := w.Wait(w.ctx, x.ID, revision)
	w.ok(err)
	w.stale = append(w.stale, x.lease)
	w.m.lose(x)
	return "lose"
}

func (w *walker) cancel() string {
	x := w.pick(queue.States()...)
	if x == nil {
		return "cancel nothing"
	}
	never := w.choose(3) == 0
	_, err := w.Cancel(w.ctx, x.ID, queue.CancelOptions{NeverLeased: never})
	switch {
	case x.state.Terminal():
		w.is(err, queue.ErrTerminal)
	case never && x.deliveries > 0:
		w.is(err, queue.ErrRunning)
	case x.state == queue.Leased:
		w.ok(err)
		x.cancelRequested = true
	default:
		w.ok(err)
		w.m.finish(x, queue.Cancelled, "")
	}
	return "cancel"
}

func (w *walker) redrive() string {
	x := w.pick(queue.Dead, queue.Dead, queue.Done, queue.Ready)
	if x == nil {
		return "redrive nothing"
	}
	_, err := w.Redrive(w.ctx, x.ID, queue.Redrive{})
	if x.state != queue.Dead {
		w.is(err, queue.ErrNotDead)
		return "redrive what is not dead"
	}
	w.ok(err)
	x.generation++
	x.attempts, x.crashes, x.reason = 0, 0, ""
	w.m.ready(x, true)
	return "redrive"
}

// purge removes one message.
func (w *walker) purge() string {
	x := w.pick(queue.States()...)
	if x == nil {
		return "purge nothing"
	}
	p, err := w.Purge(w.ctx, queue.Filter{Queue: x.Queue, Caller: x.Caller})
	w.ok(err)
	if x.state == queue.Leased {
		if p.Removed != 0 {
			w.t.Fatal("purge removed a leased message")
		}
		return "purge leased"
	}
	if p.Removed != 1 {
		w.t.Fatalf("purge removed %d", p.Removed)
	}
	w.m.remove(x)
	return "purge"
}

func (w *walker) setGate() string {
	name := w.queue()
	g := w.m.gate(name)
	switch w.choose(4) {
	case 3:
		g.closed = !g.closed && w.choose(3) == 0
		w.gate(name, intake(g.closed, 0))
	case 0:
		g.held = 1 - g.held
		if g.held == 1 {
			w.gate(name, hold(queue.HoldPaused, 0))
		} else {
			w.gate(name, queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
		}
	case 1:
		g.maxLeased = w.choose(4)
		w.limit(name, queue.Limits{MaxLeased: g.maxLeased})
	default:
		if g.held == 1 {
			g.held = 0
			w.gate(name, queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}})
		}
	}
	return fmt.Sprintf("gate of %s: %+v", name, *g)
}

// reserve takes a reservation where there is room, or returns one.
func (w *walker) reserve() string {
	if w.choose(2) == 0 {
		if len(w.slots) > 0 {
			i := w.choose(len(w.slots))
			w.ok(w.Return(w.ctx, w.slots[i].ref))
			w.m.gate(w.slots[i].queue).reserved--
			w.slots = slices.Delete(w.slots, i, i+1)
		}
		return "return"
	}
	name := w.queue()
	g := w.m.gate(name)
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	ref, err := w.Reserve(ctx, name, time.Hour)
	if g.held > 0 || g.maxLeased > 0 && len(w.m.in(name, queue.Leased))+g.reserved >= g.maxLeased {
		w.is(err, queue.ErrGateClosed)
		return "reserve nothing"
	}
	w.ok(err)
	w.slots = append(w.slots, modelSlot{ref, name})
	g.reserved++
	return "reserve"
}

// crash ends the store as a crash would, now and then, and opens its data again: leases are lost, reservations gone, and
// the turns of the less urgent count anew. What follows from the loss of several leases of one lane depends on their order,
// so that of a wider lane none is left standing.
func (w *walker) crash() string {
	if w.choose(8) > 0 {
		return "no crash"
	}
	for _, x := range w.m.in("", queue.Leased) {
		if x.Lane.Bound > 1 || x.Lane.Fair {
			s := queue.Settlement{LeaseRef: x.lease, Kind: queue.SettleRelease}
			w.stale = append(w.stale, x.lease)
			w.m.back(x, false, false)
			w.end(s)
		}
	}
	w.reopen()
	for _, x := range w.m.in("", queue.Leased) {
		w.stale = append(w.stale, x.lease)
		w.m.lose(x)
	}
	w.slots = nil
	for _, g := range w.m.gates {
		g.reserved = 0
		if !w.Capabilities().Shared { // of a shared store the others go on counting
			g.leases, g.turn = 0, 0
		}
	}
	return "crash"
}

// compare returns the first difference between the store and the model.
func (w *walker) compare(everything bool) error {
	stats := w.allStats()
	for _, name := range walkQueues {
		if got, want := stats.Queues[name].Counts, w.m.count(name); got != want {
			return fmt.Errorf("counts of %q are\n%+v, want\n%+v", name, got, want)
		}
		if got, want := stats.Queues[name].Reserved, w.m.gate(name).reserved; got != want {
			return fmt.Errorf("%d reservations of %q, want %d", got, name, want)
		}
	}
	for i, x := range w.m.messages {
		if !everything && i < len(w.m.messages)-3 {
			continue
		}
		r, err := w.Get(w.ctx, x.ID)
		if err != nil {
			return fmt.Errorf("get %v: %w", x.ID, err)
		}
		if r.State != x.state || r.Reason != x.reason || r.Generation != x.generation || r.Deliveries != x.deliveries ||
			r.Attempts != x.attempts || r.Crashes != x.crashes || r.CancelRequested != x.cancelRequested {
			return fmt.Errorf("record %v is\n%+v, want\n%+v", x.ID, r.Progress, *x)
		}
	}
	return nil
}
