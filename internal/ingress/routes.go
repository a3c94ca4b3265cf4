package ingress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/route"
	"github.com/openhqm/openhqm/queue"
)

// Routes choose the target of requests that name none, and how they are treated. They never change.
type Routes struct {
	table   *route.Table
	actions []Action
}

// Action is what follows from a route.
type Action struct {
	Route   string
	Choices []Target // with the route's mode and terms; at least one
	Weights []int    // of each choice
	Key     func(r *http.Request) string
	Rewrite *route.Rewrite // nil: the path stays

	Switch   *Switch // which requests are queued; nil: as the mode says
	QueueKey func(r *http.Request) string
	Meter    Meter // nil: nothing counts

	names []string // of the choices

	Priority int           // of requests that ask for none
	Delay    time.Duration // at least
	MaxAge   time.Duration // at most; 0: as the policy says
	Window   time.Duration // for how long equal requests without a key are one; 0: they are not
}

// NewRoutes returns routes and what follows from each, in the order of the table.
func NewRoutes(table *route.Table, actions []Action) *Routes {
	for i := range actions {
		a := &actions[i]
		for j := range a.Choices {
			a.names = append(a.names, a.Choices[j].Name)
		}
	}
	return &Routes{table: table, actions: actions}
}

// Router may be implemented by Targets that have routes.
type Router interface {
	// Routes returns the routes, nil if there are none.
	Routes() *Routes
}

// WithRoutes gives a table routes, and returns it.
func (t *Table) WithRoutes(routes *Routes) *Table {
	t.routes = routes
	return t
}

// Routes implements Router.
func (t *Table) Routes() *Routes { return t.routes }

// Matched is the target of a request by its route, and how the route treats it.
type Matched struct {
	Target Target
	Action *Action
}

// Match returns what a request's route makes of it; in is the request as routes see it.
func (rs *Routes) Match(in *route.Input, r *http.Request) (Matched, bool) {
	i, ok := rs.table.Match(in)
	if !ok {
		return Matched{}, false
	}
	a := &rs.actions[i]
	return Matched{Target: *a.choose(r), Action: a}, true
}

// Explain judges the routes up to the one that takes a request.
func (rs *Routes) Explain(in *route.Input) []route.Verdict { return rs.table.Explain(in) }

func (a *Action) choose(r *http.Request) *Target {
	if len(a.Choices) == 1 {
		return &a.Choices[0]
	}
	return &a.Choices[route.Choose(a.Key(r), a.names, a.Weights)]
}

// RouteKey returns what decides among weighted endpoints: the value of a header field, of a query parameter, or, also where
// those are not there, the address of the peer.
func RouteKey(kind, name string) func(r *http.Request) string {
	name = canonicalIf(kind == "header", name)
	return func(r *http.Request) string {
		var value string
		switch kind {
		case "header":
			value = strings.Join(r.Header[name], ",")
		case "query":
			value = r.URL.Query().Get(name)
		}
		if value != "" {
			return kind + "\x00" + value
		}
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			return r.RemoteAddr
		}
		return host
	}
}

func canonicalIf(header bool, name string) string {
	if header {
		return http.CanonicalHeaderKey(name)
	}
	return name
}

// Ask adds what the route says to what a request asks of the queue.
func (a *Action) Ask(c *Controls) {
	if c.Priority == 0 {
		c.Priority = a.Priority
	}
	c.Delay = max(c.Delay, a.Delay)
	if a.MaxAge > 0 && (c.MaxAge == 0 || c.MaxAge > a.MaxAge) {
		c.MaxAge = a.MaxAge
	}
}

// MatchSubmitted returns what the route of a submit makes of the request that it describes. body is its payload.
func (rs *Routes) MatchSubmitted(request *queue.Request, body, metadata func() any, client *http.Request) (Matched, bool) {
	in := submitted(request, body, metadata)
	return rs.Match(&in, &http.Request{Method: request.Method, Host: request.Host, URL: &url.URL{Path: in.Path, RawQuery: in.RawQuery},
		Header: request.Header, RemoteAddr: client.RemoteAddr})
}

// ExplainSubmitted judges the routes up to the one that takes a submit.
func (rs *Routes) ExplainSubmitted(request *queue.Request, body, metadata func() any) []route.Verdict {
	in := submitted(request, body, metadata)
	return rs.table.Explain(&in)
}

// submitted is the request that a submit describes, as routes see it.
func submitted(request *queue.Request, body, metadata func() any) route.Input {
	path, query, _ := strings.Cut(request.Target, "?")
	return route.Input{Method: request.Method, Host: request.Host, Path: path, RawQuery: query, Header: request.Header, Body: body, Metadata: metadata}
}

// byRoute chooses the target by the routes, and reports whether one of them takes the request.
func (h *Handler) byRoute(w http.ResponseWriter, r *http.Request, c *call) bool {
	router, ok := h.targets.(Router)
	if !ok {
		return false
	}
	routes := router.Routes()
	if routes == nil {
		return false
	}
	in := routeInput(w, r, c.origin, routes)
	m, ok := routes.Match(&in, r)
	if !ok {
		return false
	}
	c.target, c.action = m.Target, m.Action
	if m.Action.Rewrite != nil {
		c.origin = m.Action.Rewrite.Target(c.origin)
	}
	return true
}

// Dedupes reports whether a request with this idempotency key and method is one with those that equal it.
func (a *Action) Dedupes(key, method string) bool {
	return a.Window > 0 && key == "" && !queue.Safe(method)
}

// Dedupe makes a submission one with those that equal it within the window of the route: what makes requests equal (R16) is
// its key.
func (a *Action) Dedupe(ctx context.Context, s *queue.Submission) error {
	fingerprint, err := s.Request.Fingerprint(ctx)
	if err != nil {
		return fmt.Errorf("fingerprint the request: %w", err)
	}
	s.IdempotencyKey, s.Fingerprint, s.KeepKey = dedupeKey(fingerprint), fingerprint, a.Window
	return nil
}

// maxPeeked is how much of a JSON body a predicate sees.
const maxPeeked = 256 << 10

func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) && h.Get("Content-Encoding") == ""
}

// peekJSON reads a body ahead and puts it back; nil if it is no JSON or too long. What goes wrong while it is read shows again
// to who reads the body next.
func peekJSON(w http.ResponseWriter, r *http.Request) any {
	if r.ContentLength > maxPeeked {
		return nil
	}
	u := &upload{body: r.Body, control: http.NewResponseController(w)}
	read, err := io.ReadAll(io.LimitReader(u, maxPeeked+1))
	u.release()
	r.Body = &putBack{Reader: io.MultiReader(bytes.NewReader(read), &rest{r.Body, err}), Closer: r.Body}
	if err != nil || len(read) > maxPeeked {
		return nil
	}
	return route.DecodeJSON(read)
}

type putBack struct {
	io.Reader
	io.Closer
}

// rest is what was not read ahead, or the error that reading ahead came upon.
type rest struct {
	body io.Reader
	err  error
}

func (b *rest) Read(p []byte) (int, error) {
	if b.err != nil && !errors.Is(b.err, io.EOF) {
		return 0, b.err
	}
	return b.body.Read(p)
}
