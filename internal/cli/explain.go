package cli

import (
	"context"
	"fmt"

	"github.com/openhqm/openhqm/client"
)

type explainCommand struct {
	operator
	ID   string `arg:"" help:"Correlation ID."`
	JSON bool   `name:"json" help:"The fields behind the sentence, as JSON."`
}

// Run explains one message.
func (c *explainCommand) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	e, err := admin.Explain(ctx, c.ID)
	if err != nil {
		return origin.explain(err)
	}
	return printExplanation(env, e, e.CorrelationID+" is "+e.Status, c.JSON)
}

type queueExplain struct {
	operator
	Name string `arg:"" help:"Name of the queue."`
	JSON bool   `name:"json" help:"The fields behind the sentence, as JSON."`
}

// Run explains one queue.
func (c *queueExplain) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	e, err := admin.ExplainQueue(ctx, c.Name)
	if err != nil {
		return origin.explain(err)
	}
	return printExplanation(env, e, "queue "+e.Queue, c.JSON)
}

func printExplanation(env *Environment, e *client.Explanation, about string, json bool) error {
	if json {
		return printJSON(env.Stdout, e)
	}
	_, err := fmt.Fprintf(env.Stdout, "%s: %s\n", about, e.Sentence)
	return err
}
