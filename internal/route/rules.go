package route

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Rule is one route of the Python version's routing.yaml 1.0. Paths are names joined by points into the message, an object of
// payload, headers and metadata; a number is a position in a list, and names of headers count whatever their case.
type Rule struct {
	Name     string
	Field    string // path that decides; with neither Value nor Pattern it has to be there
	Value    string // the text of its value
	HasValue bool
	Pattern  string // expression for the beginning of that text
	Default  bool   // takes what no other rule takes
	Priority int    // higher ones are asked first

	TransformType string // one of the Transform constants
	Transform     string
	Headers       map[string]string // field -> path
	Query         map[string]string // parameter -> path
}

// Ways to transform a payload.
const (
	TransformNone     = "passthrough"
	TransformJQ       = "jq"       // the program's first output for the payload
	TransformJSONPath = "jsonpath" // what RFC 9535 selects of the payload: the value, or the list of several
	TransformTemplate = "template" // JSON with {{path}}: escaped within a string, a whole value elsewhere
)

// Rules are asked in their order: by priority, the default ones last, and as they are written.
type Rules struct{ rules []rule }

type rule struct {
	Rule
	at        int // position as written
	pattern   *regexp.Regexp
	transform transform
}

// NewRules compiles rules; an error names the rule.
func NewRules(given []Rule) (*Rules, error) {
	rs := &Rules{}
	for i, g := range given {
		r := rule{Rule: g, at: i}
		if g.Field == "" && !g.Default {
			return nil, fmt.Errorf("route %s: match_field is missing; name one, or set is_default: true", g.Name)
		}
		if g.Pattern != "" {
			if _, err := regexp.Compile(g.Pattern); err != nil {
				return nil, fmt.Errorf("route %s: match_pattern: %w", g.Name, err)
			}
			r.pattern = regexp.MustCompile("^(?:" + g.Pattern + ")")
		}
		var err error
		if r.transform, err = newTransform(g.TransformType, g.Transform); err != nil {
			return nil, fmt.Errorf("route %s: transform: %w", g.Name, err)
		}
		rs.rules = append(rs.rules, r)
	}
	slices.SortStableFunc(rs.rules, func(a, b rule) int {
		if a.Default != b.Default {
			if a.Default {
				return 1
			}
			return -1
		}
		return cmp.Compare(b.Priority, a.Priority)
	})
	return rs, nil
}

// Message is what rules look at.
type Message struct {
	Payload  any
	Headers  http.Header
	Metadata map[string]any
}

// Match returns the position, as they were given, of the rule that takes a message.
func (rs *Rules) Match(m *Message) (int, bool) {
	for i := range rs.rules {
		if rs.rules[i].takes(m) {
			return rs.rules[i].at, true
		}
	}
	return 0, false
}

func (r *rule) takes(m *Message) bool {
	if r.Default {
		return true
	}
	value, ok := m.at(r.Field)
	if !ok {
		return false
	}
	text := textOf(value)
	return (!r.HasValue || text == r.Value) && (r.pattern == nil || r.pattern.MatchString(text))
}

// Explain judges the rules in the order in which they are asked, up to the one that takes the message.
func (rs *Rules) Explain(m *Message) []Verdict {
	var verdicts []Verdict
	for i := range rs.rules {
		r := &rs.rules[i]
		takes := r.takes(m)
		verdicts = append(verdicts, Verdict{Route: r.Name, Matches: takes, Why: r.why(m, takes)})
		if takes {
			break
		}
	}
	return verdicts
}

// why says what of the message decides, and never what it says, nor what a header field has to say: they may be secrets.
func (r *rule) why(m *Message, takes bool) string {
	if r.Default {
		return "it takes what no other does"
	}
	var wanted []string
	secret := strings.HasPrefix(r.Field, "headers.")
	switch {
	case r.HasValue && secret:
		wanted = append(wanted, "the right value")
	case r.HasValue:
		wanted = append(wanted, strconv.Quote(r.Value))
	}
	if r.pattern != nil {
		wanted = append(wanted, "text that begins as "+r.Pattern)
	}
	what := "there"
	if len(wanted) > 0 {
		what = strings.Join(wanted, " and ")
	}
	if takes {
		return r.Field + " is " + what
	}
	if _, ok := m.at(r.Field); !ok {
		return "there is no " + r.Field
	}
	return r.Field + " is not " + what
}

// Outcome is what a rule makes of a message.
type Outcome struct {
	Payload []byte      // nil: it stays as it is
	Header  http.Header // fields to set
	Query   string      // parameters to add, encoded
}

// maxTransformed bounds what a transform makes, in bytes.
const maxTransformed = 10 << 20

// Apply makes of a message what the rule at a position says. An error says what of the rule failed.
func (rs *Rules) Apply(at int, m *Message) (Outcome, error) {
	i := slices.IndexFunc(rs.rules, func(r rule) bool { return r.at == at })
	r := &rs.rules[i]
	out := Outcome{Header: http.Header{}}
	if r.transform != nil {
		var err error
		if out.Payload, err = r.transform(m); err != nil {
			return out, fmt.Errorf("transform of route %s: %w", r.Name, err)
		}
		if len(out.Payload) > maxTransformed {
			return out, fmt.Errorf("transform of route %s: it makes more than %d bytes", r.Name, maxTransformed)
		}
	}
	for name, path := range r.Headers {
		value, ok := m.at(path)
		if !ok || value == nil {
			continue
		}
		text := textOf(value)
		if !httpguts.ValidHeaderFieldValue(text) {
			return out, fmt.Errorf("header_mappings of route %s: %s is no value for the field %s: it holds a line break or another control character", r.Name, path, name)
		}
		out.Header.Set(name, text)
	}
	query := url.Values{}
	for name, path := range r.Query {
		if value, ok := m.at(path); ok && value != nil {
			query.Set(name, textOf(value))
		}
	}
	out.Query = query.Encode()
	return out, nil
}

// at returns the value at a path.
func (m *Message) at(path string) (any, bool) {
	first, rest, deeper := strings.Cut(path, ".")
	var value any
	switch first {
	case "payload":
		value = m.Payload
	case "metadata":
		if m.Metadata == nil {
			return nil, false
		}
		value = m.Metadata
	case "headers":
		values := m.Headers[http.CanonicalHeaderKey(rest)]
		if !deeper || len(values) == 0 {
			return nil, false
		}
		return strings.Join(values, ", "), true
	default:
		return nil, false
	}
	for deeper {
		var name string
		name, rest, deeper = strings.Cut(rest, ".")
		switch holder := value.(type) {
		case map[string]any:
			var ok bool
			if value, ok = holder[name]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(holder) {
				return nil, false
			}
			value = holder[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// textOf is a value as text: a string itself, anything else as JSON.
func textOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
