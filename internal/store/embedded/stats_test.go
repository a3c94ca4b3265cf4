package embedded

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

func TestStatsReportsADamagedRecord(t *testing.T) {
	fs := vfs.NewMem()
	s := openOn(t, fs)
	m := storetest.NewMessage("orders")
	if _, err := s.Enqueue(t.Context(), []*queue.Message{m}); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set(idKey(keyProgress, m.ID), []byte{0xff}, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openOn(t, fs)
	defer s.Close() // nothing depends on it
	if _, err := s.Stats(t.Context()); !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("error = %v, want ErrCorrupt", err)
	}
}
