package config

import (
	"fmt"
	"strings"
)

// Error is one thing wrong with the configuration.
type Error struct {
	Source string // where it was set: "openhqm.yaml:3", a variable, a flag; "" when no layer set it
	Key    string // dotted key; "" when the error is about the source as a whole
	Text   string // what is wrong, and what is accepted instead
}

// Error returns source, key and text on one line.
func (e *Error) Error() string { return line(e.Source, e.Key, e.Text) }

// Errors is everything one Load found wrong, never empty, in the order of sources and keys.
type Errors []*Error

// Error returns one line per error.
func (e Errors) Error() string {
	if len(e) == 1 {
		return "configuration: " + e[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "configuration: %d errors", len(e))
	for _, one := range e {
		b.WriteString("\n  ")
		b.WriteString(one.Error())
	}
	return b.String()
}

// Note is something worth telling at start that stops nothing: a key that has no effect, for one.
type Note struct {
	Source string
	Key    string
	Text   string
}

// String returns source, key and text on one line.
func (n Note) String() string { return line(n.Source, n.Key, n.Text) }

func line(parts ...string) string {
	var given []string
	for _, p := range parts {
		if p != "" {
			given = append(given, p)
		}
	}
	return strings.Join(given, ": ")
}

// report collects the errors and notes of one Load.
type report struct {
	errs   Errors
	notes  []Note
	failed map[string]bool // keys with an error: what follows from a first error is not worth telling
}

func (r *report) fail(source, key, format string, args ...any) {
	if r.failed == nil {
		r.failed = map[string]bool{}
	}
	r.failed[key] = true
	r.errs = append(r.errs, &Error{Source: source, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (r *report) note(source, key, format string, args ...any) {
	r.notes = append(r.notes, Note{Source: source, Key: key, Text: fmt.Sprintf(format, args...)})
}
