package main

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// numbers numbers the faults and logs them.
type numbers struct {
	log *history.Log
	mu  sync.Mutex
	n   int
}

// begin logs that a fault begins, with the calls in flight, and returns what logs its end.
func (f *numbers) begin(kind string, inFlight int64) func() {
	return f.since(kind, inFlight, f.log.Now())
}

func (f *numbers) since(kind string, inFlight, at int64) func() {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	f.log.Log(history.Event{At: at, Kind: history.Fault, Fault: kind, Number: n, InFlight: int(inFlight)})
	return func() { f.log.Log(history.Event{Kind: history.Over, Fault: kind, Number: n}) }
}

// makeFaults makes the faults of the plan, spread evenly over the accepted requests.
func (r *run) makeFaults() error {
	plan := r.plan(r.random)
	for i, kind := range plan {
		due := int64(r.messages) * int64(2*i+1) / int64(2*len(plan))
		for wait := patient(time.Minute); r.producer.accepted.Load() < due; time.Sleep(5 * time.Millisecond) {
			if wait.over() {
				return fmt.Errorf("%d requests accepted, want %d, a minute after the fault before", r.producer.accepted.Load(), due)
			}
		}
		r.awaitLoad()
		time.Sleep(time.Duration(r.random.IntN(200)) * time.Millisecond)
		began, flying := time.Now(), r.service.inFlight.Load()
		if err := r.makeFault(kind); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		fmt.Printf("  %3d/%d %-9s %6d accepted, %3d calls in flight, over after %v\n", i+1, len(plan), kind, r.producer.accepted.Load(), flying,
			time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// awaitLoad lets the fault before be got over: a fault that meets an idle product shows little. Now and then none is waited
// for, so that faults meet each other.
func (r *run) awaitLoad() {
	if r.random.IntN(8) == 0 {
		return
	}
	for wait := patient(loadWithin); float64(r.service.inFlight.Load()) < 2*r.inFlight && !wait.over(); {
		time.Sleep(5 * time.Millisecond)
	}
}

// loadWithin is how long a fault waits for the load to be back.
const loadWithin = 10 * time.Second

func (r *run) makeFault(kind string) error {
	switch kind {
	case history.Kill:
		return r.kill()
	case history.Poison:
		return r.poison()
	case history.Stop:
		return r.suspend()
	case history.Term:
		return r.term()
	case history.Sync:
		return r.failSyncs()
	case history.Damage:
		return r.keepOlder()
	case history.Disk:
		return r.fillDisk()
	case history.Refusing:
		over := r.faults.begin(kind, r.service.inFlight.Load())
		r.service.down()
		r.outage()
		defer over()
		return r.service.up()
	default:
		over := r.faults.begin(kind, r.service.inFlight.Load())
		r.service.outage.Store(&kind)
		r.outage()
		r.service.outage.Store(nil)
		over()
		return nil
	}
}

// outage lets an outage of the endpoint last.
func (r *run) outage() { time.Sleep(time.Duration(500+r.random.IntN(1500)) * time.Millisecond) }

func (r *run) kill() error {
	over := r.faults.begin(history.Kill, r.service.inFlight.Load())
	r.server.kill()
	over()
	return r.server.start()
}

// killFull kills while the disk is full. A process that refuses what comes in is not ready, so alive has to do.
func (r *run) killFull() error {
	over := r.faults.begin(history.Kill, r.service.inFlight.Load())
	r.server.kill()
	over()
	return r.server.startUntil("/livez")
}

// suspend stops the process for longer than a lease.
func (r *run) suspend() error {
	over := r.faults.begin(history.Stop, r.service.inFlight.Load())
	defer over()
	r.server.signal(syscall.SIGSTOP, false)
	time.Sleep(lease + time.Duration(200+r.random.IntN(1000))*time.Millisecond)
	r.server.signal(syscall.SIGCONT, false)
	return nil
}

// term ends the process as Kubernetes does: requests still come in while it drains.
func (r *run) term() error {
	over := r.faults.begin(history.Term, r.service.inFlight.Load())
	r.verdict("drain", r.server.terminate())
	over()
	return r.server.start()
}

// poison lets a message through whose arrival kills the process, and starts it again until the message is given up.
func (r *run) poison() error {
	r.poisons++
	unsafe, deaths := r.poisons == 1, 0
	lethal := maxCrashes
	if unsafe {
		lethal = 1
	}
	r.producer.poison <- unsafe
	for wait := patient(time.Minute); deaths < lethal; time.Sleep(2 * time.Millisecond) {
		if wait.over() {
			return fmt.Errorf("the message killed %d times in a minute, want %d", deaths, lethal)
		}
		if r.server.running() {
			continue
		}
		deaths++
		if err := r.server.start(); err != nil {
			return err
		}
	}
	return nil
}

// poisoned is called by the endpoint with each arrival, and kills if that is what the arrival does.
func (r *run) poisoned(op int64) bool {
	if !r.producer.kills(op) {
		return false
	}
	over := r.faults.begin(history.Poison, r.service.inFlight.Load())
	r.server.kill()
	over()
	return true
}
