package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/openhqm/openhqm/client"
)

type routeList struct {
	operator
	JSON bool `name:"json" help:"As JSON."`
}

// Run lists.
func (c *routeList) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	routes, err := admin.Routes(ctx)
	if err != nil {
		return origin.explain(err)
	}
	if c.JSON {
		return printJSON(env.Stdout, routes)
	}
	rows := [][]any{{"ROUTE", "MODE", "ENDPOINTS", "QUEUED %", "BYPASS", "DIRECT", "ERRORS", "QUEUED", "ERRORS", "OPEN", "ERRORS", "CONFIGURED"}}
	for i := range routes {
		r := &routes[i]
		configured := ""
		if r.RoutePosition != r.Configured {
			configured = fmt.Sprintf("%d %%, bypass %s", r.Configured.QueuePercent, onOff(r.Configured.Bypass))
		}
		rows = append(rows, []any{r.Name, r.Mode, strings.Join(r.Endpoints, ","), r.QueuePercent, onOff(r.Bypass),
			r.Direct.Requests, r.Direct.Errors, r.Queued.Requests, r.Queued.Errors, r.Open.Requests, r.Open.Errors, configured})
	}
	return printTable(env.Stdout, rows)
}

type routeSet struct {
	operator
	Name         string `arg:"" help:"Name of the route."`
	QueuePercent *int   `placeholder:"0-100" help:"How many of a hundred keys have their requests queued; the others go straight through."`
	Bypass       *bool  `negatable:"" help:"Send every request straight through, also while the queue backend is down."`
}

// Run changes.
func (c *routeSet) Run(ctx context.Context, env *Environment) error {
	if c.QueuePercent == nil && c.Bypass == nil {
		return usage("nothing is to be changed; give --queue-percent, --bypass or --no-bypass")
	}
	return turn(env, &c.operator, func(admin *client.Admin) (*client.Route, error) {
		return admin.ChangeRoute(ctx, c.Name, client.RouteChange{QueuePercent: c.QueuePercent, Bypass: c.Bypass})
	})
}

type routeReset struct {
	operator
	Name string `arg:"" help:"Name of the route."`
}

// Run resets.
func (c *routeReset) Run(ctx context.Context, env *Environment) error {
	return turn(env, &c.operator, func(admin *client.Admin) (*client.Route, error) { return admin.ResetRoute(ctx, c.Name) })
}

// turn turns the switch of a route and says how it stands then.
func turn(env *Environment, o *operator, change func(*client.Admin) (*client.Route, error)) error {
	admin, origin, err := o.client(env)
	if err != nil {
		return err
	}
	r, err := change(admin)
	if err != nil {
		return origin.explain(err)
	}
	how := fmt.Sprintf("%d %% of its keys are queued", r.QueuePercent)
	if r.Bypass {
		how = "every request goes straight through (bypass)"
	}
	fmt.Fprintf(env.Stdout, "route %s: %s\n", r.Name, how)
	if r.Warning != "" {
		fmt.Fprintf(env.Stderr, "warning: %s\n", r.Warning)
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
