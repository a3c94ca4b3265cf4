// Package memory is the reference store: the contract of queue.Store in its plainest form, kept in memory.
//
// It owns the words line (what the store knows of one queue), alarm and waiter.
//
// # Guarantees
//
//  1. Every method does what queue/store.go says, in one step under one lock: TestStoreKeepsTheContract.
//  2. Nothing survives the process; Capabilities says so.
//  3. Memory is bounded by Options: unfinished messages by number and by size.
//
// # Concurrency
//
// One mutex guards everything. A call changes what it has to, then serves whoever waits (in the order in which they came),
// then tells Run when to look again, and only then lets go of the mutex.
//
// # Failure
//
// There is none but a full store.
//
// # Not here
//
// The rules for one record: they are the transitions of package queue.
package memory

import (
	"container/list"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Options are the bounds of a store; zero values do not bound.
type Options struct {
	MaxMessages int64 // unfinished messages, over all visible queues
	MaxBytes    int64 // of unfinished messages, bodies included, approximately
}

// Store keeps everything in memory. Open one with New.
type Store struct {
	options Options
	opened  time.Time     // with its monotonic reading: the store's clock follows that alone
	closing chan struct{} // closed by Close
	calls   sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	entries    map[queue.ID]*entry
	byID       order
	lines      map[string]*line
	keys       map[[32]byte]reservedKey
	bodies     map[string]*blob
	slots      map[queue.ID]*slot // reservations
	alarms     alarms
	waiting    *list.List // of *waiter, in the order in which they came
	seq        uint64     // last place given out
	turn       uint64     // leases granted, for the rotation of queues
	names      uint64     // last name given to a body or reservation
	unfinished int64      // visible messages that are not terminal
	bytes      int64
	open       int64         // bytes of visible messages that are not terminal, bodies included
	stirred    bool          // something changed since the waiters were looked at
	strict     bool          // leases and reservations leave each other their turns
	opensAt    time.Time     // when a gate that a waiter stands before opens; zero if that is not known
	wakeAt     time.Time     // when Run looks next; zero: only when rearmed
	rearm      chan struct{} // closed when Run has to look earlier
}

// entry is one record in all the places that know it.
type entry struct {
	record   *queue.Record
	line     *line
	alarm    alarm
	size     int64
	changed  chan struct{} // closed by the next revision or removal; nil while nobody waits
	onCancel func(queue.LeaseRef)
}

// reservedKey is the reservation of an idempotency key.
type reservedKey struct {
	id          queue.ID
	fingerprint [32]byte
	expiresAt   time.Time // zero: never
}

// New returns an empty store.
func New(options Options) *Store {
	return &Store{
		options: options,
		opened:  time.Now(),
		closing: make(chan struct{}),
		entries: make(map[queue.ID]*entry),
		byID:    order{compare: compareID},
		lines:   make(map[string]*line),
		keys:    make(map[[32]byte]reservedKey),
		bodies:  make(map[string]*blob),
		slots:   make(map[queue.ID]*slot),
		waiting: list.New(),
		rearm:   make(chan struct{}),
	}
}

// Capabilities implements queue.Life.
func (s *Store) Capabilities() queue.Capabilities {
	return queue.Capabilities{Name: "memory", Durability: queue.DurabilityMemory, Place: "memory of this process"}
}

// Close implements queue.Life.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return queue.ErrClosed
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.calls.Wait()
	return nil
}

// begin takes the lock for one call and returns the time at which the call happens.
func (s *Store) begin() (time.Time, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return time.Time{}, queue.ErrClosed
	}
	s.calls.Add(1)
	return s.now(), nil
}

// commit gives to those who wait what the call made possible, tells Run, and releases the lock.
func (s *Store) commit(now time.Time) {
	s.serveAll(now)
	s.rearmRun()
	s.mu.Unlock()
}

// end ends a call that did not have to wait.
func (s *Store) end(now time.Time) {
	s.commit(now)
	s.calls.Done()
}

// now is the store's clock: the wall clock at New, moved on by the monotonic one.
func (s *Store) now() time.Time {
	return s.opened.Round(0).Add(time.Since(s.opened))
}

// nextSeq returns the next place in the order of becoming due.
func (s *Store) nextSeq() uint64 {
	s.seq++
	return s.seq
}
