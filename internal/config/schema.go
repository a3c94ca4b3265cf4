package config

import (
	"encoding"
	"reflect"
	"strings"
)

var (
	ignoredType     = reflect.TypeFor[Ignored]()
	unsupportedType = reflect.TypeFor[Unsupported]()
	offType         = reflect.TypeFor[Off]()
	secretType      = reflect.TypeFor[Secret]()
	urlType         = reflect.TypeFor[URL]()
	durationType    = reflect.TypeFor[Duration]()
	sizeType        = reflect.TypeFor[Size]()
	rateType        = reflect.TypeFor[Rate]()
	endpointType    = reflect.TypeFor[Endpoint]()
	routesType      = reflect.TypeFor[[]Route]()
	rulesType       = reflect.TypeFor[[]RoutingRule]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isMarker tells the types that hold no value.
func isMarker(t reflect.Type) bool {
	return t == ignoredType || t == unsupportedType || t == offType
}

// isSection tells the struct types whose fields are keys.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !isMarker(t) && !reflect.PointerTo(t).Implements(unmarshalerType)
}

// isNamedList tells the lists whose items are sections with a name.
func isNamedList(t reflect.Type) bool { return t == routesType || t == rulesType }

// keyOf returns the key a struct field is set by, or "" for a field that is none.
func keyOf(f reflect.StructField) string { return f.Tag.Get("yaml") }

// fieldOf finds the struct field of a key.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range fieldsOf(t) {
		if keyOf(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// fieldsOf yields the struct fields that are keys, in order.
func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); keyOf(f) != "" && !yield(f) {
				return
			}
		}
	}
}

// schemaKey is one key of the schema. Below a map its path holds the placeholder NAME, below a list N.
type schemaKey struct {
	path  string
	field reflect.StructField
	live  bool
}

const placeholder = "NAME"

// itemPlaceholder stands for the number, from 1, of an item of a list.
const itemPlaceholder = "N"

// ofItem tells a key of an item of a list, which is set only with the whole list.
func ofItem(path string) bool { return strings.Contains(path, "."+itemPlaceholder+".") }

// schema returns all keys that hold a value or are markers, in the order of the structs.
func schema() []schemaKey {
	var keys []schemaKey
	var walk func(t reflect.Type, prefix string, live bool)
	walk = func(t reflect.Type, prefix string, live bool) {
		for f := range fieldsOf(t) {
			path := join(prefix, keyOf(f))
			below := live || f.Tag.Get("live") == "true"
			switch {
			case isSection(f.Type):
				walk(f.Type, path, below)
			default:
				keys = append(keys, schemaKey{path: path, field: f, live: below})
				switch {
				case f.Type.Kind() == reflect.Map && isSection(f.Type.Elem()) || isNamedList(f.Type):
					walk(f.Type.Elem(), join(path, placeholder), below)
				case f.Type.Kind() == reflect.Slice && isSection(f.Type.Elem()):
					walk(f.Type.Elem(), join(path, itemPlaceholder), below)
				}
			}
		}
	}
	walk(reflect.TypeFor[Config](), "", false)
	return keys
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// envName returns the variable that sets a key; a list is set as a whole.
func envName(path string) string {
	if before, _, listed := strings.Cut(path, "routes."+placeholder); listed {
		path = before + "routes"
	}
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "__", "-", "_").Replace(path))
}
