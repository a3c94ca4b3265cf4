package route

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// compiled is a route that can be asked.
type compiled struct {
	name    string
	methods []string
	hosts   []string // in lower case; *.example.com as .example.com
	path    string
	prefix  string // without a slash at its end; "" where hasPrefix is unset, or takes every path
	below   bool   // whether there is a prefix
	regex   *regexp.Regexp
	literal string // what every path that regex matches begins with, cut on the border of a segment
	headers []field
	query   []field
	jq      *predicate
}

type field struct {
	name  string
	exact string
	regex *regexp.Regexp
}

func compile(r *Route) (compiled, error) {
	c := compiled{name: r.Name, path: r.Conditions.Path}
	for _, method := range r.Conditions.Methods {
		if upper := strings.ToUpper(method); slices.Contains(standardMethods, upper) {
			method = upper // nobody means another one that is written in lower case
		}
		c.methods = append(c.methods, method)
	}
	for _, host := range r.Conditions.Hosts {
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		if rest, ok := strings.CutPrefix(host, "*."); ok {
			host = "." + rest
		}
		if host == "" || host == "." || strings.ContainsAny(host, "*/ ") {
			return c, fmt.Errorf("host %q: give a name such as shop.example.com, or *.example.com for every name below it", host)
		}
		c.hosts = append(c.hosts, host)
	}
	if err := c.compilePath(&r.Conditions); err != nil {
		return c, err
	}
	var err error
	if c.headers, err = compileFields(r.Conditions.Headers, http.CanonicalHeaderKey); err != nil {
		return c, fmt.Errorf("headers: %w", err)
	}
	if slices.ContainsFunc(c.headers, func(f field) bool { return f.name == "Host" }) {
		return c, errors.New("headers: the host is compared by hosts; give it there")
	}
	if c.query, err = compileFields(r.Conditions.Query, func(name string) string { return name }); err != nil {
		return c, fmt.Errorf("query: %w", err)
	}
	if r.Conditions.JQ != "" {
		if c.jq, err = newPredicate(r.Conditions.JQ); err != nil {
			return c, fmt.Errorf("jq: %w", err)
		}
	}
	return c, nil
}

var standardMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	http.MethodOptions, http.MethodTrace}

func (c *compiled) compilePath(r *Conditions) error {
	given := 0
	for _, path := range []string{r.Path, r.PathPrefix} {
		if path == "" {
			continue
		}
		given++
		if path[0] != '/' || strings.ContainsAny(path, "?# ") {
			return fmt.Errorf("path %q: give a path that begins with a slash, without a query", path)
		}
		if clean := CleanPath(path); clean != path {
			return fmt.Errorf("path %q is compared as %q; write it so", path, clean)
		}
	}
	if r.PathPrefix != "" {
		c.prefix, c.below = strings.TrimSuffix(r.PathPrefix, "/"), true
	}
	if r.PathRegex != "" {
		given++
		var err error
		if c.regex, err = whole(r.PathRegex); err != nil {
			return err
		}
		c.literal = literalPrefix(r.PathRegex)
	}
	if given > 1 {
		return errors.New("path, path_prefix and path_regex are three ways to say one thing; give one of them")
	}
	return nil
}

// whole compiles an expression that has to match all of a text.
func whole(expression string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(expression); err != nil { // so that the message shows what was written
		return nil, err
	}
	return regexp.Compile("^(?:" + expression + ")$")
}

// literalPrefix returns the whole segments with which every text begins that the expression matches.
func literalPrefix(expression string) string {
	re, err := regexp.Compile(strings.TrimPrefix(expression, "^"))
	if err != nil {
		return ""
	}
	prefix, _ := re.LiteralPrefix()
	if prefix == "" || prefix[0] != '/' {
		return ""
	}
	return prefix[:strings.LastIndexByte(prefix, '/')]
}

func compileFields(given []Field, canonical func(string) string) ([]field, error) {
	var fields []field
	for _, f := range given {
		made := field{name: canonical(f.Name), exact: f.Exact}
		if f.Regex != "" {
			var err error
			if made.regex, err = whole(f.Regex); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		fields = append(fields, made)
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return fields, nil
}

// meets reports whether one of the values meets the condition.
func (f *field) meets(values []string) bool {
	switch {
	case f.regex != nil:
		return slices.ContainsFunc(values, f.regex.MatchString)
	case f.exact != "":
		return slices.Contains(values, f.exact)
	}
	return len(values) > 0
}

// part is a kind of condition.
type part uint8

const (
	partNone part = iota
	partMethod
	partHost
	partPath
	partHeader
	partQuery
	partJQ
)

// miss is the first condition that a request does not meet; the zero value: it meets them all.
type miss struct {
	part part
	at   int   // which field
	err  error // of a predicate that failed
}

// judge returns what a request misses.
func (c *compiled) judge(in *Input) miss {
	switch {
	case len(c.methods) > 0 && !slices.Contains(c.methods, in.Method):
		return miss{part: partMethod}
	case len(c.hosts) > 0 && !c.hosted(in.host):
		return miss{part: partHost}
	case !c.onPath(in.path):
		return miss{part: partPath}
	}
	for i := range c.headers {
		if f := &c.headers[i]; !f.meets(in.Header[f.name]) {
			return miss{part: partHeader, at: i}
		}
	}
	for i := range c.query {
		if f := &c.query[i]; !f.meets(in.parameters()[f.name]) {
			return miss{part: partQuery, at: i}
		}
	}
	if c.jq != nil {
		if holds, err := c.jq.holds(in); err != nil || !holds {
			return miss{part: partJQ, err: err}
		}
	}
	return miss{}
}

func (c *compiled) hosted(host string) bool {
	for _, h := range c.hosts {
		if h == host || h[0] == '.' && strings.HasSuffix(host, h) {
			return true
		}
	}
	return false
}

func (c *compiled) onPath(path string) bool {
	switch {
	case c.path != "":
		return path == c.path
	case c.below:
		return strings.HasPrefix(path, c.prefix) && (len(path) == len(c.prefix) || path[len(c.prefix)] == '/')
	case c.regex != nil:
		return c.regex.MatchString(path)
	}
	return true
}

func (in *Input) prepare() {
	if in.path == "" {
		in.host, in.path = cleanHost(in.Host), CleanPath(in.Path)
	}
}

func (in *Input) parameters() map[string][]string {
	if in.query == nil {
		in.query, _ = url.ParseQuery(in.RawQuery) // what is malformed is left out
	}
	return in.query
}
