package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
)

type submitCommand struct {
	producer
	Payload  string         `arg:"" help:"JSON payload, @FILE, or - for standard input."`
	Endpoint string         `placeholder:"NAME" help:"Configured endpoint; the default one without it."`
	Method   string         `placeholder:"METHOD" help:"Method of the request to the endpoint; POST, or what the endpoint's configuration says."`
	Path     string         `placeholder:"PATH" help:"Path and query below the endpoint's URL."`
	Header   []string       `short:"H" sep:"none" placeholder:"FIELD" help:"Header field for the endpoint, as 'NAME: VALUE'; may be repeated."`
	Meta     []string       `sep:"none" placeholder:"NAME=VALUE" help:"Free metadata, kept with the request; may be repeated."`
	Priority int            `help:"9 is the most urgent, 0 the default."`
	Timeout  *time.Duration `placeholder:"DURATION" help:"Bound on one attempt."`
	Delay    time.Duration  `help:"Deliver not before so long from now."`
	Not      instant        `name:"not-before" placeholder:"TIME" help:"Deliver not before this time, as 2030-01-31T08:00:00Z."`
	MaxAge   *time.Duration `placeholder:"DURATION" help:"End it TIMEOUT if it still waits so long from now."`
	Deadline instant        `placeholder:"TIME" help:"End it TIMEOUT if it still waits at this time."`
	Ordering *string        `name:"ordering-key" placeholder:"KEY" help:"Run it after the others of its endpoint with this key, one at a time."`
	Callback *string        `placeholder:"URL" help:"Receiver to be told of the end; the server lists which may be named."`
	Key      *string        `placeholder:"KEY" help:"Idempotency key: repeating the submit with it is safe."`
	Wait     bool           `help:"Wait for the result and print that instead of the ID."`
	JSON     bool           `name:"json" help:"Print the server's whole answer instead of the ID."`
}

// instant is a flag's moment. The layout in the error of Go's own parser tells nobody what to type.
type instant struct{ time.Time }

func (i *instant) UnmarshalText(text []byte) (err error) {
	if i.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is not a time of RFC 3339 such as 2030-01-31T08:00:00Z", text)
	}
	return nil
}

// Run submits. It prints the correlation ID alone, so that a script can keep it.
func (c *submitCommand) Run(ctx context.Context, env *Environment) error {
	if err := c.empty(); err != nil {
		return err
	}
	payload, err := c.payload(env.Stdin)
	if err != nil {
		return err
	}
	headers, err := fields(c.Header)
	if err != nil {
		return err
	}
	extra := make(map[string]any, len(c.Meta))
	for _, m := range c.Meta {
		name, value, ok := strings.Cut(m, "=")
		if !ok || name == "" {
			return usage("--meta %q: want NAME=VALUE", m)
		}
		extra[name] = value
	}
	server, origin, err := c.client(env)
	if err != nil {
		return err
	}
	accepted, err := server.Submit(ctx, client.Submission{
		Payload: payload,
		Headers: headers,
		Metadata: client.Metadata{Priority: c.Priority, Timeout: orNone(c.Timeout), Endpoint: c.Endpoint, Method: c.Method, Path: c.Path,
			Delay: c.Delay, NotBefore: c.Not.Time, MaxAge: orNone(c.MaxAge), Deadline: c.Deadline.Time, OrderingKey: orNone(c.Ordering),
			CallbackURL: orNone(c.Callback), Extra: extra},
		IdempotencyKey: orNone(c.Key),
	})
	switch {
	case err != nil:
		return origin.explain(err)
	case c.Wait:
		if _, err := server.Wait(ctx, accepted.CorrelationID); err != nil {
			return fmt.Errorf("%s is accepted, its result unknown: %w", accepted.CorrelationID, origin.explain(err))
		}
		return printResponse(ctx, env.Stdout, server, origin, accepted.CorrelationID)
	case c.JSON:
		return printJSON(env.Stdout, accepted)
	}
	_, err = fmt.Fprintln(env.Stdout, accepted.CorrelationID)
	return err
}

// empty refuses a flag that is given and says nothing, as a script whose variable is not set gives it: without it the request
// would be accepted, and not be ordered, deduplicated, bounded or announced.
func (c *submitCommand) empty() error {
	for _, f := range []struct {
		name  string
		value *string
	}{{"ordering-key", c.Ordering}, {"key", c.Key}, {"callback", c.Callback}} {
		if f.value != nil && *f.value == "" {
			return usage("--%s: is empty; give a value, or leave the flag out", f.name)
		}
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
	}{{"timeout", c.Timeout}, {"max-age", c.MaxAge}} {
		if f.value != nil && *f.value <= 0 {
			return usage("--%s: want a time above 0 such as 30s, or leave the flag out", f.name)
		}
	}
	return nil
}

// orNone returns the value of a flag, the zero value if it is not given.
func orNone[T any](flag *T) (value T) {
	if flag != nil {
		value = *flag
	}
	return value
}

func (c *submitCommand) payload(stdin io.Reader) (json.RawMessage, error) {
	text, name := []byte(c.Payload), "the payload"
	var err error
	if path, ok := strings.CutPrefix(c.Payload, "@"); ok {
		text, err = os.ReadFile(path)
		name = path
	} else if c.Payload == "-" {
		text, err = io.ReadAll(stdin)
		name = "standard input"
	}
	if err != nil {
		return nil, err
	}
	var probe any
	if err := json.Unmarshal(text, &probe); err != nil {
		return nil, usage("%s is not JSON: %v; a string needs quotes of its own: '\"text\"'", name, err)
	}
	return text, nil
}
