package cli

import (
	"context"
	"fmt"

	"github.com/openhqm/openhqm/internal/app"
)

type backupCommand struct {
	operator
	Dir  string `arg:"" type:"path" help:"Directory on the server's machine, empty or absent, outside the data directory."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run has the server copy its store, and says what was copied.
func (c *backupCommand) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	b, err := admin.Backup(ctx, c.Dir)
	if err != nil {
		return origin.explain(err)
	}
	if c.JSON {
		return printJSON(env.Stdout, b)
	}
	_, err = fmt.Fprintf(env.Stdout, "copied to %s, with %d files of large bodies of %d bytes\n", b.Dir, b.Bodies, b.BodyBytes)
	return err
}

type restoreCommand struct {
	From string `arg:"" type:"path" help:"Directory of the backup. It is not changed."`
	Dir  string `arg:"" type:"path" help:"Data directory to be (queue.embedded.dir), empty or absent."`
}

// Run restores, verifies, and says what there is.
func (c *restoreCommand) Run(ctx context.Context, env *Environment) error {
	return app.RestoreStore(ctx, c.From, c.Dir, env.Stdout)
}
