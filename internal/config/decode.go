package config

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decoder fills the section structs from the merged tree.
type decoder struct {
	*report
	lookup  func(string) (string, bool)
	sources map[string]string
	filled  map[string]bool
	files   map[string]Digest
}

// section decodes a mapping into a struct whose fields are keys.
func (d *decoder) section(path string, n *node, v reflect.Value) {
	if n.null {
		return
	}
	if n.kind != mapping {
		d.fail(n.src.String(), path, "holds keys; give a mapping")
		return
	}
	for _, f := range n.fields {
		key := join(path, f.name)
		sf, ok := fieldOf(v.Type(), f.name)
		if !ok {
			d.fail(f.src.String(), key, "%s", unknownText(nearestKey(v.Type(), path, f.name)))
			continue
		}
		d.value(key, f.value, v.FieldByIndex(sf.Index), sf)
	}
}

// value decodes one key.
func (d *decoder) value(path string, n *node, v reflect.Value, sf reflect.StructField) {
	if n.null {
		return
	}
	t := v.Type()
	if isSection(t) {
		d.section(path, n, v)
		return
	}
	d.sources[path] = n.src.String()
	switch {
	case isMarker(t):
		d.marker(path, n, t, sf)
	case t == routesType:
		v.Set(reflect.ValueOf(namedList(d, path, n, defaultRoute)))
	case t == rulesType:
		v.Set(reflect.ValueOf(namedList(d, path, n, defaultRule)))
	case t.Kind() == reflect.Map:
		d.mapOf(path, n, v, sf)
	case t.Kind() == reflect.Slice:
		d.listOf(path, n, v, sf)
	default:
		if text, ok := d.text(path, n, sf); ok {
			d.scalar(path, n, text, v, sf)
		}
	}
}

func (d *decoder) marker(path string, n *node, t reflect.Type, sf reflect.StructField) {
	why := sf.Tag.Get("why")
	switch t {
	case ignoredType:
		d.note(n.src.String(), path, "has no effect: %s", why)
	case unsupportedType:
		d.fail(n.src.String(), path, "%s: not supported in this version; remove the key", why)
	case offType:
		text, ok := d.text(path, n, sf)
		if !ok {
			return
		}
		if on, err := parseBool(text); err != nil {
			d.bad(path, n, text, sf)
		} else if on {
			d.fail(n.src.String(), path, "%s: not supported in this version; set it to false or remove it", why)
		}
	}
}

func (d *decoder) mapOf(path string, n *node, v reflect.Value, sf reflect.StructField) {
	if n.kind != mapping {
		d.fail(n.src.String(), path, "holds names; give a mapping")
		return
	}
	if len(n.fields) == 0 {
		return
	}
	t := v.Type()
	out := reflect.MakeMap(t)
	for _, f := range n.fields {
		key, item := join(path, f.name), reflect.New(t.Elem()).Elem()
		if t.Elem() == endpointType {
			item.Set(reflect.ValueOf(defaultEndpoint()))
			d.sources[key] = f.src.String()
			d.section(key, f.value, item)
		} else if !f.value.null {
			d.sources[key] = f.value.src.String()
			if text, ok := d.text(key, f.value, sf); ok {
				d.scalar(key, f.value, text, item, sf)
			}
		}
		out.SetMapIndex(reflect.ValueOf(f.name), item)
	}
	v.Set(out)
}

