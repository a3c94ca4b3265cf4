package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/openhqm/openhqm/client"
)

type statusCommand struct {
	producer
	ID string `arg:"" help:"Correlation ID."`
}

// Run prints the status.
func (c *statusCommand) Run(ctx context.Context, env *Environment) error {
	server, origin, err := c.client(env)
	if err != nil {
		return err
	}
	status, err := server.Status(ctx, c.ID, 0)
	if err != nil {
		return origin.explain(err)
	}
	return printJSON(env.Stdout, status)
}

type waitCommand struct {
	producer
	ID      string        `arg:"" help:"Correlation ID."`
	Timeout time.Duration `help:"Give up after so long; never by default."`
}

// Run waits, prints the final status, and fails unless it is COMPLETED.
func (c *waitCommand) Run(ctx context.Context, env *Environment) error {
	server, origin, err := c.client(env)
	if err != nil {
		return err
	}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("%w within %s", errNotCompleted, c.Timeout))
		defer cancel()
	}
	status, err := server.Wait(ctx, c.ID)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return origin.explain(err)
	}
	if err := printJSON(env.Stdout, status); err != nil {
		return err
	}
	if status.Status != client.Completed {
		return fmt.Errorf("%w: %s is %s", errNotCompleted, c.ID, status.Status)
	}
	return nil
}

type cancelCommand struct {
	producer
	ID string `arg:"" help:"Correlation ID."`
}

// Run cancels and prints the status that follows.
func (c *cancelCommand) Run(ctx context.Context, env *Environment) error {
	server, origin, err := c.client(env)
	if err != nil {
		return err
	}
	status, err := server.Cancel(ctx, c.ID)
	if err != nil {
		return origin.explain(err)
	}
	return printJSON(env.Stdout, status)
}
