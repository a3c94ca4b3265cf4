package app

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// notifyHangup catches SIGHUP, which ends a process that does not. It is called before anybody is told that the process
// runs.
func notifyHangup() chan os.Signal {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	return hangup
}

// rereading reloads on SIGHUP and when the configuration file, or one that holds a value of it, has changed, until ctx ends.
// A configuration with errors is logged and changes nothing.
func (a *App) rereading(ctx context.Context, hangup chan os.Signal) {
	defer signal.Stop(hangup)
	changed, values := make(chan struct{}, 1), make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	if path := a.live.Load().config.File(); path != "" {
		watching.Go(func() { watchFile(ctx, path, changed) })
	}
	watching.Go(func() {
		watchValues(ctx, func() map[string]config.Digest { return a.live.Load().config.Files() }, values)
	})
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			a.reread("SIGHUP")
		case <-changed:
			a.reread("the file has changed")
		case <-values:
			a.reread("a file that holds a value has changed")
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
