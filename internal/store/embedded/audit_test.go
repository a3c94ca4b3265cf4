package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// audited is a store with a message that waits, one that is done and one that is dead.
type audited struct {
	*Store
	t                  *testing.T
	ready, done, death queue.ID
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	a := &audited{Store: openOn(t, vfs.NewMem()), t: t}
	a.done = a.settled(queue.Settlement{Kind: queue.SettleDone, Result: &queue.Result{Status: 200, Body: queue.InlineBody([]byte("ok"))}})
	a.death = a.settled(queue.Settlement{Kind: queue.SettleDead, Reason: queue.ReasonEndpointError})
	a.ready = a.enqueued()
	report, err := a.Audit(t.Context())
	if err != nil || !report.OK() || report.Records != 3 {
		t.Fatalf("audit of a sound store: %+v, %v", report, err)
	}
	if got := report.Queues["orders"]; got != (queue.Counts{Accepted: 3, Ready: 1, Done: 1, Dead: 1}) {
		t.Fatalf("recounted %+v", got)
	}
	return a
}

func (a *audited) enqueued() queue.ID {
	a.t.Helper()
	m := storetest.NewMessage("orders")
	m.KeepResult, m.KeepDead = time.Hour, time.Hour
	if results, err := a.Enqueue(a.t.Context(), []*queue.Message{m}); err != nil || results[0].Err != nil {
		a.t.Fatal(results, err)
	}
	return m.ID
}

func (a *audited) settled(s queue.Settlement) queue.ID {
	a.t.Helper()
	id := a.enqueued()
	leases, err := a.Lease(a.t.Context(), queue.LeaseRequest{Worker: "w", Max: 1, Slots: 1, TTL: time.Minute, Queues: []queue.Want{{Queue: "orders"}}})
	if err != nil {
		a.t.Fatal(err)
	}
	s.LeaseRef = leases[0].LeaseRef
	if errs, err := a.Settle(a.t.Context(), []queue.Settlement{s}); err != nil || errs[0] != nil {
		a.t.Fatal(errs, err)
	}
	return id
}

// put writes behind the store's back.
func (a *audited) put(key, value []byte) {
	a.t.Helper()
	if err := a.db.Set(key, value, pebble.Sync); err != nil {
		a.t.Fatal(err)
	}
}

func (a *audited) drop(keys ...[]byte) {
	a.t.Helper()
	for _, key := range keys {
		if err := a.db.Delete(key, pebble.Sync); err != nil {
			a.t.Fatal(err)
		}
	}
}

func (a *audited) stored(id queue.ID) stored {
	a.t.Helper()
	v, err := a.read(id)
	if err != nil {
		a.t.Fatal(err)
	}
	return v
}

func TestAuditNoticesWhatIsRemovedDuplicatedOrRevived(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(a *audited) queue.ID // returns the record to be named; zero: none can be
		says string
	}{
		"a record is removed": {func(a *audited) queue.ID {
			a.drop(idKey(keyProgress, a.ready))
			return a.ready
		}, "has no record"},
		"a record is removed with all that tells of it": {func(a *audited) queue.ID {
			v := a.stored(a.ready)
			a.drop(idKey(keyProgress, a.ready), idKey(keyMessage, a.ready), appendPlace(nil, v.rec), appendTimer(nil, v.rec))
			return queue.ID{}
		}, `counters of queue "orders"`},
		"a finished record is removed": {func(a *audited) queue.ID {
			a.drop(idKey(keyProgress, a.done), idKey(keyMessage, a.done), idKey(keyResult, a.done))
			return a.done // its timer is left
		}, "index key"},
		"a result is removed": {func(a *audited) queue.ID {
			a.drop(idKey(keyResult, a.done))
			return a.done
		}, "result is missing"},
		"a place is taken twice": {func(a *audited) queue.ID {
			again := *a.stored(a.ready).rec
			again.Seq++
			a.put(appendPlace(nil, &again), nil)
			return a.ready
		}, "does not follow from its state ready"},
		"a record is duplicated under another ID": {func(a *audited) queue.ID {
			id := queue.NewID(7, time.Now())
			for _, kind := range []byte{keyMessage, keyProgress} {
				value, err := a.get(idKey(kind, a.ready))
				if err != nil {
					a.t.Fatal(err)
				}
				a.put(idKey(kind, id), value)
			}
			return id
		}, "its message is that of"},
		"a finished record is revived": {func(a *audited) queue.ID {
			v := a.stored(a.done)
			v.rec = v.rec.Clone()
			v.rec.State = queue.Ready
			a.put(idKey(keyProgress, a.done), appendProgressValue(nil, v))
			return a.done
		}, "it was revived"},
		"a finished record is revived as if it were new": {func(a *audited) queue.ID {
			v := a.stored(a.done)
			fresh := queue.NewRecord(v.rec.Message, a.clock.now())
			fresh.Seq = 1 << 40
			a.drop(appendTimer(nil, v.rec))
			a.put(idKey(keyProgress, a.done), appendProgressValue(nil, stored{rec: fresh, size: v.size}))
			a.put(appendPlace(nil, fresh), nil)
			return a.done
		}, "it was revived"},
		"a dead record is revived": {func(a *audited) queue.ID {
			v := a.stored(a.death)
			v.rec = v.rec.Clone()
			a.drop(appendPlace(nil, v.rec), appendTimer(nil, v.rec))
			v.rec.State = queue.Ready
			a.put(idKey(keyProgress, a.death), appendProgressValue(nil, v))
			a.put(appendPlace(nil, v.rec), nil)
			return a.death
		}, "it was revived"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAudited(t)
			id := c.harm(a)
			report, err := a.Audit(t.Context())
			if err != nil || report.OK() {
				t.Fatalf("audit notices nothing: %+v, %v", report, err)
			}
			named := false
			for _, f := range report.Faults {
				named = named || f.ID == id && strings.Contains(f.What, c.says)
			}
			if !named {
				t.Errorf("faults %v, want %q about %s", report.Faults, c.says, id)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			offline, err := check(a.fs, testDir)
			if err != nil || offline.Faulty != report.Faulty {
				t.Errorf("offline %d faults, %v; while it ran %d", offline.Faulty, err, report.Faulty)
			}
		})
	}
}

