package embedded

import (
	"context"
	"errors"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// Cancel withdraws a message that is not leased, and asks the holder of a leased one to abort.
func (s *Store) Cancel(_ context.Context, id queue.ID, options queue.CancelOptions) (*queue.Record, error) {
	return s.transition(id, func(u *unit, e *entry) error {
		if e.rec.State == queue.Leased {
			return u.cancelLeased(e, options)
		}
		if e.rec.State.Terminal() {
			return queue.ErrTerminal
		}
		if options.NeverLeased && e.rec.Deliveries > 0 {
			return queue.ErrRunning
		}
		var err error
		u.change(e, func(r *queue.Record) { err = r.Cancel(options, u.now) })
		fault.Point(fault.CancelWaiting)
		return err
	})
}

// cancelLeased marks the record; it stays where it is.
func (u *unit) cancelLeased(e *entry, options queue.CancelOptions) error {
	if options.NeverLeased {
		return queue.ErrRunning
	}
	if e.rec.CancelRequested {
		return nil
	}
	if err := u.edit(e).Cancel(options, u.now); err != nil {
		return err
	}
	fault.Point(fault.CancelRunning)
	if l := u.s.leases[e.rec.ID]; l != nil {
		l.rec = e.rec
		if l.onCancel != nil {
			u.notices = append(u.notices, notice{call: l.onCancel, ref: l.ref()})
		}
	}
	return nil
}

// Redrive puts a dead message back as the next generation.
func (s *Store) Redrive(_ context.Context, id queue.ID, redrive queue.Redrive) (*queue.Record, error) {
	return s.transition(id, func(u *unit, e *entry) error {
		if e.rec.State != queue.Dead {
			return queue.ErrNotDead
		}
		var edited int64
		if redrive.Request != nil {
			if err := u.claim(redrive.Request.Body, id); err != nil {
				return err
			}
			edited = fileSize(redrive.Request.Body)
			if held(e.rec.Message.Request.Body, redrive.Request.Body) {
				edited = 0
			}
		}
		u.change(e, func(r *queue.Record) {
			if redrive.Request != nil && r.Edited != nil && !held(r.Message.Request.Body, r.Edited.Body) {
				e.size -= fileSize(r.Edited.Body)
			}
			r.Redrive(redrive, u.now) // it is dead
			if !r.KeepsPlace() {
				r.Seq = u.newSeq()
			}
			e.size += edited
		})
		fault.Point(fault.RedriveReady)
		return nil
	})
}

func held(a, b queue.Body) bool { return a.Ref() == b.Ref() }

// transition applies a change to one record and returns it, also with a refusal.
func (s *Store) transition(id queue.ID, change func(*unit, *entry) error) (*queue.Record, error) {
	var (
		o       *op
		rec     *queue.Record
		refused error
	)
	o = newOp(func(u *unit) {
		if e := u.load(id); e == nil {
			refused = errNoRecord
		} else {
			refused = change(u, e)
			// The copy is this moment's: a later op of the same unit may change the record further.
			c := *e.rec
			rec = &c
		}
		u.finish(o)
	})
	if err := s.do(o); err != nil {
		return nil, err
	}
	if errors.Is(refused, queue.ErrNotFound) || errors.Is(refused, queue.ErrInvalid) {
		return nil, refused
	}
	return rec, refused
}
