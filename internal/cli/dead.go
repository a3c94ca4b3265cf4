package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/openhqm/openhqm/client"
)

type deadCommands struct {
	List    deadList    `cmd:"" help:"Dead letters, oldest first."`
	Show    deadShow    `cmd:"" help:"One message in full, with the history of its attempts; secrets are masked."`
	Redrive deadRedrive `cmd:"" help:"Put dead letters back into their queue."`
	Remove  deadRemove  `cmd:"" help:"Remove dead letters for good."`
}

// deadFilter selects dead letters.
type deadFilter struct {
	Queue    string `placeholder:"NAME" help:"Only of this queue."`
	Endpoint string `placeholder:"NAME" help:"Only for this endpoint."`
	Reason   string `placeholder:"REASON" help:"Only with this reason: rejected, attempts_exhausted, endpoint_error, unknown_outcome, poison or lost."`
	Limit    int    `help:"At most so many."`
}

func (f deadFilter) filter() client.Filter {
	return client.Filter{Queue: f.Queue, Endpoint: f.Endpoint, Reason: f.Reason, Limit: f.Limit}
}

// empty reports whether the flags select nothing in particular.
func (f deadFilter) empty() bool { return f == deadFilter{} }

type deadList struct {
	operator
	deadFilter
	JSON bool `name:"json" help:"As JSON."`
}

// Run lists up to the limit, over as many pages as it takes.
func (c *deadList) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	f := c.filter()
	var all []client.Message
	for {
		page, err := admin.Dead(ctx, f)
		if err != nil {
			return origin.explain(err)
		}
		all = append(all, page.Messages...)
		f.Cursor = page.Next
		if f.Cursor == "" || c.Limit > 0 && len(all) >= c.Limit {
			break
		}
	}
	if c.JSON {
		return printJSON(env.Stdout, all)
	}
	rows := [][]any{{"CORRELATION ID", "QUEUE", "REASON", "ATTEMPTS", "SINCE", "REQUEST", "LAST ANSWER"}}
	for _, m := range all {
		rows = append(rows, []any{m.CorrelationID, m.Queue, m.Reason, m.Attempts, moment(m.CompletedAt),
			m.Request.Method + " " + m.Request.Target, lastAnswer(m)})
	}
	return printTable(env.Stdout, rows)
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

func lastAnswer(m client.Message) string {
	if len(m.History) == 0 {
		return ""
	}
	last := m.History[len(m.History)-1]
	if last.StatusCode != 0 {
		return fmt.Sprint(last.StatusCode)
	}
	return last.Error
}

type deadShow struct {
	operator
	ID   string `arg:"" help:"Correlation ID."`
	Body bool   `help:"With the request's body, if it is at most 64 KiB."`
}

// Run shows one message, dead or not.
func (c *deadShow) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	m, err := admin.Message(ctx, c.ID, c.Body)
	if err != nil {
		return origin.explain(err)
	}
	return printJSON(env.Stdout, m)
}

type deadRedrive struct {
	operator
	deadFilter
	ID  string `arg:"" optional:"" help:"Correlation ID of one; else what the flags select."`
	All bool   `help:"Every dead letter."`
}

// Run redrives one message, or those that are selected.
func (c *deadRedrive) Run(ctx context.Context, env *Environment) error {
	if c.ID == "" && c.empty() && !c.All {
		return usage("name a correlation ID, select with --queue, --endpoint, --reason or --limit, or say --all")
	}
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	if c.ID != "" {
		m, err := admin.Redrive(ctx, c.ID)
		if err != nil {
			return origin.explain(err)
		}
		fmt.Fprintf(env.Stdout, "%s is %s again, generation %d\n", m.CorrelationID, m.Status, m.Generation)
		return nil
	}
	f := c.filter()
	done := 0
	for {
		r, err := admin.RedriveAll(ctx, f, c.All)
		if err != nil {
			return origin.explain(err)
		}
		done += r.Redriven
		f.Cursor = r.Next
		if f.Cursor == "" || c.Limit > 0 && done >= c.Limit {
			fmt.Fprintf(env.Stdout, "redriven %d\n", done)
			return nil
		}
		if c.Limit > 0 {
			f.Limit = c.Limit - done
		}
	}
}

type deadRemove struct {
	operator
	deadFilter
	All bool `help:"Every dead letter."`
	Yes bool `help:"Do it: removed messages are gone for good."`
}

// Run removes those that are selected.
func (c *deadRemove) Run(ctx context.Context, env *Environment) error {
	if c.empty() && !c.All {
		return usage("select dead letters with --queue, --endpoint, --reason or --limit, or say --all")
	}
	if !c.Yes {
		return usage("removed dead letters are gone for good; repeat with --yes")
	}
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	return purgeAll(env, origin, c.filter(), func(f client.Filter) (*client.Purged, error) {
		p, err := admin.RemoveDead(ctx, f, c.All)
		if err == nil && c.Limit > 0 {
			p.Next = "" // one call removes as many as the limit says
		}
		return p, err
	})
}
