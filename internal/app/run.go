package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// closingTime is how long answers that are being written may take once nothing else is left to wait for.
const closingTime = 2 * time.Second

// errStoreBroken is the error of Run after the store broke. What was acknowledged before is safe; what was not, was not.
var errStoreBroken = errors.New("the store is broken; nothing is accepted any more")

// Interrupted is the cause of a context that a person ended, at a terminal: nothing routes requests to the process that
// would first have to learn of its end, so that Run leaves out the load balancer's lag.
type Interrupted struct{}

// Error implements error.
func (Interrupted) Error() string { return "interrupted" }

// Run runs the process until ctx ends, and then drains it: see the package comment for the order. It returns nil after a
// drain, and an error when the process could not go on.
func (a *App) Run(ctx context.Context) error {
	err := a.run(ctx)
	return errors.Join(err, a.cleanUp())
}

func (a *App) run(ctx context.Context) error {
	// Everything that runs ends by stop, in the order of drain; ctx only asks for the drain.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer background.Wait()
	defer stop(queue.ErrDraining)

	// Limits hold before the first lease and the first pass-through call.
	if err := a.gates.apply(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	limitMemory()
	background.Go(func() {
		if err := a.broker.Run(work); err != nil && work.Err() == nil {
			a.breaks(err)
		}
	})
	background.Go(func() { a.gates.run(work) })
	if a.options.Reread != nil {
		hangup := notifyHangup()
		background.Go(func() { a.rereading(work, hangup) })
	}

	leasing, stopLeasing := context.WithCancelCause(work)
	worked := make(chan struct{})
	if a.worker == nil {
		close(worked)
	} else {
		background.Go(func() {
			defer close(worked)
			if err := a.worker.Run(leasing); err != nil && leasing.Err() == nil {
				a.breaks(fmt.Errorf("worker: %w", err))
			}
		})
	}
	for _, l := range a.listeners() {
		background.Go(func() {
			if err := l.serve(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				a.breaks(fmt.Errorf("listener %s: %w", l.Addr(), err))
			}
		})
	}
	a.health.SetReady()
	a.announce()

	var failure error
	select {
	case <-ctx.Done():
	case cause := <-a.broken:
		failure = fmt.Errorf("%w: %w", errStoreBroken, cause)
		a.log.Error("stopping: the process cannot go on", telemetry.KeyError, cause)
	}
	if failure != nil {
		a.abandon(stopLeasing, worked)
		return failure
	}
	lag := a.live.Load().config.Worker.DrainLag.Std()
	if errors.As(context.Cause(ctx), new(Interrupted)) {
		lag = 0
	}
	a.drain(lag, stopLeasing, worked)
	return nil
}

// drain ends the process in order (R14). If readiness went off later, load balancers would send into closed listeners; if
// leasing went on, calls would begin that have no time to finish; if the listeners closed before the calls have ended,
// held clients would not get the answers that are on their way; if the store closed earlier, a submit could be answered
// that was not stored.
func (a *App) drain(lag time.Duration, stopLeasing context.CancelCauseFunc, worked <-chan struct{}) {
	grace := a.live.Load().config.Worker.Grace.Std()
	lag = min(lag, grace)
	a.log.Info("draining: calls in flight may finish within the grace period; a second signal ends the process at once",
		slog.Duration(telemetry.KeyGrace, grace), slog.Int(telemetry.KeyRunning, a.running()))
	a.draining.Store(true)
	a.health.SetNotReady("draining: the process was told to stop")
	if a.capture != nil {
		a.capture.Drain()
	}
	fault.Point(fault.DrainBegun)
	end := time.NewTimer(grace)
	defer end.Stop()
	select {
	case <-time.After(lag):
	case err := <-a.broken:
		a.log.Error("the store broke while draining", telemetry.KeyError, err)
	}
	stopLeasing(queue.ErrDraining)
	if fault.Planted(fault.DoorClosedBeforeCalls) {
		a.shutDown(end.C)
	}
	fault.Point(fault.DrainStopped)
	<-worked // the worker itself keeps to what is left of the grace period
	fault.Point(fault.DrainWorked)
	a.shutDown(end.C)
	fault.Point(fault.DrainClosed)
	a.log.Info("drained", slog.Int64(telemetry.KeyWaiting, a.unfinished()))
}

// running returns how many deliveries are in flight.
func (a *App) running() int {
	if a.worker == nil {
		return 0
	}
	return a.worker.Progress().Running
}

// unfinished returns how many messages wait for another process or the next start; 0 if the store does not say.
func (a *App) unfinished() (n int64) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	stats, err := a.broker.Stats(ctx)
	if err != nil {
		return 0 // the end must not fail for a number in the log
	}
	for name, q := range stats.Queues {
		if !queue.Hidden(name) {
			n += q.Unfinished()
		}
	}
	return n
}

// shutDown closes the listeners: answers that are ready go out, calls that pass through have until the end.
func (a *App) shutDown(end <-chan time.Time) {
	if a.capture != nil {
		a.capture.EndHolds()
		a.producer.Drain()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	var servers sync.WaitGroup
	for _, l := range a.listeners() {
		servers.Go(func() {
			if l.server.Shutdown(ctx) != nil {
				_ = l.server.Close() // its time is over
			}
		})
	}
	go func() { servers.Wait(); close(ended) }()
	select {
	case <-ended:
		return
	case <-end:
	}
	if a.capture != nil {
		a.capture.EndPasses()
	}
	select {
	case <-ended:
	case <-time.After(closingTime):
		cancel()
		<-ended
	}
}

// abandon ends a process whose store is broken: at once, because no result can be stored and no request accepted.
func (a *App) abandon(stopLeasing context.CancelCauseFunc, worked <-chan struct{}) {
	a.health.SetNotReady("the store is broken")
	stopLeasing(queue.ErrDraining)
	for _, l := range a.listeners() {
		_ = l.server.Close() // nothing to add to the failure that is returned
	}
	if a.capture != nil {
		a.capture.EndHolds()
		a.producer.Drain()
	}
	select {
	case <-worked:
	case <-time.After(abandonWithin):
		// What the calls still under way bring cannot be stored; a restart is worth more than waiting for them.
	}
}

// abandonWithin is how long a process whose store is broken waits for its workers.
const abandonWithin = 2 * time.Second

func (a *App) listeners() []*listener {
	if a.ingress == nil {
		return []*listener{a.admin}
	}
	return []*listener{a.ingress, a.admin}
}

// announce says what runs.
func (a *App) announce() {
	report := a.Report()
	if a.options.Announce != nil {
		a.options.Announce(report)
		return
	}
	report.Log(a.log)
}
