package cli

import (
	"context"

	"github.com/openhqm/openhqm/internal/app"
)

type storeCommands struct {
	Check storeCheck `cmd:"" help:"Verify a data directory offline: every record against its indexes, every counter, every body."`
}

type storeCheck struct {
	Dir string `arg:"" type:"path" help:"Data directory of the embedded queue (queue.embedded.dir). No process may be using it."`
}

// Run verifies, prints the counts, and fails if anything does not add up.
func (c *storeCheck) Run(ctx context.Context, env *Environment) error {
	return app.CheckStore(ctx, c.Dir, env.Stdout)
}
