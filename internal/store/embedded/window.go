package embedded

import (
	"bytes"
	"slices"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// A window is the beginning of one line of messages, kept in memory: the ready messages of one queue and priority, or
// the parked ones of one lane. It is the head cursor: a line is never sought from its beginning, where deleted keys lie
// (a seek over 200,000 of them took 50 ms), but from the end of its window.
//
// Invariant: the window holds exactly the messages of the line up to and including tail; with complete, all of them.
type window struct {
	places   []place
	first    int // places before it are gone
	tail     order
	complete bool
	keep     int // most places to hold
}

// order is where a message stands in its line.
type order struct {
	seq uint64
	id  queue.ID
}

func (o order) compare(p order) int {
	switch {
	case o.seq < p.seq:
		return -1
	case o.seq > p.seq:
		return 1
	}
	return bytes.Compare(o.id[:], p.id[:])
}

// place is one message of a line; with its record, if that was small enough to keep.
type place struct {
	order
	rec     *queue.Record
	size    int64
	readyAt time.Time // when it became ready; zero if that was not read yet
}

func newWindow(keep int, empty bool) window { return window{keep: keep, complete: empty} }

func (w *window) len() int { return len(w.places) - w.first }

func (w *window) head() *place { return &w.places[w.first] }

func (w *window) find(o order) (int, bool) {
	i, ok := slices.BinarySearchFunc(w.places[w.first:], o, func(p place, o order) int { return p.compare(o) })
	return w.first + i, ok
}

// insert adds a message and reports whether the window took it; beyond the tail the line on disk holds it. It returns
// the places that it dropped to stay within its size, the new one perhaps among them.
func (w *window) insert(p place) (taken bool, dropped []place) {
	if !w.complete && p.compare(w.tail) > 0 {
		return false, nil
	}
	n := len(w.places)
	if w.first == n {
		w.places, w.first, n = w.places[:0], 0, 0
	}
	if n == w.first || w.places[n-1].compare(p.order) < 0 {
		w.places = append(w.places, p)
	} else if i, found := w.find(p.order); !found {
		w.places = slices.Insert(w.places, i, p)
	}
	if w.len() <= 2*w.keep {
		return true, nil
	}
	cut := w.first + w.keep
	dropped = slices.Clone(w.places[cut:])
	clear(w.places[cut:])
	w.places = w.places[:cut]
	w.tail, w.complete = w.places[cut-1].order, false
	return true, dropped
}

// remove takes a message out, and returns its place if the window held it.
func (w *window) remove(o order) (place, bool) {
	i, found := w.find(o)
	if !found {
		return place{}, false
	}
	p := w.places[i]
	if i == w.first {
		w.places[i] = place{}
		w.first++
		if w.first >= w.keep {
			n := copy(w.places, w.places[w.first:])
			clear(w.places[n:])
			w.places, w.first = w.places[:n], 0
		}
		return p, true
	}
	w.places = slices.Delete(w.places, i, i+1)
	return p, true
}
