package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// Defaults of what a Config leaves at zero.
const (
	DefaultSlots         = 64
	DefaultLeaseTTL      = 30 * time.Second
	DefaultGrace         = 25 * time.Second
	DefaultSettleTimeout = 5 * time.Second
)

// Config is what a user sets.
type Config struct {
	Name     string        // of this process, for people
	Slots    int           // handler calls at once
	LeaseTTL time.Duration // how long a crash delays what was running; renewed at a third of it
	Grace    time.Duration // how long running calls may go on once Run's context has ended
	// SettleTimeout bounds, after the grace period, how long calls that were cut may take to end and be settled.
	SettleTimeout time.Duration
}

// Broker is the part of queue.Broker that a worker needs.
type Broker interface {
	Lease(ctx context.Context, request queue.LeaseRequest) ([]*queue.Delivery, error)
	Extend(ctx context.Context, refs []queue.LeaseRef, ttl time.Duration) ([]queue.Extended, error)
	Settle(ctx context.Context, d *queue.Delivery, o queue.Outcome) error
}

// Options are what the caller injects.
type Options struct {
	Broker Broker
	// Queues returns the queues to work off. It is asked before each lease, so that a reload takes effect with Wake.
	Queues func() []string
	// Room returns how many bytes an answer of a queue's handler may take; nil or 0: that is not known.
	Room func(queue string) int64
	// Handler returns the handler of a queue.
	Handler func(queue string) (queue.Handler, bool)
	// Panicked is told of each handler that panicked. May be nil.
	Panicked func(queue string)
	Log      *slog.Logger // nil: nothing is logged
}

// Worker is a pool of slots.
type Worker struct {
	config Config
	broker Broker
	o      Options
	log    *slog.Logger

	leasing, renewing, settlement trouble

	freed chan struct{} // something that the dispatcher waits for may have changed; holds one

	mu       sync.Mutex
	running  int            // handler calls
	settling int            // deliveries whose call has ended and whose settlement has not
	held     map[string]int // handler calls by queue
	active   map[queue.LeaseRef]*active
	early    map[queue.LeaseRef]bool // cancelled before their lease call returned
	rewant   context.CancelCauseFunc // ends the lease call under way
	progress Progress
}

// New returns a worker. It starts nothing.
func New(c Config, o Options) *Worker {
	if c.Slots <= 0 {
		c.Slots = DefaultSlots
	}
	c.LeaseTTL = orDefault(c.LeaseTTL, DefaultLeaseTTL)
	c.SettleTimeout = orDefault(c.SettleTimeout, DefaultSettleTimeout)
	if c.Grace < 0 {
		c.Grace = 0
	}
	if o.Panicked == nil {
		o.Panicked = func(string) {}
	}
	if o.Room == nil {
		o.Room = func(string) int64 { return 0 }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Worker{
		leasing:    trouble{log: o.Log, what: "lease"},
		renewing:   trouble{log: o.Log, what: "renewal"},
		settlement: trouble{log: o.Log, what: "settlement"},

		config:   c,
		broker:   o.Broker,
		o:        o,
		log:      o.Log,
		freed:    make(chan struct{}, 1),
		held:     make(map[string]int),
		active:   make(map[queue.LeaseRef]*active),
		early:    make(map[queue.LeaseRef]bool),
		progress: Progress{Slots: c.Slots},
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Run works until ctx ends, then drains (R14), in this order: nothing more is leased, and what a lease call still hands
// over is released untouched; running calls have the grace period; the contexts of those left end with ErrDraining; what
// they give is settled. It returns nil when everything is settled.
//
// Errors: ErrClosed of the store; a count of the handlers that did not end with their context, whose leases then lapse.
func (w *Worker) Run(ctx context.Context) error {
	w.moved()
	calls, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	settles, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	var deliveries, loops sync.WaitGroup
	loops.Go(func() { w.renew(settles) })
	loops.Go(func() { w.watch(settles) })

	err := w.dispatch(ctx, calls, settles, &deliveries)
	ended := make(chan struct{})
	go func() { deliveries.Wait(); close(ended) }()
	if !within(ended, w.config.Grace) {
		w.log.Warn("grace period over", slog.Int(telemetry.KeyRunning, w.Progress().Running))
		abandon(queue.ErrDraining)
		if !within(ended, w.config.SettleTimeout) {
			giveUp() // an unreachable store is no longer asked again
			if !within(ended, time.Second) {
				err = errors.Join(err, fmt.Errorf("%d handlers did not end with their context", w.Progress().Running))
			}
		}
	}
	giveUp()
	loops.Wait()
	return err
}

// within waits for the end, at most so long.
func within(ended <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		select { // both: prefer the end
		case <-ended:
			return true
		default:
			return false
		}
	}
}

// Wake makes the worker look at its queues again, after a reload.
func (w *Worker) Wake() {
	w.mu.Lock()
	if w.rewant != nil {
		w.rewant(errWoken)
	}
	w.mu.Unlock()
	w.signal()
}

var errWoken = errors.New("the queues have changed")

// signal tells the dispatcher that something has changed.
func (w *Worker) signal() {
	select {
	case w.freed <- struct{}{}:
	default:
	}
}
