package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/app"
)

type endpointTest struct {
	settings
	Name    string        `arg:"" optional:"" help:"Name of the endpoint; the default one if not given."`
	Method  string        `placeholder:"METHOD" help:"Method of the request, HEAD by default. One that is not safe does at the endpoint what it does."`
	Path    string        `placeholder:"PATH" help:"Path and query that follow the endpoint's url; nothing by default."`
	Timeout time.Duration `default:"30s" help:"How long the endpoint may take."`
}

var errEndpointFails = errors.New("the endpoint does not work")

// Run tries an endpoint from this machine, without a server.
func (c *endpointTest) Run(ctx context.Context, env *Environment) error {
	loaded, err := c.load(env)
	if err != nil {
		return err
	}
	path := c.Path
	if path != "" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	tried, e, err := app.TryEndpoint(ctx, loaded, c.Name, app.Trial{Method: strings.ToUpper(c.Method), Target: path, Timeout: c.Timeout})
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s for %s\n", tried.Method, e.URL)
	for _, s := range tried.Steps {
		word := "ok"
		if !s.OK {
			word = "FAILS"
		}
		fmt.Fprintf(env.Stdout, "  %-6s %-13s %s\n", word, s.Name, s.Detail)
		if s.Remedy != "" {
			fmt.Fprintf(env.Stdout, "  %-6s %-13s %s\n", "", "", s.Remedy)
		}
	}
	if !tried.OK() {
		return errEndpointFails
	}
	fmt.Fprintf(env.Stdout, "the endpoint works, in %s\n", tried.Duration.Round(time.Millisecond))
	return nil
}