// TestAuditFindsNothingWhileEverythingMoves audits again and again beside callers that enqueue, lease, settle and purge.
func TestAuditFindsNothingWhileEverythingMoves(t *testing.T) {
	s := openOn(t, vfs.NewMem())
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 3 {
		load.Go(func() {
			w := &mover{s: s}
			for ctx.Err() == nil {
				if err := w.step(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var records int64
	for n := 0; !t.Failed() && (n < 30 || records < 200); n++ {
		report, err := s.Audit(t.Context())
		if err != nil || !report.OK() {
			t.Errorf("audit: %v, %v", report, err)
			break
		}
		records = report.Records
	}
	stop()
	load.Wait()
	if records == 0 {
		t.Error("there was nothing to audit")
	}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := s.Audit(cancelled); err == nil || err.Error() != "enough" {
		t.Errorf("an audit that was ended: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Audit(t.Context()); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("audit after close: %v", err)
	}
}

// mover enqueues small and large messages, and finishes or purges what it gets hold of.
type mover struct {
	s        *Store
	n        int
	accepted func(id queue.ID, body string) // nil: nobody asks
}

func (w *mover) step(ctx context.Context) error {
	w.n++
	m := storetest.NewMessage("orders")
	m.KeepResult, m.KeepDead = time.Hour, time.Hour
	content := fmt.Sprint(m.ID)
	if w.n%5 == 0 {
		content = strings.Repeat(content, 3000)
	}
	trash := w.n%3 == 0
	if trash {
		m.Queue = "trash"
	}
	var err error
	if m.Request.Body, err = queue.ReceiveBody(ctx, w.s, strings.NewReader(content), -1, 1<<30); err != nil {
		return err
	}
	if results, err := w.s.Enqueue(ctx, []*queue.Message{m}); err != nil || results[0].Err != nil {
		return fmt.Errorf("%v, %w", results, err)
	}
	if trash {
		_, err := w.s.Purge(ctx, queue.Filter{Queue: "trash"})
		return err
	}
	if w.accepted != nil {
		w.accepted(m.ID, content)
	}
	leases, err := w.s.Lease(ctx, queue.LeaseRequest{Worker: "w", Max: 1, Slots: 1, TTL: time.Minute, Queues: []queue.Want{{Queue: "orders"}}})
	if err != nil || w.n%4 == 0 {
		return err // one in four stays leased
	}
	body, err := queue.ReceiveBody(ctx, w.s, strings.NewReader(content), -1, 1<<30)
	if err != nil {
		return err
	}
	_, err = w.s.Settle(ctx, []queue.Settlement{{LeaseRef: leases[0].LeaseRef, Kind: queue.SettleDone,
		Result: &queue.Result{Status: 200, Body: body}}})
	return err
}
