package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/queue"
)

// table finds the route of a request. It is read-only once built.
type table struct {
	prefix string // without a slash at its end
	shapes []shape
}

// shape is the routes of one path shape.
type shape struct {
	before, after string // around the variable, slashes included; after is "" at the end of the path
	variable      string // "id", "name" or "": none
	routes        []route
	handlers      []http.Handler // of the routes, for a request that carries its vars
}

// claim says what a request's path and method come to.
type claim struct {
	shape   *shape // nil: no shape fits
	handler int    // index into the shape's handlers, or -1: no route has the method
	value   string // of the path's variable, as it was sent
	err     error  // the variable is malformed
}

// newTable builds the table. Instrument wraps each route's handler, by its name.
func newTable(prefix string, routes []route, instrument func(name string, h http.Handler) http.Handler) *table {
	t := &table{prefix: strings.TrimSuffix(prefix, "/")}
	for _, r := range routes {
		s := t.shape(r.shape)
		s.routes = append(s.routes, r)
		variable := s.variable
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			v, _ := parseVars(variable, req.PathValue(variable)) // checked when it was claimed
			r.serve(w, req, v)
		})
		if instrument != nil {
			h = instrument(r.name, h)
		}
		s.handlers = append(s.handlers, h)
	}
	return t
}

func (t *table) shape(text string) *shape {
	before, rest, variable := strings.Cut(text, "{")
	s := shape{before: before}
	if variable {
		s.variable, s.after, _ = strings.Cut(rest, "}")
	}
	for i := range t.shapes {
		if old := &t.shapes[i]; old.before == s.before && old.variable == s.variable && old.after == s.after {
			return old
		}
	}
	t.shapes = append(t.shapes, s)
	return &t.shapes[len(t.shapes)-1]
}

// find matches a request. The path is compared as it was sent: an escaped spelling of a shape is not that shape.
func (t *table) find(r *http.Request) claim {
	path, ok := strings.CutPrefix(sentPath(r.URL), t.prefix)
	if !ok {
		return claim{handler: -1}
	}
	best := claim{handler: -1}
	for i := range t.shapes {
		s := &t.shapes[i]
		value, ok := s.match(path)
		if !ok {
			continue
		}
		c := claim{shape: s, handler: s.route(r.Method), value: value}
		_, c.err = parseVars(s.variable, value)
		if s.variable == "" || best.shape == nil { // a fixed shape wins over a variable one
			best = c
		}
	}
	return best
}

// sentPath is the path as it was sent. EscapedPath would escape one anew that has a byte in it which should have been
// escaped, and so make %2F a slash.
func sentPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

// match returns the variable's text.
func (s *shape) match(path string) (string, bool) {
	if s.variable == "" {
		return "", path == s.before
	}
	value, ok := strings.CutPrefix(path, s.before)
	if !ok || len(value) <= len(s.after) || !strings.HasSuffix(value, s.after) {
		return "", false
	}
	value = value[:len(value)-len(s.after)]
	return value, !strings.Contains(value, "/")
}

func parseVars(variable, value string) (v vars, err error) {
	switch variable {
	case "id":
		v.id, err = queue.ParseID(value)
	case "name":
		v.name, err = url.PathUnescape(value)
	}
	return v, err
}

// route returns the index of the route that serves a method, or -1.
func (s *shape) route(method string) int {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return slices.IndexFunc(s.routes, func(r route) bool { return r.method == method })
}

// allow is the value of Allow: what the shape can be asked for.
func (s *shape) allow() string {
	var methods []string
	for _, r := range s.routes {
		methods = append(methods, r.method)
		if r.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	return strings.Join(append(methods, http.MethodOptions), ", ")
}

// serve calls the route of a claim.
func (c *claim) serve(w http.ResponseWriter, r *http.Request) {
	if c.shape.variable != "" {
		r.SetPathValue(c.shape.variable, c.value)
	}
	c.shape.handlers[c.handler].ServeHTTP(w, r)
}
