package embedded

import "github.com/openhqm/openhqm/queue"

// recent knows every stored ID that names a moment after the horizon. IDs come in the order of time, give or take the
// calls under way, so that for nearly every new message it answers whether the ID exists without reading the database.
type recent struct {
	horizon    int64 // Unix milliseconds
	young, old map[queue.ID]struct{}
	youngest   int64 // the latest moment that an ID in young names
	oldLatest  int64 // the same of old
}

// recentIDs is how many IDs one of the two generations holds.
const recentIDs = 2048

func newRecent(horizon int64) recent {
	return recent{horizon: horizon, young: make(map[queue.ID]struct{}), old: make(map[queue.ID]struct{})}
}

// add notes an ID that is being stored.
func (r *recent) add(id queue.ID) {
	at := id.Time().UnixMilli()
	if at <= r.horizon {
		return
	}
	if len(r.young) == recentIDs {
		r.horizon = max(r.horizon, r.oldLatest)
		clear(r.old)
		r.young, r.old = r.old, r.young
		r.youngest, r.oldLatest = 0, r.youngest
	}
	r.young[id] = struct{}{}
	r.youngest = max(r.youngest, at)
}

// knows reports whether the ID was stored; ok is false if only the database can tell.
func (r *recent) knows(id queue.ID) (stored, ok bool) {
	if id.Time().UnixMilli() <= r.horizon {
		return false, false
	}
	if _, stored = r.young[id]; stored {
		return true, true
	}
	_, stored = r.old[id]
	return stored, true
}
