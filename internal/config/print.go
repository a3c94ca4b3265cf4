package config

import (
	"encoding"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/openhqm/openhqm/internal/telemetry"
)

// Print writes the effective configuration as YAML that Load accepts, a comment naming the source of what is not default.
// Secrets are masked: those of type Secret, user information and telling query parameters of URLs, and values of header
// fields whose name sounds secret or whose text held a variable.
func (c *Config) Print(w io.Writer) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(c.yaml("", reflect.ValueOf(c).Elem())); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return enc.Close()
}

func (c *Config) yaml(path string, v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for f := range fieldsOf(v.Type()) {
		key, value := join(path, keyOf(f)), v.FieldByIndex(f.Index)
		if isMarker(f.Type) {
			continue
		}
		var item *yaml.Node
		switch {
		case isSection(f.Type):
			if item = c.yaml(key, value); len(item.Content) == 0 {
				continue
			}
		case f.Type.Kind() == reflect.Map:
			item = c.yamlMap(key, value)
		case isNamedList(f.Type):
			item = &yaml.Node{Kind: yaml.SequenceNode}
			for i := range value.Len() {
				one := value.Index(i)
				item.Content = append(item.Content, c.yaml(join(key, one.FieldByName("Name").String()), one))
			}
		case f.Type.Kind() == reflect.Slice && isSection(f.Type.Elem()):
			item = &yaml.Node{Kind: yaml.SequenceNode}
			for i := range value.Len() {
				item.Content = append(item.Content, c.yaml(join(key, strconv.Itoa(i+1)), value.Index(i)))
			}
		case f.Type.Kind() == reflect.Slice:
			item = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for i := range value.Len() {
				item.Content = append(item.Content, text(shown(value.Index(i))))
			}
		default:
			item = scalarNode(keyOf(f), value)
		}
		if source, ok := c.sources[key]; ok && len(item.Content) == 0 {
			item.LineComment = source
		}
		n.Content = append(n.Content, text(keyOf(f)), item)
	}
	return n
}

// shown returns an item of a list as it may be printed.
func shown(item reflect.Value) string {
	if secret, ok := item.Interface().(Secret); ok {
		return secret.String()
	}
	return URL(item.String()).String()
}

func (c *Config) yamlMap(path string, v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if v.Len() == 0 {
		n.Style = yaml.FlowStyle
	}
	switch m := v.Interface().(type) {
	case map[string]Endpoint:
		for _, name := range slices.Sorted(maps.Keys(m)) {
			n.Content = append(n.Content, text(name), c.yaml(join(path, name), reflect.ValueOf(m[name])))
		}
	case map[string]Secret:
		for _, name := range slices.Sorted(maps.Keys(m)) {
			value := MaskURL(m[name].Reveal())
			if telemetry.SecretName(name) || c.filled[join(path, name)] {
				value = m[name].String()
			}
			n.Content = append(n.Content, text(name), text(value))
		}
	case map[string]int:
		for _, name := range slices.Sorted(maps.Keys(m)) {
			n.Content = append(n.Content, text(name), bare(strconv.Itoa(m[name])))
		}
	case map[string]string:
		for _, name := range slices.Sorted(maps.Keys(m)) {
			n.Content = append(n.Content, text(name), text(m[name]))
		}
	}
	return n
}

// scalarNode writes numbers and booleans bare, text quoted where YAML would misread it, and keys that bear their unit in
// their name as a number of it.
func scalarNode(key string, v reflect.Value) *yaml.Node {
	if d, ok := v.Interface().(Duration); ok && strings.HasSuffix(key, "_seconds") {
		return bare(strconv.FormatFloat(d.Std().Seconds(), 'f', -1, 64))
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		s, _ := m.MarshalText() // those of this package return no errors
		switch v.Type() {
		case secretType, urlType:
			return text(string(s))
		}
		return bare(string(s))
	}
	if v.Kind() == reflect.String {
		return text(MaskURL(v.String()))
	}
	return bare(fmt.Sprint(v.Interface()))
}

func bare(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

// text is s as Load would read it back.
func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(strings.ReplaceAll(s, "${", "$${"))
	return n
}
