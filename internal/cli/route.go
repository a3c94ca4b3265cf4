package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/openhqm/openhqm/internal/app"
)

type routeCommands struct {
	List  routeList  `cmd:"" help:"All routes, what of them is queued, and what came of their requests on each path."`
	Set   routeSet   `cmd:"" help:"Change what share of a route is queued, or bypass the queue, while the server runs."`
	Reset routeReset `cmd:"" help:"Bring a route back to what is configured."`
	Test  routeTest  `cmd:"" help:"Say which route a request takes, why, and what would be sent. Nothing is sent."`
}

type routeTest struct {
	settings
	Target string   `arg:"" help:"URL or path of the request; a path is asked for at localhost."`
	Method string   `short:"X" help:"Method; POST with --data, else GET."`
	Header []string `short:"H" sep:"none" placeholder:"\"NAME: VALUE\"" help:"Header field of the request; may be repeated."`
	Body   *string  `name:"data" short:"d" placeholder:"TEXT" help:"Body of the request: a text, @FILE, or - for standard input."`
	JSON   bool     `name:"json" help:"As JSON."`
}

// errRefused ends a test whose request would be refused.
type errRefused struct{ status int }

func (e errRefused) Error() string { return fmt.Sprintf("the request would be answered %d", e.status) }

// Run tests.
func (c *routeTest) Run(env *Environment) error {
	r, err := c.request(env)
	if err != nil {
		return err
	}
	loaded, err := c.load(env)
	if err != nil {
		return err
	}
	result, err := app.TestRoute(loaded, env.Extend, r)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(env.Stdout, result)
	} else {
		_, err = io.WriteString(env.Stdout, result.Text())
	}
	if err == nil && result.Refusal != "" {
		return errRefused{result.Status}
	}
	return err
}

// request makes the request as the server would see it.
func (c *routeTest) request(env *Environment) (*http.Request, error) {
	u, err := url.Parse(c.Target)
	if err != nil || u.Host == "" && !strings.HasPrefix(c.Target, "/") {
		return nil, usage("%q: want a URL such as http://shop.example.com/orders, or a path such as /orders", c.Target)
	}
	target, host := c.Target, u.Host
	if host == "" {
		host = "localhost"
	} else {
		_, rest, _ := strings.Cut(c.Target, "://")
		target = "/" // byte for byte what follows the authority
		if i := strings.IndexAny(rest, "/?"); i >= 0 && rest[i] == '/' {
			target = rest[i:]
		} else if i >= 0 {
			target = "/" + rest[i:]
		}
	}
	target, _, _ = strings.Cut(target, "#")
	body, method := "", http.MethodGet
	if c.Body != nil {
		method = http.MethodPost
		if body, err = c.body(env.Stdin); err != nil {
			return nil, err
		}
	}
	if c.Method != "" {
		method = c.Method
	}
	r, err := http.NewRequest(method, "http://"+host+target, strings.NewReader(body))
	if err != nil {
		return nil, usage("%v", err)
	}
	r.RequestURI, r.RemoteAddr, r.Proto = target, "127.0.0.1:0", "HTTP/1.1"
	for _, field := range c.Header {
		name, value, ok := strings.Cut(field, ":")
		if value = strings.TrimSpace(value); !ok || name == "" {
			return nil, usage("--header %q: want \"NAME: VALUE\"", field)
		}
		if strings.EqualFold(name, "Host") {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return r, nil
}

func (c *routeTest) body(stdin io.Reader) (string, error) {
	var text []byte
	var err error
	switch path, file := strings.CutPrefix(*c.Body, "@"); {
	case file:
		text, err = os.ReadFile(path)
	case *c.Body == "-":
		text, err = io.ReadAll(stdin)
	default:
		return *c.Body, nil
	}
	return string(text), err
}
