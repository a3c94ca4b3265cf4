package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

const envPrefix = "OPENHQM_"

// environment is a process environment in the form os.Environ gives.
type environment []string

// lookup finds the variable of exactly this name; of two, the later counts.
func (e environment) lookup(name string) (string, bool) {
	for _, entry := range slices.Backward(e) {
		if rest, ok := strings.CutPrefix(entry, name); ok && strings.HasPrefix(rest, "=") {
			return rest[1:], true
		}
	}
	return "", false
}

// setting is one value given outside the file.
type setting struct {
	src   source
	parts []string // path, not yet resolved
	text  string
}

// settings returns the variables that name keys, whole sections before single keys. Variables without "__" after the
// section are no settings: the client's OPENHQM_URL, or what Kubernetes sets for a Service named openhqm.
func (e environment) settings(r *report) []setting {
	var found []setting
	byName := map[string]string{} // folded -> as it was written
	for _, entry := range e {
		name, text, _ := strings.Cut(entry, "=")
		folded := strings.ToLower(name)
		rest, ok := strings.CutPrefix(folded, strings.ToLower(envPrefix))
		if !ok {
			continue
		}
		parts := strings.Split(rest, "__")
		if len(parts) == 1 {
			if _, ok := fieldOf(reflect.TypeFor[Config](), rest); !ok || !strings.HasPrefix(text, "{") && !(rest == "routes" && strings.HasPrefix(text, "[")) {
				noteNoSetting(name, rest, text, r)
				continue
			}
		}
		if other, ok := byName[folded]; ok && other != name {
			r.fail(name, "", "the same setting as %s; set one of them", other)
			continue
		}
		byName[folded] = name
		found = append(found, setting{src: source{name: name}, parts: parts, text: text})
	}
	slices.SortStableFunc(found, func(a, b setting) int {
		return cmp.Or(cmp.Compare(len(a.parts), len(b.parts)), cmp.Compare(a.src.name, b.src.name))
	})
	return found
}

// noteNoSetting points out a variable that would be a setting with "__" in place of "_", or with another value.
func noteNoSetting(name, rest, text string, r *report) {
	if strings.Contains(text, "://") && strings.HasSuffix(rest, "_port") {
		return // Kubernetes' link to a Service: tcp://10.0.0.1:80
	}
	if _, ok := fieldOf(reflect.TypeFor[Config](), rest); ok {
		r.note(name, "", "has no effect; a whole section is given as a JSON object, a key as %s__KEY", strings.ToUpper(name))
		return
	}
	for _, k := range schema() {
		if strings.ReplaceAll(k.path, ".", "_") == rest {
			r.note(name, "", "has no effect; did you mean %s?", envName(k.path))
			return
		}
	}
}

// resolver finds the place of a setting in the schema.
type resolver struct {
	root *node // the layers below, for the names of endpoints
	fold bool  // environment: endpoint names match without case, and "_" matches "-" and "."
}

// resolve returns the path of parts as it stands in the tree, and the type found there.
func (s resolver) resolve(parts []string) (path []string, t reflect.Type, err error) {
	t, below := reflect.TypeFor[Config](), s.root
	for i, part := range parts {
		switch {
		case isMarker(t):
			return path, t, nil // whatever lies below it is as ignored, or as unsupported, as the whole
		case isSection(t):
			f, ok := fieldOf(t, part)
			if !ok {
				near := nearestKey(t, strings.Join(path, "."), part)
				if sibling, ok := fieldOf(t, near[strings.LastIndexByte(near, '.')+1:]); ok && isSection(sibling.Type) {
					near = strings.Join(append([]string{near}, parts[i+1:]...), ".")
				}
				return nil, nil, &unknownKey{nearest: near}
			}
			t = f.Type
		case t.Kind() == reflect.Map && isSection(t.Elem()):
			if part, err = s.entry(below, part); err != nil {
				return nil, nil, err
			}
			t = t.Elem()
		case t.Kind() == reflect.Map:
			key := strings.Join(path, ".")
			return nil, nil, fmt.Errorf("entries of %s cannot be set one by one; give all as a JSON object", key)
		default:
			return nil, nil, &unknownKey{nearest: strings.Join(parts[:i], ".")}
		}
		path = append(path, part)
		if below != nil {
			below = below.get(part)
		}
	}
	return path, t, nil
}

// entry returns the name of the map entry that part means: an existing one, else part itself.
func (s resolver) entry(existing *node, part string) (string, error) {
	if !s.fold || existing == nil {
		return part, nil
	}
	folded := strings.NewReplacer("-", "_", ".", "_")
	var matches []string
	for _, f := range existing.fields {
		if folded.Replace(strings.ToLower(f.name)) == part {
			matches = append(matches, f.name)
		}
	}
	switch len(matches) {
	case 0:
		return part, nil
	case 1:
		return matches[0], nil
	}
	return "", fmt.Errorf("may mean each of %s; set it in the file, or give OPENHQM_PROXY__ENDPOINTS as JSON",
		strings.Join(matches, ", "))
}

// unknownKey is the error of a setting that names no key.
type unknownKey struct{ nearest string }

func (e *unknownKey) Error() string { return "unknown key" }
