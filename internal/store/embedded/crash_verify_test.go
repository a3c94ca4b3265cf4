package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// verify opens what a crash left and holds it against what was acknowledged before, and against what had been begun after.
func verify(t testing.TB, fs *vfs.MemFS, before account, leaving map[queue.ID]bool) {
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
func verifyGate(t testing.TB, name string, g queue.Gate, acknowledged int) {
	n := g.Limits.MaxLeased - gateBase
	if n < acknowledged {
		t.Errorf("the gate of %q is that of change %d, and %d was acknowledged", name, n, acknowledged)
	}
	hold, paused := g.Holds[queue.HoldPaused]
	if name == "idle" && (paused != (n%2 == 1) || paused && hold.Note != fmt.Sprint(n)) {
		t.Errorf("the gate of %q after change %d: %+v", name, n, g)
	}
}

func (p *promise) verify(t testing.TB, s *Store, leaving map[queue.ID]bool) {
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
func verifyTicket(t testing.TB, s *Store, r *queue.Record, leaving map[queue.ID]bool) {
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
func verifyKey(t testing.TB, s *Store, m *queue.Message) {
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

func bodyText(t testing.TB, b queue.Body) string {
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
