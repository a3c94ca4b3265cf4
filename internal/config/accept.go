package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// accepts says what a key takes, in words that follow "give".
func accepts(sf reflect.StructField) string {
	lo, hasLo := sf.Tag.Lookup("min")
	hi, hasHi := sf.Tag.Lookup("max")
	limits := ""
	switch {
	case hasLo && hasHi:
		limits = fmt.Sprintf(" from %s to %s", lo, hi)
	case hasLo:
		limits = fmt.Sprintf(", at least %s", lo)
	case hasHi:
		limits = fmt.Sprintf(", at most %s", hi)
	}
	if words := sf.Tag.Get("enum"); words != "" {
		return "one of " + strings.Join(strings.Split(strings.TrimPrefix(words, "|"), "|"), ", ")
	}
	switch t := sf.Type; {
	case t == durationType:
		return "a duration such as 30s or 14d, or a number of seconds" + limits
	case t == sizeType:
		return "a size such as 10MiB, or a number of bytes" + limits
	case t == rateType:
		return "a rate such as 100/s, 6000/m or 5/h"
	case t == offType, t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "a list, or values separated by commas"
	case t.Kind() == reflect.Map:
		return "a mapping of text to text"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return "a whole number" + limits
	}
	return "text"
}

// inBounds tells whether a number lies within the limits of its key.
func inBounds(v reflect.Value, sf reflect.StructField) bool {
	if !v.CanInt() {
		return true
	}
	lo, hi := bound(sf, "min", 0), bound(sf, "max", math.MaxInt64)
	return v.Int() >= lo && v.Int() <= hi
}

func bound(sf reflect.StructField, tag string, missing int64) int64 {
	text, ok := sf.Tag.Lookup(tag)
	if !ok {
		return missing
	}
	v := reflect.New(sf.Type)
	if u, ok := v.Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			panic(fmt.Sprintf("config: tag %s of field %s: %v", tag, sf.Name, err))
		}
		return v.Elem().Int()
	}
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("config: tag %s of field %s: %v", tag, sf.Name, err))
	}
	return i
}
