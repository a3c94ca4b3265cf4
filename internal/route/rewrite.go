package route

import (
	"fmt"
	"regexp"
	"strings"
)

// RewriteConfig says how the path of a request becomes that of the endpoint. The query stays as it is.
type RewriteConfig struct {
	StripPrefix string // is taken from the beginning of the path, on the border of a segment
	Path        string // replaces the whole path
	Regex       string // what it matches of the path is replaced
	Replace     string // by this, in which $1 is the first group
	AddPrefix   string // then goes in front
}

// Rewrite changes paths.
type Rewrite struct {
	config RewriteConfig
	regex  *regexp.Regexp
}

// NewRewrite compiles a rewrite; nil if it changes nothing.
func NewRewrite(c RewriteConfig) (*Rewrite, error) {
	if c == (RewriteConfig{}) {
		return nil, nil
	}
	ways := 0
	for _, way := range []string{c.StripPrefix, c.Path, c.Regex} {
		if way != "" {
			ways++
		}
	}
	if ways > 1 || c.Path != "" && c.AddPrefix != "" {
		return nil, fmt.Errorf("strip_prefix, path and regex exclude each other, and path is the whole path; give one of them")
	}
	if c.Replace != "" && c.Regex == "" {
		return nil, fmt.Errorf("replace needs regex, which it replaces")
	}
	for _, path := range []string{c.StripPrefix, c.Path, c.AddPrefix} {
		if path != "" && (path[0] != '/' || !sendable(path)) {
			return nil, fmt.Errorf("%q: give a path that begins with a slash, without a query", path)
		}
	}
	if !sendable(c.Replace) {
		return nil, fmt.Errorf("replace %q: give a path, without a query, blanks or control characters", c.Replace)
	}
	c.StripPrefix, c.AddPrefix = strings.TrimSuffix(c.StripPrefix, "/"), strings.TrimSuffix(c.AddPrefix, "/")
	r := &Rewrite{config: c}
	if c.Regex != "" {
		var err error
		if r.regex, err = regexp.Compile(c.Regex); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Target returns the target to send for a client's: the path as routes compare it, rewritten, and the query untouched. The
// asterisk of OPTIONS stays.
func (r *Rewrite) Target(target string) string {
	path, query, asked := strings.Cut(target, "?")
	if path == "*" {
		return target
	}
	path = r.path(CleanPath(path))
	if asked {
		return path + "?" + query
	}
	return path
}

func (r *Rewrite) path(path string) string {
	c := &r.config
	switch {
	case c.Path != "":
		return c.Path
	case r.regex != nil:
		path = r.regex.ReplaceAllString(path, c.Replace)
	case c.StripPrefix != "":
		if rest, ok := strings.CutPrefix(path, c.StripPrefix); ok && (rest == "" || rest[0] == '/') {
			path = rest
		}
	}
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	if c.AddPrefix != "" {
		return c.AddPrefix + path
	}
	return path
}

// sendable reports whether text can stand in the path of a request line.
func sendable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] == 0x7f || text[i] == '?' || text[i] == '#' {
			return false
		}
	}
	return true
}
