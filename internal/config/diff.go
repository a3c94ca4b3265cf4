package config

import "reflect"

// RestartKeys returns the keys whose values differ between two configurations and that a reload cannot apply: the process
// must be restarted for them. They come in the order of the schema.
func RestartKeys(before, after *Config) []string {
	var keys []string
	var walk func(path string, a, b reflect.Value)
	walk = func(path string, a, b reflect.Value) {
		for f := range fieldsOf(a.Type()) {
			x, y := a.FieldByIndex(f.Index), b.FieldByIndex(f.Index)
			key := join(path, keyOf(f))
			switch {
			case f.Tag.Get("live") == "true":
			case isSection(f.Type):
				walk(key, x, y)
			case !reflect.DeepEqual(x.Interface(), y.Interface()):
				keys = append(keys, key)
			}
		}
	}
	walk("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	return keys
}
