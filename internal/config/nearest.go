package config

import (
	"reflect"
	"strings"
)

// nearestKey returns the full path of the key a user most likely meant by name below prefix, whose struct type is t: a
// sibling spelled nearly so, else a key spelled so where it may well have been meant, else "".
func nearestKey(t reflect.Type, prefix, name string) string {
	best, bestDistance := "", limit(name)+1
	for f := range fieldsOf(t) {
		if d := distance(strings.ToLower(name), keyOf(f)); d < bestDistance {
			best, bestDistance = join(prefix, keyOf(f)), d
		}
	}
	if best != "" {
		return best
	}
	elsewhere := ""
	section, _, _ := strings.Cut(prefix, ".")
	for _, k := range schema() {
		family, below, _ := strings.Cut(k.path, ".")
		switch {
		case keyOf(k.field) != strings.ToLower(name) || below == "" || strings.Contains(k.path, placeholder):
		case family == section:
			return k.path
		case elsewhere == "" && (prefix == "" && !strings.Contains(below, ".") || holdsSections(k.field.Type)):
			elsewhere = k.path
		}
	}
	return elsewhere
}

// holdsSections tells the keys that mean the same wherever they are written. A single value does not: the mode or the host
// of another section is something else.
func holdsSections(t reflect.Type) bool { return t.Kind() == reflect.Map && isSection(t.Elem()) }

// nearestWord returns the one of words most like s, or "".
func nearestWord(words []string, s string) string {
	best, bestDistance := "", limit(s)+1
	for _, w := range words {
		if d := distance(strings.ToLower(s), strings.ToLower(w)); d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best
}

// limit is how many edits still count as a slip of the pen.
func limit(s string) int { return max(1, min(len(s)/3, maxEdits)) }

const maxEdits = 4

// distance is the number of single-byte edits, swaps of neighbours included, that turn a into b.
func distance(a, b string) int {
	if d := len(a) - len(b); d > maxEdits || -d > maxEdits {
		return maxEdits + 1
	}
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
