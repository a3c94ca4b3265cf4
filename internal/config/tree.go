package config

import "strconv"

type kind int

const (
	scalar kind = iota
	list
	mapping
)

// node is one value of the merged layers. Scalars stay text until the type they are decoded into is known: `0123` is a
// token to one key and a number to another.
type node struct {
	kind   kind
	src    source
	text   string   // of a scalar
	null   bool     // a scalar that sets nothing: `key:` or `key: ~`
	expand bool     // ${VAR} in text is to be replaced; only files ask for it
	items  []*node  // of a list
	fields []*field // of a mapping, in the order they were written
}

type field struct {
	name  string
	src   source
	value *node
}

// source is where a value was written.
type source struct {
	name string // file, variable or flag
	line int    // in a file, else 0
}

func (s source) String() string {
	if s.line == 0 {
		return s.name
	}
	return s.name + ":" + strconv.Itoa(s.line)
}

func (n *node) get(name string) *node {
	for _, f := range n.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

func (n *node) set(name string, src source, value *node) {
	for _, f := range n.fields {
		if f.name == name {
			f.src, f.value = src, value
			return
		}
	}
	n.fields = append(n.fields, &field{name: name, src: src, value: value})
}

// overlay lays upper over n, which are both mappings: mappings merge, everything else is replaced, and a null replaces
// nothing.
func (n *node) overlay(upper *node) {
	for _, f := range upper.fields {
		lower := n.get(f.name)
		switch {
		case f.value.null:
		case lower != nil && lower.kind == mapping && f.value.kind == mapping:
			lower.overlay(f.value)
		default:
			n.set(f.name, f.src, f.value)
		}
	}
}

// wrap returns a mapping that holds leaf under path, every part of it from the leaf's source.
func wrap(path []string, leaf *node) *node {
	for i := len(path) - 1; i >= 0; i-- {
		outer := &node{kind: mapping, src: leaf.src}
		outer.set(path[i], leaf.src, leaf)
		leaf = outer
	}
	return leaf
}
