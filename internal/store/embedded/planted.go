package embedded

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/queue"
)

// setLater writes a key when the callers of this unit have been woken, without a sync: how planted bugs tear a change of
// one record apart. Nothing else calls it.
func (u *unit) setLater(key, value []byte) {
	db, key, value := u.s.db, bytes.Clone(key), bytes.Clone(value)
	u.notices = append(u.notices, notice{call: func(queue.LeaseRef) {
		db.Set(key, value, pebble.NoSync) // a bug does not look
	}})
}
