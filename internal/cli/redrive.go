package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openhqm/openhqm/client"
)

type deadRedrive struct {
	operator
	deadFilter
	ID   string `arg:"" optional:"" help:"Correlation ID of one; else what the flags select."`
	All  bool   `help:"Every dead letter."`
	Rate string `placeholder:"RATE" help:"No faster than this, such as 10/s or 30/m. Messages that fail again are not redriven twice."`

	Method string   `placeholder:"METHOD" help:"Of one: send with this method instead. The original request is kept."`
	Target string   `placeholder:"PATH" help:"Of one: send to this path and query below the endpoint's URL instead."`
	Header []string `short:"H" sep:"none" placeholder:"FIELD" help:"Of one: set this header field, as 'NAME: VALUE'; may be repeated."`
	Remove []string `sep:"none" placeholder:"NAME" help:"Of one: leave this header field out; may be repeated."`
	Body   string   `placeholder:"TEXT" help:"Of one: send this body instead: text, @FILE, or - for standard input."`
}

// Run redrives one message, or those that are selected.
func (c *deadRedrive) Run(ctx context.Context, env *Environment) error {
	if c.ID == "" && c.empty() && !c.All {
		return usage("name a correlation ID, select with --queue, --endpoint, --reason, --caller, --after, --before or --limit, or say --all")
	}
	edit, edited, err := c.edit(env.Stdin)
	if err != nil {
		return err
	}
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	if c.ID == "" {
		if edited {
			return usage("one request is edited at a time: name its correlation ID")
		}
		return c.many(ctx, env, admin, origin)
	}
	if c.All || !c.empty() || c.Rate != "" {
		return usage("a correlation ID names one message: --all, --rate and what selects several do not go with it")
	}
	var m *client.Message
	if edited {
		m, err = admin.RedriveEdited(ctx, c.ID, edit)
	} else {
		m, err = admin.Redrive(ctx, c.ID)
	}
	if err != nil {
		return origin.explain(err)
	}
	_, err = fmt.Fprintf(env.Stdout, "%s is %s again, generation %d\n", m.CorrelationID, m.Status, m.Generation)
	return err
}

// many redrives what is selected, call after call. The server keeps the pace.
func (c *deadRedrive) many(ctx context.Context, env *Environment, admin *client.Admin, origin origin) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	rate, err := perSecond(c.Rate)
	if err != nil {
		return err
	}
	done := 0
	for {
		f.Limit = pageLimit(c.Limit, done, mostListed)
		r, err := admin.RedriveAll(ctx, f, c.All || c.Limit > 0, rate)
		if err != nil {
			if done > 0 {
				return fmt.Errorf("%d are redriven, the others not: %w", done, origin.explain(err))
			}
			return origin.explain(err)
		}
		done += r.Redriven
		f.Cursor = r.Next
		if f.Cursor == "" || c.Limit > 0 && done >= c.Limit {
			_, err := fmt.Fprintf(env.Stdout, "redriven %d\n", done)
			return err
		}
	}
}

// edit reads the flags that change a request.
func (c *deadRedrive) edit(stdin io.Reader) (client.Edit, bool, error) {
	e := client.Edit{Method: c.Method, Target: c.Target, Remove: c.Remove}
	var err error
	if e.Headers, err = fields(c.Header); err != nil {
		return e, false, err
	}
	edited := e.Method != "" || e.Target != "" || len(e.Headers) > 0 || len(e.Remove) > 0
	if c.Body == "" {
		return e, edited, nil
	}
	content := []byte(c.Body)
	if path, ok := strings.CutPrefix(c.Body, "@"); ok {
		content, err = os.ReadFile(path)
	} else if c.Body == "-" {
		content, err = io.ReadAll(stdin)
	}
	if err != nil {
		return e, false, err
	}
	if text := string(content); utf8.Valid(content) {
		e.Body = &text
	} else {
		e.BodyBase64 = content
	}
	return e, true, nil
}

// perSecond reads a rate such as 10/s or 30/m; 0 for none.
func perSecond(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(number, 64)
	units := map[string]time.Duration{"": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour}
	per, known := units[unit]
	if err != nil || !known || !(n > 0) {
		return 0, usage("--rate %q: want a number above 0 a second, minute or hour, such as 10/s or 30/m", text)
	}
	return n / per.Seconds(), nil
}

type deadExport struct {
	operator
	deadFilter
	Format string `enum:"jsonl,curl" default:"jsonl" help:"jsonl: whole messages, one a line; curl: requests as commands for a shell."`
}

// Run streams to standard output.
func (c *deadExport) Run(ctx context.Context, env *Environment) error {
	admin, origin, err := c.client(env)
	if err != nil {
		return err
	}
	f, err := c.filter()
	if err != nil {
		return err
	}
	f.Limit = c.Limit
	export, err := admin.ExportDead(ctx, f, c.Format)
	if err != nil {
		return origin.explain(err)
	}
	defer export.Close() // only read
	if _, err := io.Copy(env.Stdout, export); err != nil {
		return fmt.Errorf("the export is not complete: %w", err)
	}
	return nil
}
