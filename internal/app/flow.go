package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// passedWithin bounds how long the answer of a passed-through call waits for its endpoint's gate to be closed or opened.
const passedWithin = 5 * time.Second

// passed tells the broker what came of a passed-through call.
func (a *App) passed(ctx context.Context, endpoint string, p queue.Passed) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), passedWithin)
	defer cancel()
	if err := a.broker.Passed(ctx, endpoint, p); err != nil {
		a.log.Warn("endpoint not closed or opened by what came of a call", telemetry.KeyEndpoint, endpoint, telemetry.KeyError, err)
	}
}

// flowLines are what the log says of a breaker's steps. Those that repeat while an outage lasts are for debugging.
var flowLines = map[queue.FlowEvent]struct {
	level slog.Level
	text  string
}{
	queue.FlowOpened:    {slog.LevelWarn, "endpoint closed by its breaker: what waits for it goes on when a probe succeeds"},
	queue.FlowReopened:  {slog.LevelDebug, "endpoint stays closed by its breaker"},
	queue.FlowRecovered: {slog.LevelInfo, "endpoint is back: its calls begin again, a few at once at first"},
	queue.FlowClosed:    {slog.LevelInfo, "endpoint has recovered: its calls run as configured"},
}

// flowChanged counts and logs a step of a breaker.
func (a *App) flowChanged(name string, step queue.FlowEvent, why string) {
	a.metrics.FlowChanged(name, step)
	line := flowLines[step]
	a.log.Log(context.Background(), line.level, line.text, slog.String(telemetry.KeyEndpoint, name), slog.String(telemetry.KeyReason, why))
}
