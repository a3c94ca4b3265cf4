package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// workload does random work until the store breaks or n operations are done.
type workload struct {
	*ledger
	s       *Store
	rng     *rand.Rand
	flushes bool // tables are written too; the database panics when a log cannot be rotated, so not where logs fail
	doing   atomic.Pointer[string]
}

// begin says what is under way from here on.
func (w *workload) begin(what string) { w.doing.Store(&what) }

func (w *workload) run(n int) error {
	defer w.doing.Store(nil)
	for range n {
		var err error
		w.doing.Store(nil)
		switch w.rng.IntN(12) {
		case 0, 1, 2, 3:
			err = w.enqueue()
		case 4, 5, 6, 7:
			err = w.work()
		case 8:
			err = w.cancelOrRedrive()
		case 9:
			if err = w.purge(); err == nil && w.flushes && w.rng.IntN(4) == 0 {
				w.begin("flush")
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
		w.begin("store a body")
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
	w.begin("enqueue")
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
	w.begin("import")
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
	w.begin("set a gate")
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
	w.begin("lease")
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
		w.begin("store a result")
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
	w.begin("settle " + st.Kind.String())
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
	w.begin("redrive")
	r, err := w.s.Redrive(ctx, id, queue.Redrive{})
	if errors.Is(err, queue.ErrNotDead) && w.rng.IntN(2) == 0 {
		w.begin("cancel")
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
	w.begin("purge")
	_, err := w.s.Purge(context.Background(), queue.Filter{Queue: "mail", States: []queue.State{queue.Done}, Limit: 3})
	return err
}
