package app

import (
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/rule"
)

// rulesOf returns what the answers of an endpoint mean besides their status.
func rulesOf(e *config.Endpoint) rule.Config {
	c := rule.Config{Success: e.Success.Conditions(), Otherwise: verdictOf(e.Success.Otherwise)}
	for i := range e.Rules {
		c.Rules = append(c.Rules, rule.Rule{Conditions: e.Rules[i].Conditions(), Then: verdictOf(e.Rules[i].Then)})
	}
	return c
}
