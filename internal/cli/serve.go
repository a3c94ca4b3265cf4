package cli

import (
	"context"

	"github.com/openhqm/openhqm/internal/app"
)

type serveCommand struct {
	settings
}

// Run serves until a signal.
func (c *serveCommand) Run(ctx context.Context, env *Environment) error {
	return c.process(ctx, env, app.RoleServe)
}

type apiCommand struct {
	settings
}

// Run takes requests in until a signal.
func (c *apiCommand) Run(ctx context.Context, env *Environment) error {
	return c.process(ctx, env, app.RoleAPI)
}

type workerCommand struct {
	settings
}

// Run delivers until a signal.
func (c *workerCommand) Run(ctx context.Context, env *Environment) error {
	return c.process(ctx, env, app.RoleWorker)
}
