package app

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/telemetry"
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
