package route

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/itchyny/gojq"
	"github.com/theory/jsonpath"
)

// transform makes the payload to deliver.
type transform func(m *Message) ([]byte, error)

func newTransform(kind, text string) (transform, error) {
	switch kind {
	case "", TransformNone:
		return nil, nil
	case TransformJQ:
		return jqTransform(text)
	case TransformJSONPath:
		return pathTransform(text)
	case TransformTemplate:
		return templateTransform(text)
	}
	return nil, fmt.Errorf("%q is no type of transform", kind)
}

func jqTransform(text string) (transform, error) {
	p, err := newPredicate(text)
	if err != nil {
		return nil, err
	}
	return func(m *Message) ([]byte, error) {
		out, ok := p.code.RunWithContext(&steps{Context: context.Background(), left: maxSteps}, m.Payload).Next()
		if !ok {
			return nil, errors.New("the program has no output")
		}
		if err, failed := out.(error); failed {
			return nil, err
		}
		return gojq.Marshal(out)
	}, nil
}

func pathTransform(text string) (transform, error) {
	path, err := jsonpath.Parse(text)
	if err != nil {
		return nil, err
	}
	return func(m *Message) ([]byte, error) {
		switch nodes := path.Select(m.Payload); len(nodes) {
		case 0:
			return nil, fmt.Errorf("%s selects nothing", text)
		case 1:
			return marshal(nodes[0])
		default:
			return marshal([]any(nodes))
		}
	}, nil
}

var placeholder = regexp.MustCompile(`\{\{\s*([^{}]+?)\s*\}\}`)

// templateTransform fills paths in. A path within a string of the template is escaped so that it stays within; what is filled in is
// never read as template, and the whole must be JSON, so that no payload adds a member.
func templateTransform(text string) (transform, error) {
	type piece struct {
		before, path string
		quoted       bool
	}
	var pieces []piece
	rest, quoted := text, false
	for {
		at := placeholder.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		before := rest[:at[0]]
		quoted = within(before, quoted)
		pieces = append(pieces, piece{before, rest[at[2]:at[3]], quoted})
		rest = rest[at[1]:]
	}
	tail := rest
	fill := func(value func(path string) (any, bool)) ([]byte, error) {
		var b bytes.Buffer
		for _, p := range pieces {
			b.WriteString(p.before)
			found, ok := value(p.path)
			switch {
			case p.quoted && (!ok || found == nil):
			case p.quoted:
				inner, err := marshal(textOf(found))
				if err != nil {
					return nil, err
				}
				b.Write(inner[1 : len(inner)-1])
			default:
				whole, err := marshal(found)
				if err != nil {
					return nil, err
				}
				b.Write(whole)
			}
		}
		b.WriteString(tail)
		if !json.Valid(b.Bytes()) {
			return nil, errors.New("what the template makes is no JSON")
		}
		return b.Bytes(), nil
	}
	if _, err := fill(func(string) (any, bool) { return nil, false }); err != nil {
		return nil, fmt.Errorf("%w; write JSON in which {{payload.name}} stands for a value or within a string", err)
	}
	return func(m *Message) ([]byte, error) {
		return fill(func(path string) (any, bool) {
			if first, _, _ := strings.Cut(path, "."); first != "payload" && first != "headers" && first != "metadata" {
				path = "payload." + path
			}
			return m.at(path)
		})
	}, nil
}

// within reports whether a JSON text ends within a string; so was its beginning.
func within(text string, quoted bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		}
	}
	return quoted
}

func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
