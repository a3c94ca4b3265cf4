package rule

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/openhqm/openhqm/queue"
)

// Bounds of the work on one answer.
const (
	// MaxBody is how many bytes of a body are looked at, before and after decoding.
	MaxBody = 1 << 20
	// MaxTime is how long a jq program may run.
	MaxTime = time.Second
)

// Conditions all have to hold. Those that are not set hold always.
type Conditions struct {
	Status    []string          // statuses or classes such as 5xx; one of them
	Header    map[string]string // field name: regular expression that one of its values matches
	BodyRegex string            // regular expression that the body matches
	JQ        string            // program whose first output for the JSON body is neither false nor null
}

// Rule is what an answer means that meets its conditions.
type Rule struct {
	Conditions
	Then queue.Verdict
}

// Config is what a user sets for one endpoint.
type Config struct {
	Rules     []Rule        // the first that matches counts
	Success   Conditions    // of an answer below 400 that no rule matches; none set: every such answer
	Otherwise queue.Verdict // of an answer below 400 that does not meet Success
}

// Set is a compiled Config. A nil Set judges nothing.
type Set struct {
	rules     []compiledRule
	success   *conditions
	otherwise queue.Verdict
	body      bool
}

type compiledRule struct {
	conditions
	then queue.Verdict
}

type conditions struct {
	low, high []int // pairs of bounds; nil: any status
	fields    []field
	body      *regexp.Regexp
	jq        *gojq.Code
}

type field struct {
	name  string
	value *regexp.Regexp
}

// WrongError is why conditions cannot be used.
type WrongError struct {
	Key  string // status, header.NAME, body_regex or jq
	Text string
}

func (e *WrongError) Error() string { return e.Key + ": " + e.Text }

// None reports whether nothing is set.
func (c *Conditions) None() bool {
	return len(c.Status) == 0 && len(c.Header) == 0 && c.BodyRegex == "" && c.JQ == ""
}

// New compiles a configuration; nil where it sets nothing.
func New(c Config) (*Set, error) {
	if len(c.Rules) == 0 && c.Success.None() {
		return nil, nil // a nil Set is a valid one
	}
	s := &Set{otherwise: c.Otherwise}
	for i := range c.Rules {
		made, err := c.Rules[i].compile()
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		s.rules = append(s.rules, compiledRule{made, c.Rules[i].Then})
		s.body = s.body || made.readsBody()
	}
	if !c.Success.None() {
		made, err := c.Success.compile()
		if err != nil {
			return nil, fmt.Errorf("success: %w", err)
		}
		s.success, s.body = &made, s.body || made.readsBody()
	}
	return s, nil
}

// Check says what is wrong with each of the conditions.
func (c *Conditions) Check() []*WrongError {
	_, wrong := c.compileAll()
	return wrong
}

func (c *Conditions) compile() (conditions, error) {
	made, wrong := c.compileAll()
	errs := make([]error, len(wrong))
	for i, w := range wrong {
		errs[i] = w
	}
	return made, errors.Join(errs...)
}

func (c *Conditions) compileAll() (made conditions, wrong []*WrongError) {
	for _, text := range c.Status {
		low, high, ok := statuses(text)
		if !ok {
			wrong = append(wrong, &WrongError{"status", fmt.Sprintf("%q is not accepted; give a status from 200 to 599 or a class such as 5xx", text)})
		}
		made.low, made.high = append(made.low, low), append(made.high, high)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Header)) {
		pattern := c.Header[name]
		value, err := regexp.Compile(pattern)
		if err != nil {
			wrong = append(wrong, &WrongError{"header." + name, "is no regular expression (RE2): " + err.Error()})
		}
		made.fields = append(made.fields, field{http.CanonicalHeaderKey(name), value})
	}
	if c.BodyRegex != "" {
		var err error
		if made.body, err = regexp.Compile(c.BodyRegex); err != nil {
			wrong = append(wrong, &WrongError{"body_regex", "is no regular expression (RE2): " + err.Error()})
		}
	}
	if c.JQ != "" {
		var err error
		if made.jq, err = program(c.JQ); err != nil {
			wrong = append(wrong, &WrongError{"jq", "is no jq program: " + err.Error()})
		}
	}
	return made, wrong
}

func program(text string) (*gojq.Code, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, err
	}
	return gojq.Compile(query, gojq.WithEnvironLoader(func() []string { return nil }))
}

// statuses returns the bounds of a status or a class of them.
func statuses(text string) (low, high int, ok bool) {
	class, isClass := strings.CutSuffix(strings.ToLower(text), "xx")
	n, err := strconv.Atoi(class)
	switch {
	case err != nil:
		return 0, 0, false
	case isClass:
		return n * 100, n*100 + 99, n >= 2 && n <= 5
	}
	return n, n, n >= 200 && n <= 599
}

func (c *conditions) readsBody() bool { return c.body != nil || c.jq != nil }
