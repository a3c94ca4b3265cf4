package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/openhqm/openhqm/client"
)

type responseCommand struct {
	producer
	ID      string `arg:"" help:"Correlation ID."`
	Raw     bool   `help:"The endpoint's own bytes instead of the JSON envelope."`
	Include bool   `short:"i" help:"With --raw: its status and header fields before the bytes."`
}

// Run prints the result, and fails while there is none.
func (c *responseCommand) Run(ctx context.Context, env *Environment) error {
	server, origin, err := c.client(env)
	if err != nil {
		return err
	}
	if !c.Raw {
		return printResponse(ctx, env.Stdout, server, origin, c.ID)
	}
	raw, err := server.Raw(ctx, c.ID, 0)
	if err != nil {
		return origin.explain(err)
	}
	defer raw.Body.Close()
	if !raw.Terminal() {
		return fmt.Errorf("%w: %s is %s; openhqm wait waits for it", errNotCompleted, c.ID, raw.Status)
	}
	if c.Include {
		fmt.Fprintf(env.Stdout, "%d %s\n", raw.StatusCode, http.StatusText(raw.StatusCode))
		for _, name := range slices.Sorted(maps.Keys(raw.Header)) {
			for _, value := range raw.Header[name] {
				fmt.Fprintf(env.Stdout, "%s: %s\n", name, value)
			}
		}
		fmt.Fprintln(env.Stdout)
	}
	_, err = io.Copy(env.Stdout, raw.Body)
	return err
}

func printResponse(ctx context.Context, w io.Writer, server *client.Client, origin origin, id string) error {
	response, err := server.Response(ctx, id, 0)
	if err != nil {
		return origin.explain(err)
	}
	if err := printJSON(w, response); err != nil {
		return err
	}
	if response.Status != client.Completed {
		return fmt.Errorf("%w: %s is %s", errNotCompleted, id, response.Status)
	}
	return nil
}
