package embedded

import (
	"context"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// Settle ends leases: result, state and counters of one message in one write.
func (s *Store) Settle(_ context.Context, settlements []queue.Settlement) ([]error, error) {
	// As in Enqueue, the stored form is made by the caller.
	answers := make([][]byte, len(settlements))
	for i := range settlements {
		if r := settlements[i].Result; r != nil {
			answers[i] = queue.AppendResult(nil, r)
		}
	}
	results := make([]error, len(settlements))
	var o *op
	o = newOp(func(u *unit) {
		for i := range settlements {
			results[i] = u.settle(&settlements[i], answers[i])
		}
		u.finish(o)
	})
	if err := s.do(o); err != nil {
		return nil, err
	}
	return results, nil
}

func (u *unit) settle(st *queue.Settlement, answer []byte) error {
	l := u.s.leases[st.ID]
	if fault.Planted(fault.NoTokenCheck) && l != nil {
		st.Token = l.token
	}
	if l == nil || l.rec == nil || l.token != st.Token {
		return queue.ErrLeaseLost
	}
	e := u.load(st.ID)
	if e == nil {
		return queue.ErrLeaseLost
	}
	if st.Result != nil {
		if err := u.claim(st.Result.Body, st.ID); err != nil {
			return err
		}
	}
	if fault.Planted(fault.CancelledRevived) {
		u.edit(e).CancelRequested = false
	}
	var err error
	u.change(e, func(r *queue.Record) {
		if err = r.Settle(*st, u.now); err != nil {
			return
		}
		// A retry that is due at once stands behind what became due before it, like every other retry.
		if st.Kind == queue.SettleRetry && r.State == queue.Ready && !r.KeepsPlace() {
			r.Seq = u.newSeq()
		}
		if r.Result != nil {
			e.answer = answer
			u.pending += len(answer)
			e.result = int64(len(answer)) + fileSize(r.Result.Body)
			e.size += e.result
		}
	})
	if fault.Planted(fault.BackoffOnlySorts) && e.rec.State == queue.Scheduled {
		u.change(e, func(r *queue.Record) { r.Due(u.now) })
	}
	settlePoint(e.rec.State)
	return err
}

// settlePoint names what a settlement has made of a message that is not yet written.
func settlePoint(s queue.State) {
	switch s {
	case queue.Done:
		fault.Point(fault.SettleDone)
	case queue.Scheduled:
		fault.Point(fault.SettleRetry)
	case queue.Dead:
		fault.Point(fault.SettleDead)
	case queue.Cancelled:
		fault.Point(fault.SettleCancelled)
	}
}
