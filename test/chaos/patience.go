package main

import (
	"sync"
	"time"
)

// patience is how long something is waited for. Time in which this process stood still, and the product with it, does not
// count: of the time between two looks no more than a second does.
type patience struct {
	mu   sync.Mutex
	left time.Duration
	last time.Time
}

func patient(d time.Duration) *patience { return &patience{left: d, last: time.Now()} }

// over reports whether it has come to its end. It has to be asked more often than once a second.
func (p *patience) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.left -= min(now.Sub(p.last), time.Second)
	p.last = now
	return p.left <= 0
}

// endsWithin waits for an end, and reports whether it came in time.
func endsWithin(ended <-chan struct{}, d time.Duration) bool {
	for wait := patient(d); !wait.over(); {
		select {
		case <-ended:
			return true
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}
