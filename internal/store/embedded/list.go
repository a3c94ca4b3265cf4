package embedded

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

const defaultPage = 100

// List returns records that match, oldest ID first: dead letters of one queue through their index, everything else by
// going through the records in the order of their IDs.
func (s *Store) List(ctx context.Context, filter queue.Filter) (queue.Page, error) {
	if err := s.enter(); err != nil {
		return queue.Page{}, err
	}
	defer s.calls.Done()
	var page queue.Page
	var err error
	page.Next, err = s.scan(ctx, &filter, listRange(&filter), func(r *queue.Record) { page.Records = append(page.Records, r) })
	if err != nil {
		return queue.Page{}, err
	}
	for _, r := range page.Records {
		if r.State == queue.Leased {
			s.showLease(r)
		}
	}
	return page, nil
}

// Purge removes records that match and are not leased. It needs no order, so waiting messages of one queue are found
// through their lines.
func (s *Store) Purge(ctx context.Context, filter queue.Filter) (queue.Purged, error) {
	if err := s.enter(); err != nil {
		return queue.Purged{}, err
	}
	defer s.calls.Done()
	var ids []queue.ID
	next, err := s.scan(ctx, &filter, purgeRange(&filter), func(r *queue.Record) { ids = append(ids, r.ID) })
	if err != nil {
		return queue.Purged{}, err
	}
	purged := queue.Purged{Next: next}
	for len(ids) > 0 {
		some := ids[:min(len(ids), dueLimit)]
		ids = ids[len(some):]
		removed := 0
		var o *op
		o = newOp(func(u *unit) {
			for _, id := range some {
				// It may have changed since it was found.
				if e := u.load(id); e != nil && e.rec.State != queue.Leased && filter.Matches(e.rec) {
					u.remove(e)
					removed++
					fault.Point(fault.PurgeRemoved)
				}
			}
			u.finish(o)
		})
		s.submit(o)
		s.await(o)
		if o.err != nil {
			return queue.Purged{}, o.err
		}
		purged.Removed += removed
	}
	return purged, nil
}

// keyRange is the part of the keys that a scan goes through.
type keyRange struct{ lower, upper []byte }

func prefixRange(prefix []byte) keyRange { return keyRange{prefix, after(prefix)} }

func listRange(f *queue.Filter) keyRange {
	if f.Queue != "" && len(f.States) == 1 && f.States[0] == queue.Dead {
		return prefixRange(nameKey(keyDead, f.Queue))
	}
	return prefixRange([]byte{keyProgress})
}

func purgeRange(f *queue.Filter) keyRange {
	if f.Queue != "" && len(f.States) == 1 {
		switch f.States[0] {
		case queue.Ready:
			return prefixRange(nameKey(keyReady, f.Queue))
		case queue.Parked:
			return prefixRange(nameKey(keyParked, f.Queue))
		}
	}
	return listRange(f)
}

// scan calls found for records that match, up to the filter's limit and ScanLimit records from the cursor on, and
// returns the cursor to go on from. What found got is durable when it returns.
func (s *Store) scan(ctx context.Context, f *queue.Filter, keys keyRange, found func(*queue.Record)) (next string, err error) {
	if f.Cursor != "" {
		from, err := base64.RawURLEncoding.DecodeString(f.Cursor)
		if err != nil || bytes.Compare(from, keys.lower) < 0 || bytes.Compare(from, keys.upper) >= 0 {
			return "", fmt.Errorf("%w: cursor %q does not belong to this filter", queue.ErrInvalid, f.Cursor)
		}
		keys.lower = append(from, 0)
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: keys.lower, UpperBound: keys.upper})
	if err != nil {
		return "", fmt.Errorf("list: %w", s.corrupt(err))
	}
	messages, err := it.Clone(pebble.CloneOptions{IterOptions: &pebble.IterOptions{LowerBound: []byte{keyMessage}, UpperBound: []byte{keyMessage + 1}}})
	if err != nil {
		it.Close() // the first error is the one to tell
		return "", fmt.Errorf("list: %w", s.corrupt(err))
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	var last []byte
	examined, matched := 0, 0
	for ok := it.First(); ok; ok = it.Next() {
		if matched == limit || examined == queue.ScanLimit {
			next = base64.RawURLEncoding.EncodeToString(last)
			break
		}
		if examined%512 == 0 && ctx.Err() != nil {
			err = context.Cause(ctx)
			break
		}
		examined++
		last = append(last[:0], it.Key()...)
		var r *queue.Record
		if r, err = s.candidate(f, it, messages); err != nil {
			break
		}
		if r != nil && f.Matches(r) {
			matched++
			found(r)
		}
	}
	if closeErr := errors.Join(it.Close(), messages.Close()); err == nil && closeErr != nil {
		err = fmt.Errorf("list: %w", s.corrupt(closeErr))
	}
	if err == nil {
		err = s.unsynced.all()
	}
	return next, err
}

// candidate reads the record that an iterator stands at; nil if it does not match or is gone. Records in the order of
// their IDs are looked at beside a second iterator over the messages, which costs a tenth of reading each; only one that
// matches is then read as a whole.
func (s *Store) candidate(f *queue.Filter, it, messages *pebble.Iterator) (*queue.Record, error) {
	key := it.Key()
	id := queue.ID(key[len(key)-idLen:])
	if key[0] == keyProgress {
		if fits, err := s.fits(f, id, it, messages); err != nil || !fits {
			return nil, s.wrap(id, err)
		}
	}
	v, err := s.read(id)
	if errors.Is(err, queue.ErrNotFound) {
		return nil, nil
	}
	return v.rec, err
}

// fits reports whether a record matches, as far as progress and message tell.
func (s *Store) fits(f *queue.Filter, id queue.ID, it, messages *pebble.Iterator) (bool, error) {
	value, err := it.ValueAndErr()
	if err != nil {
		return false, err
	}
	p, err := decodeProgressValue(value, s)
	if err != nil {
		return false, err
	}
	if f.Reason != "" && p.Reason != f.Reason || len(f.States) > 0 && !hasState(f.States, p.State) {
		return false, nil
	}
	var key [1 + idLen]byte
	if !messages.SeekGE(appendIDKey(key[:0], keyMessage, id)) || queue.ID(messages.Key()[1:]) != id {
		return false, messages.Error()
	}
	if value, err = messages.ValueAndErr(); err != nil {
		return false, err
	}
	m, err := queue.DecodeMessage(value, s)
	if err != nil {
		return false, err
	}
	return f.Matches(&queue.Record{Message: m, Progress: p.Progress}), nil
}

func hasState(states []queue.State, s queue.State) bool {
	for _, have := range states {
		if have == s {
			return true
		}
	}
	return false
}