// listOf decodes a list, or a scalar that holds one: a JSON array, or values separated by commas.
func (d *decoder) listOf(path string, n *node, v reflect.Value, sf reflect.StructField) {
	if n.kind == scalar {
		text, ok := d.text(path, n, sf)
		if !ok {
			return
		}
		split, err := splitList(text, n.src)
		if err != nil {
			d.fail(n.src.String(), path, "%v; give %s", err, accepts(sf))
			return
		}
		n = split
	}
	if n.kind != list {
		d.fail(n.src.String(), path, "is a mapping; give %s", accepts(sf))
		return
	}
	// Never nil: an empty list is an answer, "none", and not the absence of one.
	out := reflect.MakeSlice(v.Type(), len(n.items), len(n.items))
	for i, item := range n.items {
		if isSection(v.Type().Elem()) {
			emptyLists(out.Index(i))
			d.section(join(path, strconv.Itoa(i+1)), item, out.Index(i))
			continue
		}
		text, ok := d.text(path, item, sf)
		if !ok {
			return
		}
		d.scalar(path, item, text, out.Index(i), sf)
	}
	v.Set(out)
}

// emptyLists makes the lists of an item empty, as those of a default are.
func emptyLists(item reflect.Value) {
	for _, f := range item.Fields() {
		if f.Kind() == reflect.Slice {
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		}
	}
}

func splitList(text string, src source) (*node, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "[") {
		return parseJSON(text, src)
	}
	n := &node{kind: list, src: src}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			n.items = append(n.items, &node{kind: scalar, src: src, text: part})
		}
	}
	return n, nil
}

// text returns a scalar's text with its variables replaced, or reports why it cannot.
func (d *decoder) text(path string, n *node, sf reflect.StructField) (string, bool) {
	if n.kind != scalar {
		d.fail(n.src.String(), path, "is a %s; give %s", map[kind]string{list: "list", mapping: "mapping"}[n.kind], accepts(sf))
		return "", false
	}
	expands := n.expand
	if !expands {
		_, expands = wholeFile(n.text)
	}
	if !expands {
		if reference.MatchString(n.text) {
			d.note(n.src.String(), path, "${NAME} is replaced in the file only; the value counts as it stands")
		}
		return n.text, true
	}
	filled := false
	text, err := expand(n.text, func(name string) (string, bool) {
		filled = true
		return d.lookup(name)
	}, func(file string) (string, error) {
		filled = true
		return d.fromFile(file)
	})
	if err != nil {
		d.fail(n.src.String(), path, "%v", err)
		return "", false
	}
	if filled {
		d.filled[path] = true
	}
	return text, true
}

func (d *decoder) scalar(path string, n *node, text string, v reflect.Value, sf reflect.StructField) {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); errors.Is(err, errMask) {
			d.fail(n.src.String(), path, "%v", err)
		} else if err != nil || !inBounds(v, sf) {
			d.bad(path, n, text, sf)
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		if !d.word(text, v, sf) {
			d.bad(path, n, text, sf)
		}
	case reflect.Bool:
		b, err := parseBool(text)
		if err != nil {
			d.bad(path, n, text, sf)
			return
		}
		v.SetBool(b)
	default:
		i, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(text), "_", ""), 10, v.Type().Bits())
		if err != nil {
			d.bad(path, n, text, sf)
			return
		}
		if v.SetInt(i); !inBounds(v, sf) {
			d.bad(path, n, text, sf)
		}
	}
}

// word sets a string, one of the accepted words if the key has a list of them.
func (d *decoder) word(text string, v reflect.Value, sf reflect.StructField) bool {
	words, closed := sf.Tag.Lookup("enum")
	if !closed {
		v.SetString(text)
		return true
	}
	word := strings.ToLower(strings.TrimSpace(text))
	for alias := range strings.SplitSeq(sf.Tag.Get("alias"), "|") {
		if from, to, ok := strings.Cut(alias, "="); ok && word == from {
			word = to
		}
	}
	v.SetString(word)
	return slices.Contains(strings.Split(words, "|"), word)
}

// bad reports a value that is not accepted. Values of secrets are not shown.
func (d *decoder) bad(path string, n *node, text string, sf reflect.StructField) {
	shown := strconv.Quote(MaskURL(text))
	if sf.Type == secretType {
		shown = "the value"
	}
	d.fail(n.src.String(), path, "%s is not accepted; give %s", shown, accepts(sf))
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("not a boolean")
}
