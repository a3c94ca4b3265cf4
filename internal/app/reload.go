package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// Reload replaces routes, endpoints, limits, policies and the level of the log by those of a configuration, at once, or
// returns an error that names what is wrong and changes nothing. It returns the keys that differ and take a restart;
// they keep their old values until then.
//
// Requests and deliveries under way end as they began. Queues whose endpoint disappeared are held, and go on when it is
// back.
func (a *App) Reload(c *config.Config) (restart []string, err error) {
	a.reload.Lock()
	defer a.reload.Unlock()
	before := a.live.Load()
	if before == nil {
		return nil, errors.New("the process has ended")
	}
	restart = config.RestartKeys(before.config, c)
	next, err := a.builder.build(effective(before.config, c), before)
	if err != nil {
		return nil, err
	}

	// The limits come first: an endpoint that is new, or newly limited, must not be called a moment without them.
	ctx, cancel := context.WithTimeout(context.Background(), limitsWithin)
	defer cancel()
	if err := a.gates.limit(ctx, before, next); err != nil {
		return nil, fmt.Errorf("store the new limits: %w", err)
	}

	// From here on nothing can fail.
	a.live.Store(next)
	a.settleSwitches(next.config)
	a.warnUnverified(next)
	before.closeWhatIsNotIn(next)
	a.metrics.AddQueues(next.worked...)
	if a.options.Level != nil {
		a.options.Level.Set(telemetry.ParseLevel(c.Monitoring.LogLevel))
	}
	a.gates.soon()
	if a.worker != nil {
		a.worker.Wake()
	}
	return restart, nil
}

// limitsWithin bounds how long a reload waits for the store.
const limitsWithin = 10 * time.Second

// effective returns the new configuration with the values that take a restart as they were.
func effective(before, after *config.Config) *config.Config {
	c := *after
	c.Server, c.Admin = before.Server, before.Admin
	policies := after.Queue
	c.Queue = before.Queue
	c.Queue.MaxAge, c.Queue.DeadRetention = policies.MaxAge, policies.DeadRetention
	c.Monitoring = before.Monitoring
	c.Monitoring.LogLevel = after.Monitoring.LogLevel
	w := after.Worker
	c.Worker = before.Worker
	c.Worker.Timeout, c.Worker.MaxRetries = w.Timeout, w.MaxRetries
	c.Worker.RetryDelayBase, c.Worker.RetryDelayMax = w.RetryDelayBase, w.RetryDelayMax
	return &c
}
