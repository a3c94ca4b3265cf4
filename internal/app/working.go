package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/worker"
)

// stallAfter is how long a backlog may stand before free slots without the process being called stuck (R21).
const stallAfter = 30 * time.Second

// newWorker returns the pool. What the load balancer's lag takes of the grace period is over when its drain begins.
func newWorker(c *config.Config, a *App) *worker.Worker {
	w := c.Worker
	return worker.New(worker.Config{
		Name:     processName(),
		Slots:    w.Concurrency,
		LeaseTTL: w.Lease.Std(),
		Grace:    w.Grace.Std() - min(w.DrainLag.Std(), w.Grace.Std()),
	}, worker.Options{
		Broker:   a.broker,
		Queues:   a.live.worked,
		Room:     a.live.room,
		Handler:  a.live.handler,
		Panicked: a.metrics.Panicked,
		Log:      a.log,
	})
}

// workerCheck is a health check: leasing goes on while there is a backlog.
func (a *App) workerCheck(ctx context.Context) error {
	p := a.worker.Progress()
	if !p.FailingSince.IsZero() && time.Since(p.FailingSince) > stallAfter {
		return fmt.Errorf("the worker has not been able to take work since %s", p.FailingSince.UTC().Format(time.RFC3339))
	}
	stats, err := a.broker.Stats(ctx)
	if err != nil {
		return nil // the store's own check says so
	}
	if a.worker.Stalled(stats, stallAfter) {
		return errors.New("the worker has taken no work for 30 seconds although messages wait and slots are free")
	}
	return nil
}

// processName tells this process from others in records, for people.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
