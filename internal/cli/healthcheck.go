package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
)

type healthcheckCommand struct {
	admin
	Timeout time.Duration `default:"3s" help:"Give up after so long."`
}

// Run asks for readiness. The image has no shell and no curl, so the binary itself is its health check.
func (c *healthcheckCommand) Run(ctx context.Context, env *Environment) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	origin := c.origin(env)
	if _, err := client.NewAdmin(origin.address, client.Options{}); err != nil {
		return origin.wrong(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(origin.address, "/")+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return origin.explain(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return origin.explain(err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(body)))
	}
	fmt.Fprintln(env.Stdout, "ready")
	return nil
}
