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
	Redrive deadRedrive `cmd:"" help:"Put dead letters back into their queue, one of them with changes if you like."`
	Export  deadExport  `cmd:"" help:"Write dead letters as JSON lines or as curl commands; secrets are masked."`
	Remove  deadRemove  `cmd:"" help:"Remove dead letters for good."`
}

// deadFilter selects dead letters.
type deadFilter struct {
	Queue    string `placeholder:"NAME" help:"Only of this queue."`
	Endpoint string `placeholder:"NAME" help:"Only for this endpoint."`
	Reason   string `placeholder:"REASON" help:"Only with this reason: rejected, attempts_exhausted, endpoint_error, unknown_outcome, poison or lost."`
	Caller   string `placeholder:"NAME" help:"Only from this caller."`
	After    string `placeholder:"TIME" help:"Only accepted at or after this time (RFC 3339), or so long ago, such as 2h."`
	Before   string `placeholder:"TIME" help:"Only accepted before this time (RFC 3339), or longer ago, such as 2h."`
	Limit    int    `help:"At most so many."`
}

func (f deadFilter) filter() (client.Filter, error) {
	is := client.Filter{Queue: f.Queue, Endpoint: f.Endpoint, Reason: f.Reason, Caller: f.Caller}
	var err error
	if is.After, err = timeOrAge("--after", f.After); err != nil {
		return is, err
	}
	is.Before, err = timeOrAge("--before", f.Before)
	if f.Limit < 0 {
		err = usage("--limit %d: want 0, for no bound, or more", f.Limit)
	}
	return is, err
}

// timeOrAge reads a moment: a time, or how long ago it was.
func timeOrAge(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return time.Now().Add(-age), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, usage("%s %q: want a time such as 2030-01-31T08:00:00Z, or how long ago, such as 2h", flag, text)
	}
	return t, nil
}

// empty reports whether the flags select nothing in particular.
func (f deadFilter) empty() bool { return f == deadFilter{} }

// pageLimit is the limit of the next call where so many are still wanted and the server gives so many at most; 0: the
// server's default.
func pageLimit(limit, done, most int) int {
	if limit <= 0 {
		return 0
	}
	return min(limit-done, most)
}

// Most messages that one call of the server lists or redrives, and removes.
const (
	mostListed  = 1000
	mostRemoved = 10_000
)

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
	f, err := c.filter()
	if err != nil {
		return err
	}
	all := []client.Message{}
	for {
		f.Limit = pageLimit(c.Limit, len(all), mostListed)
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

type deadRemove struct {
	operator
	deadFilter
	All bool `help:"Every dead letter."`
	Yes bool `help:"Do it: removed messages are gone for good."`
}

// Run removes those that are selected.
func (c *deadRemove) Run(ctx context.Context, env *Environment) error {
	if c.empty() && !c.All {
		return usage("select dead letters with --queue, --endpoint, --reason, --caller, --after, --before or --limit, or say --all")
	}
	if !c.Yes {
		return usage("removed dead letters are gone for good; repeat with --yes")
	}
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	f, err := c.filter()
	if err != nil {
		return err
	}
	removed := 0
	return purgeAll(env, origin, f, func(f client.Filter) (*client.Purged, error) {
		f.Limit = pageLimit(c.Limit, removed, mostRemoved)
		p, err := admin.RemoveDead(ctx, f, c.All)
		if err != nil {
			return nil, err
		}
		if removed += p.Removed; c.Limit > 0 && removed >= c.Limit {
			p.Next = ""
		}
		return p, nil
	})
}
