package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Get implements queue.RecordStore.
func (s *Store) Get(_ context.Context, id queue.ID) (*queue.Record, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer s.end(now)
	e := s.entries[id]
	if e == nil {
		return nil, queue.ErrNotFound
	}
	return e.record, nil
}

// Wait implements queue.RecordStore.
func (s *Store) Wait(ctx context.Context, id queue.ID, after queue.Revision) (*queue.Record, error) {
	for {
		r, changed, err := s.look(id, after)
		if changed == nil {
			return r, err
		}
		select {
		case <-changed:
		case <-s.closing:
		case <-ctx.Done():
			if r, err = s.Get(context.WithoutCancel(ctx), id); err != nil {
				return nil, err
			}
			return r, context.Cause(ctx)
		}
	}
}

// look returns the record and, if it is not yet what Wait waits for, what its next change closes.
func (s *Store) look(id queue.ID, after queue.Revision) (*queue.Record, <-chan struct{}, error) {
	now, err := s.begin()
	if err != nil {
		return nil, nil, err
	}
	defer s.end(now)
	e := s.entries[id]
	if e == nil {
		return nil, nil, queue.ErrNotFound
	}
	if r := e.record; r.Revision > after || after == queue.UntilTerminal && r.State.Terminal() {
		return r, nil, nil
	}
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return nil, e.changed, nil
}

// Position implements queue.RecordStore.
func (s *Store) Position(_ context.Context, id queue.ID) (int64, error) {
	now, err := s.begin()
	if err != nil {
		return 0, err
	}
	defer s.end(now)
	e := s.entries[id]
	if e == nil {
		return 0, queue.ErrNotFound
	}
	if !e.record.State.Waiting() {
		return 0, nil
	}
	return int64(e.line.position(e)), nil
}

// Cancel implements queue.RecordStore.
func (s *Store) Cancel(_ context.Context, id queue.ID, options queue.CancelOptions) (*queue.Record, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	r, notice, err := s.cancel(id, options, now)
	s.end(now)
	if notice != nil {
		notice(queue.LeaseRef{ID: r.ID, Token: r.LeaseToken})
	}
	return r, err
}

// cancel returns, besides the record, the notice to call without the lock if the holder has to be told.
func (s *Store) cancel(id queue.ID, options queue.CancelOptions, now time.Time) (*queue.Record, func(queue.LeaseRef), error) {
	e := s.entries[id]
	if e == nil {
		return nil, nil, queue.ErrNotFound
	}
	if e.record.CancelRequested && !options.NeverLeased {
		return e.record, nil, nil
	}
	err := s.change(e, now, func(r *queue.Record) error { return r.Cancel(options, now) })
	if err != nil || e.record.State != queue.Leased {
		return e.record, nil, err
	}
	return e.record, e.onCancel, nil
}

// Redrive implements queue.RecordStore.
func (s *Store) Redrive(_ context.Context, id queue.ID, redrive queue.Redrive) (*queue.Record, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer s.end(now)
	e := s.entries[id]
	if e == nil {
		return nil, queue.ErrNotFound
	}
	err = s.change(e, now, func(r *queue.Record) error {
		if err := r.Redrive(redrive, now); err != nil {
			return err
		}
		if !r.KeepsPlace() {
			r.Seq = s.nextSeq()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e.record, nil
}

// List implements queue.RecordStore.
func (s *Store) List(_ context.Context, filter queue.Filter) (queue.Page, error) {
	now, err := s.begin()
	if err != nil {
		return queue.Page{}, err
	}
	defer s.end(now)
	var page queue.Page
	page.Next, err = s.scan(filter, func(e *entry) bool {
		page.Records = append(page.Records, e.record)
		return true
	})
	return page, err
}

// Purge implements queue.RecordStore.
func (s *Store) Purge(_ context.Context, filter queue.Filter) (queue.Purged, error) {
	now, err := s.begin()
	if err != nil {
		return queue.Purged{}, err
	}
	defer s.end(now)
	var matched []*entry
	next, err := s.scan(filter, func(e *entry) bool {
		if e.record.State == queue.Leased {
			return false
		}
		matched = append(matched, e)
		return true
	})
	for _, e := range matched {
		s.remove(e, now)
	}
	return queue.Purged{Removed: len(matched), Next: next}, err
}

// scan calls take with the records that match, until it has taken as many as the filter says, and returns where to go on.
func (s *Store) scan(filter queue.Filter, take func(*entry) bool) (next string, err error) {
	start := 0
	if filter.Cursor != "" {
		after, err := queue.ParseID(filter.Cursor)
		if err != nil {
			return "", invalidCursor(err)
		}
		at, found := slices.BinarySearchFunc(s.byID.items, after, func(e *entry, id queue.ID) int {
			return slices.Compare(e.record.ID[:], id[:])
		})
		if start = at; found {
			start++
		}
	}
	limit := filter.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	items := s.byID.items[start:]
	for i, e := range items {
		if filter.Matches(e.record) && take(e) {
			limit--
		}
		if (limit == 0 || i+1 == queue.ScanLimit) && i+1 < len(items) {
			return e.record.ID.String(), nil
		}
	}
	return "", nil
}

// defaultLimit is the Limit of a filter that names none.
const defaultLimit = 100

func invalidCursor(err error) error { return fmt.Errorf("%w: cursor: %w", queue.ErrInvalid, err) }
