package embedded

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/queue"
)

// fill reads the next places of a line whose window is empty: from the database behind the tail, corrected by what the
// unit under way has changed and not yet written.
func (u *unit) fill(w *window, prefix []byte) {
	if w.complete || w.len() > 0 {
		return
	}
	places, last, more, err := u.s.scanLine(prefix, w.tail, w.keep, func(id queue.ID) bool { return u.entries[id] != nil })
	if err != nil {
		u.fail(err)
		return
	}
	var key []byte
	for _, e := range u.order {
		if e.rec == nil {
			continue
		}
		key = appendPlace(key[:0], e.rec)
		o := order{e.rec.Place(), e.rec.ID}
		if !bytes.HasPrefix(key, prefix) || o.compare(w.tail) <= 0 || more && o.compare(last) > 0 {
			continue
		}
		places = append(places, place{order: o, readyAt: e.rec.UpdatedAt})
	}
	slices.SortFunc(places, func(a, b place) int { return a.compare(b.order) })
	w.places, w.first, w.tail, w.complete = places, 0, last, !more
	if more && len(places) == 0 {
		u.fill(w, prefix)
	}
}

// scanLine returns up to limit places of a line behind the tail, without those that skip names; the last place that was
// looked at; and whether there are more.
func (s *Store) scanLine(prefix []byte, tail order, limit int, skip func(queue.ID) bool) (places []place, last order, more bool, err error) {
	lower := appendOrder(bytes.Clone(prefix), tail.seq, tail.id)
	if tail != (order{}) {
		lower = append(lower, 0)
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: after(prefix)})
	if err != nil {
		return nil, last, false, fmt.Errorf("read line: %w", s.corrupt(err))
	}
	last = tail
	seen := 0
	for ok := it.First(); ok; ok = it.Next() {
		if seen == limit {
			more = true
			break
		}
		seen++
		seq, id, valid := readOrder(it.Key())
		if !valid {
			err = fmt.Errorf("line key %x: %w", it.Key(), queue.ErrCorrupt)
			break
		}
		last = order{seq, id}
		if !skip(id) {
			places = append(places, place{order: last})
		}
	}
	if iterErr := it.Close(); err == nil {
		err = iterErr
	}
	if err != nil {
		return nil, last, false, fmt.Errorf("read line: %w", s.corrupt(err))
	}
	return places, last, more, nil
}
