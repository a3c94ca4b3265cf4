package app

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

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
	for path, held := range a.live.Load().config.OwnFiles() {
		watching.Go(func() { watchFile(ctx, path, held, changed) })
	}
	watching.Go(func() {
		watchValues(ctx, func() map[string]config.Digest { return a.live.Load().config.Files() }, values)
	})
	again := time.NewTicker(againEvery)
	defer again.Stop()
	failed := "" // why the last one was not taken up
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			failed = a.reread("SIGHUP", "")
		case <-changed:
			failed = a.reread("the file has changed", "")
		case <-values:
			failed = a.reread("a file that holds a value has changed", "")
		case <-again.C:
			if failed != "" {
				failed = a.reread("what was missing may be there now", failed)
			}
		}
	}
}

// againEvery is how often a configuration that was not taken up is tried again: a file that it names may come later than
// the configuration itself, as a Secret may later than a ConfigMap.
const againEvery = 10 * time.Second

// reread loads the configuration anew and takes it up. It returns why it was not, or "". What is known already is not logged.
func (a *App) reread(why, known string) (failed string) {
	c, notes, err := a.options.Reread()
	if err != nil && err.Error() == known {
		return known
	}
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
		return err.Error()
	case len(restart) > 0:
		a.log.Warn("configuration reloaded; some keys take a restart: "+strings.Join(restart, ", "),
			telemetry.KeyReason, why, telemetry.KeyKeys, restart)
	default:
		a.log.Info("configuration reloaded", telemetry.KeyReason, why)
	}
	return ""
}
