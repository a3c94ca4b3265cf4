package app

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// routeMeter counts the requests of a route that went straight through.
type routeMeter struct{ *telemetry.RouteMeter }

// Passed implements ingress.Meter.
func (m routeMeter) Passed(why ingress.Straight, status int, took time.Duration) {
	path := telemetry.PathDirect
	if why == ingress.StraightByFailure {
		path = telemetry.PathOpen
	}
	m.Count(path, status, took)
}

// routes returns the routes as operators see them.
func (a *App) routes() []api.Route {
	s := a.live.Load()
	if !s.config.Proxy.Enabled {
		return nil
	}
	var all []api.Route
	for i := range s.config.Routes {
		r := &s.config.Routes[i]
		view := api.Route{Name: r.Name, Mode: r.Mode, Endpoints: slices.Sorted(maps.Keys(r.Weights)), Counts: make(map[telemetry.RoutePath]telemetry.RouteCount)}
		if view.Mode == "" {
			view.Mode = s.config.Proxy.Mode
		}
		if r.Endpoint != "" {
			view.Endpoints = []string{r.Endpoint}
		}
		view.Live, view.Configured, view.TurnedAt = a.builder.switches.state(r.Name)
		meter := a.metrics.RouteMeter(r.Name)
		for _, path := range telemetry.RoutePaths() {
			view.Counts[path] = meter.Counts(path)
		}
		all = append(all, view)
	}
	return all
}

// turnRoute turns the switch of a route, or with nil resets it.
func (a *App) turnRoute(name string, p *ingress.Position) error {
	err := a.builder.switches.turn(name, p)
	live, _, _ := a.builder.switches.state(name)
	a.log.Info("the switch of a route was turned by an operator", slog.String(telemetry.KeyRoute, name),
		slog.Int("queue_percent", live.QueuePercent), slog.Bool("bypass", live.Bypass), slog.Bool("survives_restart", err == nil))
	return err
}

// settleSwitches turns the switches as a configuration that has taken effect says.
func (a *App) settleSwitches(c *config.Config) {
	if err := a.builder.switches.settle(c); err != nil {
		a.log.Warn("the switches of routes are turned, and a restart may turn them otherwise", telemetry.KeyError, err)
	}
}

// pauses says which queues an operator has paused, by what was last known of them.
func (a *App) pauses() (all []string) {
	for _, name := range a.live.queueNames() {
		gate, now := a.broker.LastGate(name)
		if _, ok := gate.IntakePaused(now); ok {
			all = append(all, fmt.Sprintf("queue %s: its intake is paused", name))
		}
		if hold, ok := gate.Holds[queue.HoldPaused]; ok && (hold.Until.IsZero() || hold.Until.After(now)) {
			all = append(all, fmt.Sprintf("queue %s: its deliveries are paused", name))
		}
	}
	return all
}
