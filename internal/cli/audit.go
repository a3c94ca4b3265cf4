package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/app"
)

type auditCommand struct {
	operator
	ID   string `arg:"" optional:"" help:"Correlation ID: the timeline of this request instead of a recount of all."`
	Dir  string `type:"path" placeholder:"DIR" help:"Recount a data directory offline (queue.embedded.dir) instead of a running server. No process may be using it."`
	JSON bool   `name:"json" help:"As JSON."`
}

// Run recounts, and fails if anything does not add up; or it tells the life of one request.
func (c *auditCommand) Run(ctx context.Context, env *Environment) error {
	if c.Dir != "" {
		if c.ID != "" {
			return usage("the timeline of a request comes from a running server: leave --dir out")
		}
		audit, err := app.AuditStore(ctx, c.Dir)
		if err != nil {
			return err
		}
		return c.print(env.Stdout, audit)
	}
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	if c.ID == "" {
		audit, err := admin.Audit(ctx)
		if err != nil {
			return origin.explain(err)
		}
		return c.print(env.Stdout, audit)
	}
	m, err := admin.Message(ctx, c.ID, false)
	if err != nil {
		return origin.explain(err)
	}
	if c.JSON {
		return printJSON(env.Stdout, timeline(m))
	}
	return printTimeline(env.Stdout, m)
}

func (c *auditCommand) print(w io.Writer, a *client.Audit) error {
	err := c.report(w, a)
	if err == nil && !a.OK() {
		err = fmt.Errorf("%d faults in %d records, drift %d", a.Faulty, a.Records, a.Drift)
	}
	return err
}

func (c *auditCommand) report(w io.Writer, a *client.Audit) error {
	if c.JSON {
		return printJSON(w, a)
	}
	rows := [][]any{{"QUEUE", "ACCEPTED", "READY", "PARKED", "SCHEDULED", "LEASED", "DONE", "DEAD", "CANCELLED", "EXPIRED", "REMOVED", "DRIFT"}}
	for _, q := range a.Queues {
		n := q.Counts
		rows = append(rows, []any{q.Name, n.Accepted, n.Ready, n.Parked, n.Scheduled, n.Leased, n.Done, n.Dead, n.Cancelled, n.Expired, n.Removed, q.Drift})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d records\n", a.Records)
	for _, f := range a.Faults {
		if f.CorrelationID != "" {
			f.Detail = f.CorrelationID + ": " + f.Detail
		}
		fmt.Fprintln(w, "fault:", f.Detail)
	}
	if more := a.Faulty - int64(len(a.Faults)); more > 0 {
		fmt.Fprintf(w, "and %d faults more\n", more)
	}
	if a.OK() {
		fmt.Fprintln(w, "everything adds up")
	}
	return nil
}
