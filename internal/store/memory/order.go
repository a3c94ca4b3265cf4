package memory

import (
	"bytes"
	"cmp"
	"slices"
)

// order is a sorted list of entries. Additions at the end and removals at the front, the common case, cost little.
type order struct {
	compare func(a, b *entry) int
	items   []*entry
}

// By ID, by place in the order of becoming due, and by the moment of becoming ready.

func compareID(a, b *entry) int { return bytes.Compare(a.record.ID[:], b.record.ID[:]) }

func comparePlace(a, b *entry) int { return cmp.Compare(a.record.Place(), b.record.Place()) }

func compareReadyAt(a, b *entry) int {
	return cmp.Or(a.record.UpdatedAt.Compare(b.record.UpdatedAt), comparePlace(a, b))
}

func (o *order) insert(e *entry) {
	if n := len(o.items); n == 0 || o.compare(o.items[n-1], e) < 0 {
		o.items = append(o.items, e)
		return
	}
	o.items = slices.Insert(o.items, o.rank(e), e)
}

func (o *order) remove(e *entry) {
	i := o.rank(e)
	if i == 0 {
		o.items[0] = nil
		o.items = o.items[1:]
		return
	}
	o.items = slices.Delete(o.items, i, i+1)
}

// rank returns how many items come before e.
func (o *order) rank(e *entry) int {
	i, _ := slices.BinarySearchFunc(o.items, e, o.compare)
	return i
}

// first returns the first item, or nil.
func (o *order) first() *entry {
	if len(o.items) == 0 {
		return nil
	}
	return o.items[0]
}
