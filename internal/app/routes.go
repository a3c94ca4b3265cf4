package app

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/route"
	"github.com/openhqm/openhqm/queue"
)

// routes gives the targets of a snapshot the configured routes. A request that begins under one snapshot goes by its routes
// and its endpoints, never by those of two.
func (b *builder) routes(s *snapshot) error {
	c := s.config
	if !c.Proxy.Enabled || len(c.Routes) == 0 {
		return nil
	}
	var programs []string
	conditions, actions := make([]route.Route, len(c.Routes)), make([]ingress.Action, len(c.Routes))
	for i := range c.Routes {
		r := &c.Routes[i]
		conditions[i] = route.Route{Name: r.Name, Conditions: r.Match.Conditions()}
		if r.Match.JQ != "" {
			programs = append(programs, r.Name)
		}
		var err error
		if actions[i], err = routeAction(c, r, s.table); err != nil {
			return fmt.Errorf("routes.%s: %w", r.Name, err)
		}
		actions[i].Switch = b.switches.of(r)
		if b.metrics != nil {
			actions[i].Meter = routeMeter{b.metrics.RouteMeter(r.Name)}
		}
	}
	failed := func(string, error) {}
	if b.metrics != nil {
		failed = b.metrics.PredicateFailed
	}
	table, err := route.New(conditions, failed)
	if err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	if b.metrics != nil {
		b.metrics.AddRoutes(programs...)
	}
	s.table = s.table.WithRoutes(ingress.NewRoutes(table, actions))
	return nil
}

// routeAction returns what follows from a route.
func routeAction(c *config.Config, r *config.Route, targets *ingress.Table) (ingress.Action, error) {
	a := ingress.Action{Route: r.Name, Priority: r.Priority, Delay: r.Delay.Std(), MaxAge: r.MaxAge.Std()}
	if r.Dedupe.By != "" {
		a.Window = r.Dedupe.Window.Std()
	}
	a.Key, a.QueueKey = ingress.RouteKey(r.WeightedBy()), ingress.RouteKey(r.QueuedBy())
	weights := r.Weights
	if r.Endpoint != "" {
		weights = map[string]int{r.Endpoint: 1}
	}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		target, ok := targets.Named(name)
		if !ok {
			return a, fmt.Errorf("there is no endpoint %q", name)
		}
		a.Choices, a.Weights = append(a.Choices, routeTarget(c, r, target)), append(a.Weights, weights[name])
	}
	var err error
	a.Rewrite, err = route.NewRewrite(r.Rewrite.Config())
	return a, err
}

// routeTarget returns an endpoint as the requests of a route meet it.
func routeTarget(c *config.Config, r *config.Route, t ingress.Target) ingress.Target {
	if r.Mode != "" {
		t.Mode, _ = ingress.ParseMode(r.Mode) // the configuration has checked it
	}
	t.Wait = r.Wait.Std()
	if r.OnDisconnect != "" {
		t.KeepOnDisconnect = r.OnDisconnect == config.DisconnectKeep
	}
	if r.OnStoreDown != "" {
		t.FailOpen = r.OnStoreDown == config.StoreDownOpen
	}
	t.RequireKey = t.RequireKey || r.RequireIdempotencyKey
	if source := keySource(r.Ordering.Header, r.Ordering.Claim); !source.IsZero() {
		t.Ordering, t.OnDead = source, queue.OnDeadSkip
		if r.Ordering.OnDead == config.OrderingBlock {
			t.OnDead = queue.OnDeadBlock
		}
	}
	if source := keySource(r.Fairness.Header, r.Fairness.Claim); !source.IsZero() {
		t.Fair, t.FairShare = source, cmp.Or(r.Fairness.Concurrency, c.Proxy.Endpoints[t.Name].Concurrency, c.Worker.Concurrency)
		if r.Fairness.Rate.Count > 0 {
			t.FairRate, t.FairBurst = r.Fairness.Rate.PerSecond(), r.Fairness.Burst
		}
	}
	return t
}
