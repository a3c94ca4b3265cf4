package main

import (
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

const (
	heartbeat = 100 * time.Millisecond
	// standstill is how late a heartbeat has to be for the machine to count as having stood still.
	standstill = 500 * time.Millisecond
)

// watchPauses logs when this process did not run, because then the product did not either: a fault not of our making, that
// may end leases. It returns what ends the watch.
func watchPauses(f *numbers) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for last := f.log.Now(); ; last = f.log.Now() {
			select {
			case <-done:
				return
			case <-time.After(heartbeat):
			}
			if f.log.Now()-last > int64(heartbeat+standstill) {
				f.since(history.Pause, 0, last)()
			}
		}
	}()
	return func() { close(done); <-ended }
}
