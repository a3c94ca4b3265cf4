package app

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/openhqm/openhqm/internal/telemetry"
)

// notifyHangup catches SIGHUP, which ends a process that does not. It is called before anybody is told that the process
// runs.
func notifyHangup() chan os.Signal {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	return hangup
}

// rereading reloads on SIGHUP and when the configuration file has changed, until ctx ends. A configuration with errors is
// logged and changes nothing.
func (a *App) rereading(ctx context.Context, hangup chan os.Signal) {
	defer signal.Stop(hangup)
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	started := a.live.Load().config
	for _, path := range []string{started.File(), started.RulesFile()} {
		if path != "" {
			watching.Go(func() { watchFile(ctx, path, changed) })
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			a.reread("SIGHUP")
		case <-changed:
			a.reread("the file has changed")
		}
	}
}

func (a *App) reread(why string) {
	c, notes, err := a.options.Reread()
	for _, note := range notes {
		a.log.Warn("configuration: " + note.String())
	}
	var restart []string
	if err == nil {
		restart, err = a.Reload(c)
	}
	switch {
	case err != nil:
		a.log.Error("configuration not reloaded; the one before stays", telemetry.KeyReason, why, telemetry.KeyError, err)
	case len(restart) > 0:
		a.log.Warn("configuration reloaded; some keys take a restart: "+strings.Join(restart, ", "),
			telemetry.KeyReason, why, telemetry.KeyKeys, restart)
	default:
		a.log.Info("configuration reloaded", telemetry.KeyReason, why)
	}
}
