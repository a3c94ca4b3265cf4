package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/openhqm/openhqm/client"
)

type endpointCommands struct {
	List    endpointList    `cmd:"" help:"All endpoints, and what keeps them closed."`
	Test    endpointTest    `cmd:"" help:"Send one request to an endpoint from here, and say step by step what works and what is wrong."`
	Hold    endpointHold    `cmd:"" help:"Send nothing more to an endpoint; new requests are accepted."`
	Release endpointRelease `cmd:"" help:"Open an endpoint that an operator, a cooldown, the breaker or refused credentials hold. After the breaker, calls still begin slowly."`
}

type endpointList struct {
	operator
	JSON bool `name:"json" help:"As JSON."`
}

// Run lists.
func (c *endpointList) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	endpoints, err := admin.Endpoints(ctx)
	if err != nil {
		return origin.explain(err)
	}
	if c.JSON {
		return printJSON(env.Stdout, endpoints)
	}
	rows := [][]any{{"ENDPOINT", "URL", "DEFAULT", "DEPTH", "SCHEDULED", "RUNNING", "CLOSED BY"}}
	for _, e := range endpoints {
		standard := ""
		if e.Default {
			standard = "yes"
		}
		rows = append(rows, []any{e.Name, e.URL, standard, e.Queue.Depth, e.Queue.Counts.Scheduled, e.Queue.Running, holds(&e.Queue)})
	}
	return printTable(env.Stdout, rows)
}

type endpointHold struct {
	operator
	Name string        `arg:"" help:"Name of the endpoint."`
	For  time.Duration `help:"Release by itself after so long; never by default."`
	Note string        `help:"Why, for people."`
}

// Run holds.
func (c *endpointHold) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	e, err := admin.Hold(ctx, c.Name, client.HoldRequest{Seconds: c.For.Seconds(), Note: c.Note})
	if err != nil {
		return origin.explain(err)
	}
	fmt.Fprintf(env.Stdout, "endpoint %s is held; depth %d, running %d\n", e.Name, e.Queue.Depth, e.Queue.Running)
	return nil
}

type endpointRelease struct {
	operator
	Name   string   `arg:"" help:"Name of the endpoint."`
	Reason []string `help:"Only the holds with these reasons."`
}

// Run releases.
func (c *endpointRelease) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	e, err := admin.Release(ctx, c.Name, client.ReleaseRequest{Reasons: c.Reason})
	if err != nil {
		return origin.explain(err)
	}
	if len(e.Queue.Holds) > 0 {
		fmt.Fprintf(env.Stdout, "endpoint %s is still closed by %s\n", e.Name, holds(&e.Queue))
		return nil
	}
	fmt.Fprintf(env.Stdout, "endpoint %s is open; depth %d\n", e.Name, e.Queue.Depth)
	if r := e.Queue.Recovery; r != nil {
		fmt.Fprintf(env.Stdout, "its breaker was open: it begins with %d at once, more as they succeed, and the first that fails may close it again\n", r.Concurrency)
	}
	return nil
}
