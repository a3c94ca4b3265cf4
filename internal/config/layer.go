package config

import (
	"cmp"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// applyEnvironment lays the variables that name keys over root.
func applyEnvironment(root *node, env environment, r *report) {
	for _, s := range env.settings(r) {
		path, t, err := resolver{root: root, fold: true}.resolve(s.parts)
		var unknown *unknownKey
		switch {
		case errors.As(err, &unknown) && unknown.nearest != "":
			r.fail(s.src.String(), "", "unknown variable; did you mean %s?", envName(unknown.nearest))
		case errors.As(err, &unknown):
			r.fail(s.src.String(), "", "unknown variable; known sections are %s", sections())
		case err != nil:
			r.fail(s.src.String(), "", "%v", err)
		default:
			apply(root, path, t, s, r)
		}
	}
}

// applyFlags lays values given by dotted key over root. names says how a key's flag is called, for messages.
func applyFlags(root *node, flags, names map[string]string, r *report) {
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		s := setting{src: source{name: cmp.Or(names[key], "flag "+key)}, text: flags[key]}
		path, t, err := resolver{root: root}.resolve(strings.Split(key, "."))
		var unknown *unknownKey
		switch {
		case errors.As(err, &unknown):
			r.fail(s.src.String(), key, "%s", unknownText(unknown.nearest))
		case err != nil:
			r.fail(s.src.String(), key, "%v", err)
		default:
			apply(root, path, t, s, r)
		}
	}
}

func unknownText(nearest string) string {
	if nearest == "" {
		return "unknown key"
	}
	return "unknown key; did you mean " + nearest + "?"
}

// apply lays one setting over root. A key that holds keys itself takes them as a JSON object.
func apply(root *node, path []string, t reflect.Type, s setting, r *report) {
	leaf := &node{kind: scalar, src: s.src, text: s.text}
	if isSection(t) || t.Kind() == reflect.Map {
		parsed, err := parseJSON(s.text, s.src)
		key := strings.Join(path, ".")
		switch {
		case err != nil:
			r.fail(s.src.String(), key, "%v; give a JSON object", err)
			return
		case parsed.kind != mapping:
			r.fail(s.src.String(), key, "is no JSON object; give one, as {\"key\": \"value\"}")
			return
		}
		leaf = parsed
	}
	below := root
	for _, part := range path[:len(path)-1] {
		if below = below.get(part); below == nil || below.null {
			break
		}
		if below.kind != mapping {
			return // decoding reports what stands there; replacing it would hide that
		}
	}
	root.overlay(wrap(path, leaf))
}

// sections lists the top-level keys as variables name them.
func sections() string {
	var names []string
	for f := range fieldsOf(reflect.TypeFor[Config]()) {
		if !isMarker(f.Type) {
			names = append(names, strings.ToUpper(keyOf(f)))
		}
	}
	return strings.Join(names, ", ")
}
