package queue_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/openhqm/openhqm/queue"
)

// FuzzDecode feeds the decoders of stored records. What decodes holds only what a record can hold, and decodes to the very
// same after it was encoded again; every shorter form of that is corrupt, and so is a longer one. What does not decode is
// ErrCorrupt.
func FuzzDecode(f *testing.F) {
	p := fullProgress()
	f.Add(queue.AppendMessage(nil, fullMessage()), uint16(70))
	f.Add(queue.AppendProgress(nil, &p), uint16(9))
	f.Add(queue.AppendResult(nil, fullResult()), uint16(0))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		survives(t, b, cut, decodeMessage, func(m *queue.Message) []byte { return queue.AppendMessage(nil, m) }, func(m *queue.Message) bool {
			return m.Priority <= queue.MaxPriority && m.Lane.Bound >= 0 && m.Lane.OnDead <= queue.OnDeadBlock && m.OnLost <= queue.OnLostFail &&
				m.MaxDeliveries >= 0 && m.Request.Body.Size() >= 0
		})
		survives(t, b, cut, decodeProgress, func(p *queue.Progress) []byte { return queue.AppendProgress(nil, p) }, func(p *queue.Progress) bool {
			for _, a := range p.History {
				if a.Class > queue.Rejected || a.Generation < 0 || a.Delivery < 0 || a.Status < 0 {
					return false
				}
			}
			return p.State >= queue.Ready && p.State <= queue.Expired && min(p.Generation, p.Deliveries, p.Attempts, p.Crashes, p.Uncounted, p.HistoryDropped) >= 0 &&
				(p.Edited == nil || p.Edited.Body.Size() >= 0)
		})
		survives(t, b, cut, decodeResult, func(r *queue.Result) []byte { return queue.AppendResult(nil, r) }, func(r *queue.Result) bool {
			return r.Status >= 0 && r.Body.Size() >= 0
		})
	})
}

func decodeMessage(b []byte) (*queue.Message, error) { return queue.DecodeMessage(b, nil) }

func decodeProgress(b []byte) (*queue.Progress, error) {
	p, err := queue.DecodeProgress(b, nil)
	return &p, err
}

func decodeResult(b []byte) (*queue.Result, error) { return queue.DecodeResult(b, nil) }

func survives[T any](t *testing.T, b []byte, cut uint16, decode func([]byte) (*T, error), encode func(*T) []byte, possible func(*T) bool) {
	t.Helper()
	v, err := decode(b)
	if err != nil {
		if !errors.Is(err, queue.ErrCorrupt) {
			t.Errorf("%v, want ErrCorrupt", err)
		}
		return
	}
	if !possible(v) {
		t.Errorf("no record holds this: %+v", v)
	}
	once := encode(v)
	again, err := decode(once)
	if err != nil || !reflect.DeepEqual(again, v) {
		t.Fatalf("%+v\nbecame\n%+v, %v", v, again, err)
	}
	if twice := encode(again); string(twice) != string(once) {
		t.Errorf("encoded as\n%x and then\n%x", once, twice)
	}
	n := int(cut) % len(once)
	if short, err := decode(once[:n]); !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("its first %d of %d bytes decode to %+v, %v", n, len(once), short, err)
	}
	if _, err := decode(append(once, byte(cut))); !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("with a byte more: %v", err)
	}
}
