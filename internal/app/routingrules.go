package app

import (
	"fmt"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/route"
)

// rules are those of a routing.yaml, and what follows from each.
type rules struct {
	table *route.Rules
	from  []config.RoutingRule
}

// readRules gives a snapshot the configured rules, and the queues the attempts that these allow.
func (s *snapshot) readRules() error {
	c := s.config
	if !c.Routing.Enabled || !c.Proxy.Enabled {
		return nil
	}
	given, from := c.ActiveRules()
	table, err := route.NewRules(given)
	if err != nil {
		return fmt.Errorf("routing: %w", err)
	}
	s.rules = &rules{table: table, from: from}
	attempts := map[string]int{}
	for i := range from {
		if from[i].MaxRetries >= 0 {
			attempts[from[i].Name] = from[i].MaxRetries + 1
		}
	}
	for _, q := range s.queues {
		q.policy.RouteAttempts = attempts
	}
	return nil
}

// HasRules implements api.Ruler.
func (t apiTargets) HasRules() bool { return t.live.Load().rules != nil }

// Rule implements api.Ruler.
func (t apiTargets) Rule(m *route.Message) (*api.Ruled, error) {
	now := t.live.Load()
	if now.rules == nil {
		return nil, nil
	}
	i, ok := now.rules.table.Match(m)
	if !ok {
		return now.withoutRule()
	}
	r := &now.rules.from[i]
	outcome, err := now.rules.table.Apply(i, m)
	if err != nil {
		return nil, reply.NewProblem(reply.KindInvalidMessage, err.Error()+"; nothing was stored")
	}
	target, _ := now.apiTarget(now.table.Named(r.Endpoint)) // the configuration has checked it
	return &api.Ruled{Target: target, Name: r.Name, Method: r.Method, Timeout: r.Timeout.Std(), Outcome: outcome}, nil
}

// withoutRule returns what becomes of a message that no rule takes.
func (s *snapshot) withoutRule() (*api.Ruled, error) {
	d := &s.config.Routing.ConfigDict
	switch {
	case !d.EnableFallback:
		return nil, reply.NewProblem(reply.KindUnknownEndpoint,
			"no route of routing takes the message, and enable_fallback is false; name the endpoint in metadata.endpoint, or add a default route")
	case d.DefaultEndpoint == "":
		return nil, nil
	}
	target, ok := s.apiTarget(s.table.Named(d.DefaultEndpoint))
	if !ok {
		return nil, nil
	}
	return &api.Ruled{Target: target}, nil
}
