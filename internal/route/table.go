package route

import (
	"fmt"
	"net/http"
	"slices"
)

// Conditions are what a request must meet, all of them. The zero value takes every request.
type Conditions struct {
	Methods    []string // any of them
	Hosts      []string // any of them: names, or *.example.com for every name below it; without a port
	Path       string   // the whole path
	PathPrefix string   // the path, or one below it: /orders takes /orders and /orders/1, not /orders2
	PathRegex  string   // matches the whole path
	Headers    []Field
	Query      []Field
	JQ         string // a predicate; see [Input]
}

// Field is a condition on a header field or a query parameter, of which one value has to meet it.
type Field struct {
	Name  string
	Exact string // the value; where neither it nor Regex is set, the field has to be there
	Regex string // matches the whole value
}

// Route is one route of a table.
type Route struct {
	Name       string
	Conditions Conditions
}

// Table is a list of routes, made fast.
type Table struct {
	routes []compiled
	index  index
	reads  bool // whether a predicate mentions the body
	failed func(name string, err error)
}

// New compiles a list of routes. failed is told of predicates that fail, and may be nil.
func New(routes []Route, failed func(name string, err error)) (*Table, error) {
	if failed == nil {
		failed = func(string, error) {}
	}
	t := &Table{failed: failed, routes: make([]compiled, len(routes))}
	for i := range routes {
		c, err := compile(&routes[i])
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", routes[i].Name, err)
		}
		t.routes[i] = c
		t.reads = t.reads || c.jq != nil && c.jq.reads
	}
	t.index.build(t.routes)
	return t, nil
}

// Match returns the position of the first route that takes the request, or false if none does.
func (t *Table) Match(in *Input) (int, bool) {
	in.prepare()
	var room [32]int32
	candidates := t.index.candidates(in, room[:0])
	slices.Sort(candidates)
	for _, i := range candidates {
		c := &t.routes[i]
		m := c.judge(in)
		if m.part == partNone {
			return int(i), true
		}
		if m.err != nil {
			t.failed(c.name, m.err)
		}
	}
	return 0, false
}

// Name returns the name of the route at a position.
func (t *Table) Name(i int) string { return t.routes[i].name }

// ReadsBody reports whether a predicate of the table mentions the body.
func (t *Table) ReadsBody() bool { return t.reads }

// Verdict says whether one route takes a request.
type Verdict struct {
	Route   string
	Matches bool
	Why     string // the condition that is not met; of a route that matches, its conditions
}

// Explain judges the routes up to the one that takes the request, in their order and without the index.
func (t *Table) Explain(in *Input) []Verdict {
	in.prepare()
	var verdicts []Verdict
	for i := range t.routes {
		c := &t.routes[i]
		if m := c.judge(in); m.part != partNone {
			verdicts = append(verdicts, Verdict{Route: c.name, Why: c.why(m, in)})
			continue
		}
		return append(verdicts, Verdict{Route: c.name, Matches: true, Why: c.String()})
	}
	return verdicts
}

// Input is a request as routes see it. A predicate is given it as an object with method, host, path, query and headers
// (names in lower case, each with the list of its values), body: the JSON of the body, or null, and metadata: that of a submit,
// else null.
type Input struct {
	Method   string
	Host     string // as the client sent it
	Path     string // raw
	RawQuery string
	Header   http.Header // names canonical
	// Body returns the JSON of the body, or nil where it is none or too large. It is called at most once, and only for a
	// predicate that mentions it. nil: there is no body.
	Body func() any
	// Metadata returns what a submit says beside its payload, which is its body. nil: the request is no submit.
	Metadata func() any

	host, path string
	query      map[string][]string
	object     map[string]any
}
