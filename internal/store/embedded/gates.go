package embedded

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// SetGate changes the gate of a queue.
func (s *Store) SetGate(_ context.Context, queueName string, change queue.GateChange) (queue.Gate, error) {
	var (
		o      *op
		gate   queue.Gate
		failed error
	)
	o = newOp(func(u *unit) {
		defer u.finish(o)
		q := s.line(queueName)
		next := q.gate.Apply(change, u.now)
		value, err := encodeGate(next)
		if err != nil {
			failed = err
			return
		}
		q.gate, gate = next, next
		if change.Limits != nil {
			q.bucket = q.bucket.Under(u.now, next.Limits)
		}
		u.set(nameKey(keyGate, queueName), value)
		fault.Point(fault.GateSet)
	})
	if err := s.do(o); err != nil {
		return queue.Gate{}, err
	}
	return gate, failed
}

// The stored form of a gate is JSON: gates are few, change rarely, and their fields grow with every kind of limit.
func encodeGate(g queue.Gate) ([]byte, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("%w: gate: %w", queue.ErrInvalid, err)
	}
	return b, nil
}

func decodeGate(b []byte) (g queue.Gate, err error) {
	if err := json.Unmarshal(b, &g); err != nil {
		return g, fmt.Errorf("decode gate: %w: %w", queue.ErrCorrupt, err)
	}
	return g, nil
}
