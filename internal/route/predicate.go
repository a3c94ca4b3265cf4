package route

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/itchyny/gojq"
)

// maxSteps bounds a predicate: some tens of milliseconds. Steps are counted, not time, so that a busy machine does not
// send a request elsewhere.
const maxSteps = 100_000

// predicate is a condition in jq. It holds if its first output is neither false nor null; no output does not hold.
type predicate struct {
	text  string
	code  *gojq.Code
	reads bool // the body
}

var mentionsBody = regexp.MustCompile(`\bbody\b`)

func newPredicate(text string) (*predicate, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no program: %w", text, err)
	}
	code, err := gojq.Compile(query, gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return nil, fmt.Errorf("%q cannot be compiled: %w", text, err)
	}
	return &predicate{text: text, code: code, reads: mentionsBody.MatchString(text)}, nil
}

func (p *predicate) holds(in *Input) (bool, error) {
	out, ok := p.code.RunWithContext(&steps{Context: context.Background(), left: maxSteps}, in.asObject(p.reads)).Next()
	if !ok {
		return false, nil
	}
	if err, failed := out.(error); failed {
		return false, err
	}
	return out != nil && out != false, nil
}

// asObject is what predicates see.
func (in *Input) asObject(body bool) map[string]any {
	if in.object == nil {
		headers, query := make(map[string]any, len(in.Header)), map[string]any{}
		for name, values := range in.Header {
			headers[strings.ToLower(name)] = list(values)
		}
		for name, values := range in.parameters() {
			query[name] = list(values)
		}
		in.object = map[string]any{"method": in.Method, "host": in.host, "path": in.path,
			"headers": headers, "query": query, "body": nil, "metadata": nil}
		if in.Metadata != nil {
			in.object["metadata"] = in.Metadata()
		}
	}
	if body && in.Body != nil {
		in.object["body"] = in.Body()
		in.Body = nil
	}
	return in.object
}

func list(values []string) []any {
	all := make([]any, len(values))
	for i, value := range values {
		all[i] = value
	}
	return all
}

// steps is a context that is over after so many looks at it; the interpreter takes one at each step.
type steps struct {
	context.Context
	left int
}

// Done implements context.Context.
func (s *steps) Done() <-chan struct{} {
	if s.left--; s.left < 0 {
		return over
	}
	return nil
}

// Err implements context.Context.
func (s *steps) Err() error {
	if s.left < 0 {
		return fmt.Errorf("it takes more than %d steps", maxSteps)
	}
	return nil
}

var over = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
