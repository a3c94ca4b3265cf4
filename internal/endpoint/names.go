package endpoint

import (
	"net/http"
	"strings"
)

// names is a set of field names, whatever their case, given as names or as patterns in which * stands for any characters,
// none included: *, X-*, *-Token, X-*-Id.
type names struct {
	all      bool
	exact    map[string]bool
	patterns []pattern
}

// pattern holds what stands between the asterisks of a pattern, so that there are at least two parts.
type pattern []string

func newNames(list []string) names {
	n := names{exact: make(map[string]bool, len(list))}
	for _, p := range list {
		switch {
		case strings.Trim(p, "*") == "":
			n.all = true
		case strings.Contains(p, "*"):
			n.patterns = append(n.patterns, strings.Split(strings.ToLower(p), "*"))
		default:
			n.exact[http.CanonicalHeaderKey(p)] = true
		}
	}
	return n
}

func (n *names) has(canonical string) bool {
	if n.all || n.exact[canonical] {
		return true
	}
	for _, p := range n.patterns {
		if p.matches(canonical) {
			return true
		}
	}
	return false
}

func (p pattern) matches(name string) bool {
	first, last := p[0], p[len(p)-1]
	if len(name) < len(first)+len(last) {
		return false
	}
	end := len(name) - len(last)
	if !strings.EqualFold(name[:len(first)], first) || !strings.EqualFold(name[end:], last) {
		return false
	}
	rest := name[len(first):end]
	for _, part := range p[1 : len(p)-1] {
		at := indexFold(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return true
}

// indexFold returns where part begins in s, whatever the case, or -1.
func indexFold(s, part string) int {
	for i := 0; i+len(part) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

// folded returns the name that an application may take a field for which hands its fields on as variables: CGI (RFC 3875
// 4.1.18) and what followed it make X_Api_Key, X.Api.Key and X-Api-Key one. Most names come back as they are.
func folded(canonical string) string {
	for i := range len(canonical) {
		if !plain(canonical[i]) {
			return http.CanonicalHeaderKey(strings.Map(func(r rune) rune {
				if r < 0x80 && plain(byte(r)) {
					return r
				}
				return '-'
			}, canonical))
		}
	}
	return canonical
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-'
}

// foldedPatterns folds all but the asterisks of a list.
func foldedPatterns(list []string) []string {
	all := make([]string, 0, len(list))
	for _, p := range list {
		parts := strings.Split(p, "*")
		for i := range parts {
			parts[i] = folded(parts[i])
		}
		all = append(all, strings.Join(parts, "*"))
	}
	return all
}
