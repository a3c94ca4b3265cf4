package redis

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

// events hands on what the channel of the shard says.
type events struct {
	store      *Store
	subscribed chan struct{} // closed once it listens
	once       sync.Once

	mu      sync.Mutex
	waiters map[string]map[chan struct{}]struct{} // by what they wait for, as the channel names it
	cancels map[queue.LeaseRef]func(queue.LeaseRef)
}

func newEvents(s *Store) *events {
	return &events{store: s, subscribed: make(chan struct{}), waiters: make(map[string]map[chan struct{}]struct{}),
		cancels: make(map[queue.LeaseRef]func(queue.LeaseRef))}
}

// wait returns a channel that gets a value when one of the subjects is named, and how to end that.
func (e *events) wait(subjects ...string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, subject := range subjects {
		if e.waiters[subject] == nil {
			e.waiters[subject] = make(map[chan struct{}]struct{})
		}
		e.waiters[subject][c] = struct{}{}
	}
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, subject := range subjects {
			if delete(e.waiters[subject], c); len(e.waiters[subject]) == 0 {
				delete(e.waiters, subject)
			}
		}
	}
}

// listen hears the channel until the store is closed. After a connection was lost everybody looks again, since a notice may have been
// lost with it.
func (e *events) listen() {
	s := e.store
	for s.ctx.Err() == nil {
		command := s.client.B().Ssubscribe().Channel(s.prefix + "events").Build()
		ctx := rueidis.WithOnSubscriptionHook(s.ctx, func(rueidis.PubSubSubscription) {
			e.once.Do(func() { close(e.subscribed) })
			e.wakeAll()
		})
		_ = s.client.Receive(ctx, command, func(m rueidis.PubSubMessage) { e.hear(m.Message) }) // whatever it was, it is begun again
		pause(s.ctx, 100*time.Millisecond)
	}
}

func (e *events) hear(text string) {
	if len(text) > 17 && text[0] == 'c' {
		token, err := strconv.ParseUint(text[17:], 10, 64)
		if err != nil {
			return
		}
		ref := queue.LeaseRef{ID: idOf(text[1:17]), Token: queue.Token(token)}
		e.mu.Lock()
		call := e.cancels[ref]
		e.mu.Unlock()
		if call != nil {
			call(ref)
		}
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.waiters[text] {
		wake(c)
	}
}

func (e *events) wakeAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, waiters := range e.waiters {
		for c := range waiters {
			wake(c)
		}
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (e *events) onCancel(ref queue.LeaseRef, call func(queue.LeaseRef)) {
	if call == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cancels[ref] = call
}

func (e *events) forget(ref queue.LeaseRef) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.cancels, ref)
}

// pause waits, and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
