package embedded

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// A scheduled record that is cancelled may have to be removed at the very moment at which it would have become due.
func TestATimerThatStaysAtItsTimeGetsItsNewValue(t *testing.T) {
	s := openOn(t, vfs.NewMem())
	defer s.Close() // nothing depends on it
	at := time.Now().Add(time.Hour)
	m := storetest.NewMessage("orders")
	was := &queue.Record{Message: m, Progress: queue.Progress{State: queue.Scheduled, EligibleAt: at}}
	is := &queue.Record{Message: m, Progress: queue.Progress{State: queue.Cancelled, RemoveAt: at}}
	for _, step := range []struct {
		was, is *queue.Record
		want    string
	}{{nil, was, "orders"}, {was, is, ""}} {
		u := &unit{s: s, batch: s.db.NewBatch()}
		u.writeKey(step.was, step.is, appendTimer, timerValue)
		if err := u.batch.Commit(nil); err != nil {
			t.Fatal(err)
		}
		value, err := s.get(appendTimer(nil, step.is))
		if err != nil || string(value) != step.want {
			t.Errorf("%v: value %q, %v, want %q", step.is.State, value, err, step.want)
		}
	}
}
