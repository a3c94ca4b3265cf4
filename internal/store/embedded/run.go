package embedded

import (
	"context"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// sampleEvery is how often Run looks at the free space of the disk.
const sampleEvery = time.Second

// Run makes happen what time brings, with one timer that is set to the earliest thing to come. It returns nil when ctx
// ends, ErrClosed when the store is closed, and another error when the store breaks: then nothing is acknowledged any
// more and the process should end.
func (s *Store) Run(ctx context.Context, observe func(queue.Event)) error {
	if observe == nil {
		observe = func(queue.Event) {}
	}
	if err := s.enter(); err != nil {
		return err
	}
	s.calls.Done() // Close need not wait for it
	s.tellRecovered(observe)
	sleep := time.NewTimer(0)
	defer sleep.Stop()
	sample := time.NewTicker(sampleEvery)
	defer sample.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.closing:
			return queue.ErrClosed
		case <-s.broken:
			return s.brokenErr()
		case <-sample.C:
			s.disk.sample()
			if err := s.offerRoom(); err != nil {
				return err
			}
			continue
		case <-s.timer.wakeup:
		case <-sleep.C:
		}
		more, err := s.runDue(observe)
		switch {
		case err != nil:
			return err
		case more:
			sleep.Reset(0)
		default:
			sleep.Reset(s.sleepFor())
		}
	}
}

// tellRecovered reports, once, what open did to the leases of the process before.
func (s *Store) tellRecovered(observe func(queue.Event)) {
	s.state.Lock()
	events := s.recovered
	s.recovered = nil
	s.state.Unlock()
	for _, e := range events {
		observe(e)
	}
}

// runDue does what is due, up to one unit's worth, and reports whether more is.
func (s *Store) runDue(observe func(queue.Event)) (more bool, err error) {
	if s.untilWake() > 0 {
		return false, nil
	}
	var events []queue.Event
	var o *op
	o = newOp(func(u *unit) {
		s.timer.gate = never // dispatch sets it anew
		events = u.due(nil)
		u.finish(o)
	})
	if err := s.do(o); err != nil {
		return false, err
	}
	for _, e := range events {
		observe(e)
	}
	return s.untilWake() <= 0, nil
}

// offerRoom serves the claims that have waited for room on the disk, if there may be some now.
func (s *Store) offerRoom() error {
	s.state.Lock()
	short := s.short
	s.state.Unlock()
	if !short {
		return nil
	}
	var o *op
	o = newOp(func(u *unit) { u.finish(o) }) // the unit dispatches
	return s.do(o)
}

func (s *Store) untilWake() time.Duration {
	s.state.Lock()
	defer s.state.Unlock()
	return s.nextWake().Sub(s.clock.now())
}

// sleepFor says how long Run sleeps, and lets callers know, so that they poke it when something earlier comes. It says
// so twice: what comes between the two is seen by the second look.
func (s *Store) sleepFor() time.Duration {
	s.timer.until.Store(never.UnixNano())
	s.state.Lock()
	at := s.nextWake()
	s.state.Unlock()
	s.timer.until.Store(at.UnixNano())
	return max(at.Sub(s.clock.now()), 0)
}
