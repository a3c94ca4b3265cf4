package embedded

import (
	"sync"

	"github.com/openhqm/openhqm/queue"
)

// unsynced is the unit whose commit is under way. The database shows a write before it is synced; a reader that read a
// record of this unit waits until it is (guarantee 2 of the package).
type unsynced struct {
	mu   sync.Mutex
	unit *unit
	over chan struct{} // made by the first reader that waits
	err  error         // of the commit that failed: the store is broken
}

func (y *unsynced) begin(u *unit) {
	y.mu.Lock()
	y.unit = u
	y.mu.Unlock()
}

func (y *unsynced) end(err error) {
	y.mu.Lock()
	y.unit, y.err = nil, err
	if y.over != nil {
		close(y.over)
		y.over = nil
	}
	y.mu.Unlock()
}

// settled returns when what was read of a record before the call is durable, or the error for which it never will be.
func (y *unsynced) settled(id queue.ID) error {
	y.mu.Lock()
	if y.unit == nil || y.unit.entries[id] == nil {
		err := y.err
		y.mu.Unlock()
		return err
	}
	return y.wait()
}

// all is settled for everything that was read before the call.
func (y *unsynced) all() error {
	y.mu.Lock()
	if y.unit == nil {
		err := y.err
		y.mu.Unlock()
		return err
	}
	return y.wait()
}

// wait is called with the lock held and gives it up.
func (y *unsynced) wait() error {
	if y.over == nil {
		y.over = make(chan struct{})
	}
	over := y.over
	y.mu.Unlock()
	<-over
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.err
}
