package embedded

import (
	"context"
	"fmt"

	"github.com/openhqm/openhqm/queue"
)

// importBatch is how many records one unit takes from Import.
const importBatch = 256

// Import stores records in any state, each as it is but for its place in the order.
func (s *Store) Import(_ context.Context, records []*queue.Record) error {
	for len(records) > 0 {
		n := min(len(records), importBatch)
		if err := s.importSome(records[:n]); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

func (s *Store) importSome(records []*queue.Record) error {
	messages := make([][]byte, len(records))
	answers := make([][]byte, len(records))
	for i, r := range records {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("import %s: %w", r.ID, err)
		}
		messages[i] = queue.AppendMessage(nil, r.Message)
		if r.Result != nil {
			answers[i] = queue.AppendResult(nil, r.Result)
		}
	}
	var refused error
	var o *op
	o = newOp(func(u *unit) {
		for i, r := range records {
			if refused = u.importRecord(r, messages[i], answers[i]); refused != nil {
				break
			}
		}
		u.finish(o)
	})
	if err := s.do(o); err != nil {
		return err
	}
	return refused
}

func (u *unit) importRecord(given *queue.Record, message, answer []byte) error {
	if u.exists(given.ID) {
		return nil
	}
	for _, ref := range refs(nil, given) {
		if err := u.claim(queue.StoredBody(ref, 0, u.s), given.ID); err != nil {
			return fmt.Errorf("import %s: %w", given.ID, err)
		}
	}
	r := given.Clone()
	switch r.State {
	case queue.Leased:
		r.Lost(u.now)
	case queue.Parked:
		r.Unpark(u.now, 0)
	}
	if !r.State.Terminal() {
		r.Seq, r.Turn = u.newSeq(), 0
	}
	v := stored{rec: r, size: int64(len(message)) + fixedSize + fileSize(r.Message.Request.Body)}
	if r.Edited != nil && !held(r.Message.Request.Body, r.Edited.Body) {
		v.size += fileSize(r.Edited.Body)
	}
	if r.Result != nil {
		v.result = int64(len(answer)) + fileSize(r.Result.Body)
		v.size += v.result
	}
	u.create(v, message).answer = answer
	if given.State == queue.Leased && r.State.Terminal() {
		u.announce(r)
	}
	if k := r.Idempotency; k != nil && r.AcceptedAt.Add(k.Keep).After(u.now) {
		if _, taken := u.reservation(k.Scope); !taken {
			u.reserveScope(r.Message, r.AcceptedAt)
		}
	}
	return nil
}
