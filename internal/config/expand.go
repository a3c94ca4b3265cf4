package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// errReference does not show what follows "${": it may be part of a secret.
var errReference = errors.New(`"${" is not followed by the name of a variable and "}"; ` +
	"write ${NAME}, ${NAME:-default}, ${file:PATH}, or $${ for a literal ${")

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reference finds what would be replaced in a file, and elsewhere is most likely meant to be.
var reference = regexp.MustCompile(`\$\{(file:[^}]*|[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?)\}`)

// expand replaces ${VAR}, ${VAR:-default} and ${file:PATH} in text: the default stands in when VAR is unset or empty and may
// itself hold references; what a variable or a file holds is taken as it is. `$${` is a literal `${`; any other `$` is
// itself. Errors name variables and files, never values.
func expand(text string, lookup func(string) (string, bool), file func(path string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			out.WriteString(text[:i-1])
			out.WriteString("${")
			text = text[i+2:]
			continue
		}
		out.WriteString(text[:i])
		inner, rest, ok := cutBrace(text[i+2:])
		if !ok {
			return "", errReference
		}
		value, err := referred(inner, lookup, file)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = rest
	}
}

func referred(inner string, lookup func(string) (string, bool), file func(string) (string, error)) (string, error) {
	if path, ok := strings.CutPrefix(inner, filePrefix); ok {
		return file(path)
	}
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !variableName.MatchString(name) {
		return "", errReference
	}
	value, set := lookup(name)
	switch {
	case hasFallback && value == "":
		return expand(fallback, lookup, file)
	case !set:
		return "", fmt.Errorf("variable %s is not set; set it, or give a default: ${%s:-...}", name, name)
	}
	return value, nil
}

// cutBrace cuts s around the brace that closes an already opened one; braces of nested variables are skipped.
func cutBrace(s string) (inner, rest string, ok bool) {
	depth := 1
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			depth++
			i++
		case s[i] == '}':
			if depth--; depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}
