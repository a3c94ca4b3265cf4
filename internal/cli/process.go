package cli

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/openhqm/openhqm/internal/app"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// Extensions are handlers and stores that a binary was built with.
type Extensions = app.Extensions

// StoreConfig is what such a store is told of the configuration.
type StoreConfig = app.StoreConfig

// OpenStore opens such a store.
type OpenStore = app.OpenStore

// process runs one role until SIGINT or SIGTERM, then drains.
func (s *settings) process(ctx context.Context, env *Environment, role app.Role) error {
	c, notes, err := config.Load(s.options(env))
	if err != nil {
		printNotes(env.Stderr, notes)
		return err
	}
	level := new(slog.LevelVar)
	level.Set(telemetry.ParseLevel(c.Monitoring.LogLevel))
	logger := telemetry.NewLogger(env.Stderr, level, c.Monitoring.LogFormat)
	log.SetFlags(0)
	log.SetOutput(telemetry.StandardLog(logger)) // net/http's Transport has no other place for what it reports
	for _, note := range notes {
		logger.Warn("configuration: " + note.String())
	}
	options := app.Options{
		Role:       role,
		Version:    version,
		Log:        logger,
		Level:      level,
		Extensions: env.Extend,
		Reread:     func() (*config.Config, []config.Note, error) { return config.Load(s.options(env)) },
	}
	if telemetry.IsTerminal(env.Stderr) {
		options.Announce = func(r app.Report) { announce(env.Stderr, r) }
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	a, err := app.New(ctx, c, options)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// untilSignal returns a context that ends with SIGINT, by which a person ends a process, or with SIGTERM, by which its
// platform does. A second signal ends the process at once, as if nobody listened for signals.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		select {
		case got := <-signals:
			signal.Stop(signals) // before anybody is told that the next one ends the process
			if got == syscall.SIGINT {
				cancel(app.Interrupted{})
			} else {
				cancel(context.Canceled)
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func announce(w io.Writer, r app.Report) { fmt.Fprintf(w, "%s\n", r.Text()) }
