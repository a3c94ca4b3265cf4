package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/endpoint"
)

// Trial is what TryEndpoint sends, Tried what it found.
type (
	Trial = endpoint.ProbeRequest
	Tried = endpoint.Probe
)

// TryEndpoint sends one request to a configured endpoint, with what a process of this configuration would send it with, and
// says step by step what came of it. "" is the default endpoint. An error means that there is nothing to send with: no such
// endpoint, or a file that cannot be used.
func TryEndpoint(ctx context.Context, c *config.Config, name string, t Trial) (tried Tried, e config.Endpoint, err error) {
	if name == "" {
		name = c.Proxy.DefaultEndpoint
	}
	e, ok := c.Proxy.Endpoints[name]
	switch {
	case ok:
	case len(c.Proxy.Endpoints) == 0:
		return tried, e, fmt.Errorf("no endpoint is configured; give --config, or --endpoint URL")
	case name == "":
		return tried, e, fmt.Errorf("there is no default endpoint; name one of %s", endpointNames(c))
	default:
		return tried, e, fmt.Errorf("%q is no configured endpoint; name one of %s", name, endpointNames(c))
	}
	b := builder{options: endpoint.Options{Pseudonym: pseudonym()}}
	made, err := b.endpoint(name, &e, c, nil)
	if err != nil {
		return tried, e, err
	}
	defer made.endpoint.Close()
	return made.endpoint.Test(ctx, t), e, nil
}

func endpointNames(c *config.Config) string {
	return strings.Join(slices.Sorted(maps.Keys(c.Proxy.Endpoints)), ", ")
}
