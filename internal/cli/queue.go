package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
)

type queueCommands struct {
	List    queueList    `cmd:"" help:"All queues, with their depth and what keeps them closed."`
	Show    queueShow    `cmd:"" help:"One queue in full."`
	Explain queueExplain `cmd:"" help:"Say in one sentence why its work is not running, or that it is."`
	Pause   queuePause   `cmd:"" help:"Deliver nothing more, or with --intake accept nothing more; what runs goes on."`
	Resume  queueResume  `cmd:"" help:"End a pause of deliveries, or with --intake that of the intake."`
	Purge   queuePurge   `cmd:"" help:"Remove waiting messages for good."`
}

type queueList struct {
	operator
	JSON bool `name:"json" help:"As JSON."`
}

// Run lists.
func (c *queueList) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	queues, err := admin.Queues(ctx)
	if err != nil {
		return origin.explain(err)
	}
	if c.JSON {
		return printJSON(env.Stdout, queues)
	}
	rows := [][]any{{"QUEUE", "DEPTH", "SCHEDULED", "RUNNING", "DONE", "DEAD", "PER SECOND", "CLOSED BY"}}
	for _, q := range queues {
		rows = append(rows, []any{q.Name, q.Depth, q.Counts.Scheduled, q.Running, q.Counts.Done, q.Counts.Dead,
			fmt.Sprintf("%.1f", q.Rate), closed(&q)})
	}
	return printTable(env.Stdout, rows)
}

// closed says what keeps a queue closed, for deliveries and for new requests.
func closed(q *client.Queue) string {
	text := holds(q)
	if q.Intake == nil {
		return text
	}
	intake := "intake paused"
	if q.Intake.Until != nil {
		intake += " until " + q.Intake.Until.Local().Format(time.TimeOnly)
	}
	return strings.TrimPrefix(text+", "+intake, ", ")
}

func holds(q *client.Queue) string {
	var names []string
	for _, h := range q.Holds {
		name := h.Reason
		if h.Until != nil {
			name += " until " + h.Until.Local().Format(time.TimeOnly)
		}
		names = append(names, name)
	}
	if q.Recovery != nil && len(names) == 0 {
		return fmt.Sprintf("nothing; recovering, %d at once", q.Recovery.Concurrency)
	}
	return strings.Join(names, ", ")
}

type queueShow struct {
	operator
	Name string `arg:"" help:"Name of the queue."`
}

// Run shows one queue.
func (c *queueShow) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	q, err := admin.Queue(ctx, c.Name)
	if err != nil {
		return origin.explain(err)
	}
	return printJSON(env.Stdout, q)
}

type queuePause struct {
	operator
	Name   string        `arg:"" optional:"" help:"Name of the queue."`
	All    bool          `help:"All queues that there are now."`
	Intake bool          `help:"Refuse new requests with 503 instead, and go on delivering what is there."`
	For    time.Duration `help:"Resume by itself after so long; never by default."`
	Note   string        `help:"Why, for people."`
}

// Run pauses.
func (c *queuePause) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	pause, what := admin.Pause, "is paused"
	if c.Intake {
		pause, what = admin.PauseIntake, "takes no new requests"
	}
	return origin.eachQueue(ctx, admin, c.Name, c.All, func(name string) error {
		q, err := pause(ctx, name, client.HoldRequest{Seconds: c.For.Seconds(), Note: c.Note})
		if err == nil {
			fmt.Fprintf(env.Stdout, "queue %s %s; depth %d, running %d\n", q.Name, what, q.Depth, q.Running)
		}
		return err
	})
}

type queueResume struct {
	operator
	Name   string `arg:"" optional:"" help:"Name of the queue."`
	All    bool   `help:"All queues that there are now."`
	Intake bool   `help:"Accept new requests again."`
}

// Run resumes.
func (c *queueResume) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	resume := admin.Resume
	if c.Intake {
		resume = admin.ResumeIntake
	}
	return origin.eachQueue(ctx, admin, c.Name, c.All, func(name string) error {
		q, err := resume(ctx, name)
		switch {
		case err != nil:
			return err
		case c.Intake:
			fmt.Fprintf(env.Stdout, "queue %s takes new requests again; depth %d\n", q.Name, q.Depth)
		case len(q.Holds) > 0:
			fmt.Fprintf(env.Stdout, "queue %s is resumed, and still closed by %s\n", q.Name, holds(q))
		default:
			fmt.Fprintf(env.Stdout, "queue %s is resumed; depth %d\n", q.Name, q.Depth)
		}
		return nil
	})
}

type queuePurge struct {
	operator
	Name  string   `arg:"" help:"Name of the queue."`
	State []string `help:"Only messages in these stored states; the waiting ones (ready, parked, scheduled) by default."`
	Yes   bool     `help:"Do it: purged messages are gone for good."`
}

// Run purges to the end.
func (c *queuePurge) Run(ctx context.Context, env *Environment) error {
	if !c.Yes {
		return usage("purging queue %s removes its messages for good; repeat with --yes", c.Name)
	}
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	return purgeAll(env, origin, client.Filter{States: c.State}, func(f client.Filter) (*client.Purged, error) {
		return admin.Purge(ctx, c.Name, f)
	})
}

// purgeAll repeats a bounded purge until nothing is left.
func purgeAll(env *Environment, origin origin, f client.Filter, purge func(client.Filter) (*client.Purged, error)) error {
	removed := 0
	for {
		p, err := purge(f)
		if err != nil {
			return origin.explain(err)
		}
		removed += p.Removed
		if f.Cursor = p.Next; f.Cursor == "" {
			fmt.Fprintf(env.Stdout, "removed %d\n", removed)
			return nil
		}
	}
}
