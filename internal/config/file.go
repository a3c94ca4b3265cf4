package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on a file, far above any real configuration: aliases could otherwise make a small file arbitrarily large.
const (
	maxNodes = 100_000
	maxDepth = 100
)

// yamlLine is how the YAML library tells a position.
var yamlLine = regexp.MustCompile(`^yaml: (?:(?:while|unmarshal)[^:]*: )?line (\d+): `)

// parseFile turns one YAML document into a tree. What it cannot use it reports and leaves out.
func parseFile(name string, data []byte, r *report) *node {
	empty := &node{kind: mapping, src: source{name: name}}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return empty
	} else if err != nil {
		at, text := yamlError(name, err)
		r.fail(at.String(), "", "not valid YAML: %s", text)
		return empty
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			at, text := yamlError(name, err)
			r.fail(at.String(), "", "not valid YAML: %s", text)
			return empty
		}
		r.fail(source{name, second.Line}.String(), "", "a second YAML document begins; give one")
	}
	c := converter{name: name, report: r}
	n := c.convert(doc.Content[0], 0)
	switch {
	case n == nil || n.null:
		return empty
	case n.kind != mapping:
		r.fail(n.src.String(), "", "holds no sections; give a mapping such as `server: {port: 8000}`")
		return empty
	}
	return n
}

func yamlError(name string, err error) (source, string) {
	text := err.Error()
	at := source{name: name}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
		if strings.HasPrefix(text, "did not find expected") {
			at.line++ // the library counts lines from zero where its parser, not its scanner, gives up
		}
	}
	return at, strings.TrimPrefix(text, "yaml: ")
}

type converter struct {
	name   string
	report *report
	nodes  int
}

// convert returns nil for what it reported.
func (c *converter) convert(y *yaml.Node, depth int) *node {
	src := source{c.name, y.Line}
	if c.nodes++; c.nodes > maxNodes || depth > maxDepth {
		if c.nodes <= maxNodes || c.nodes == maxNodes+1 {
			c.report.fail(src.String(), "", "too large or nested too deeply; at most %d values, %d deep", maxNodes, maxDepth)
			c.nodes = maxNodes + 1
		}
		return nil
	}
	switch y.Kind {
	case yaml.AliasNode:
		return c.convert(y.Alias, depth+1)
	case yaml.SequenceNode:
		n := &node{kind: list, src: src}
		for _, item := range y.Content {
			if v := c.convert(item, depth+1); v != nil {
				n.items = append(n.items, v)
			}
		}
		return n
	case yaml.MappingNode:
		return c.mapping(y, depth)
	}
	tag := y.ShortTag()
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
	default:
		c.report.fail(src.String(), "", "tag %s is not supported; write the value without it", tag)
		return nil
	}
	return &node{kind: scalar, src: src, text: y.Value, null: tag == "!!null", expand: true}
}

func (c *converter) mapping(y *yaml.Node, depth int) *node {
	n := &node{kind: mapping, src: source{c.name, y.Line}}
	var merged []*node // from `<<: *anchor`; own keys win over them
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		at := source{c.name, key.Line}
		if key.Kind != yaml.ScalarNode {
			c.report.fail(at.String(), "", "a key must be plain text")
			continue
		}
		value := c.convert(y.Content[i+1], depth+1)
		if value == nil {
			continue
		}
		if key.ShortTag() == "!!merge" {
			sources := mergeSources(value)
			if slices.ContainsFunc(sources, func(n *node) bool { return n.kind != mapping }) {
				c.report.fail(at.String(), "", "%q takes a mapping or a list of mappings", "<<")
			}
			merged = append(merged, sources...)
			continue
		}
		if n.get(key.Value) != nil {
			c.report.fail(at.String(), key.Value, "is set twice in the same mapping; keep one")
			continue
		}
		n.set(key.Value, at, value)
	}
	for _, m := range merged {
		for _, f := range m.fields {
			if n.get(f.name) == nil {
				n.set(f.name, f.src, f.value)
			}
		}
	}
	return n
}

func mergeSources(n *node) []*node {
	if n.kind == list {
		return n.items
	}
	return []*node{n}
}
