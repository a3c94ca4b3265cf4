package endpoint

import (
	"net/http"
	"strings"
)

// Applications behind CGI, WSGI, Rack and their like see the name of a field with every hyphen as an underscore (RFC 3875
// 4.1.18), so that X_Forwarded_For and X-Forwarded-For are one field to them. A client's field that would be taken for one
// that only this hop or the configuration writes is dropped.

// hyphened returns a canonical name with hyphens in place of what is neither letter nor digit.
func hyphened(canonical string) string {
	if strings.IndexFunc(canonical, isOdd) < 0 {
		return canonical
	}
	return http.CanonicalHeaderKey(strings.Map(func(r rune) rune {
		if isOdd(r) {
			return '-'
		}
		return r
	}, canonical))
}

func isOdd(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-')
}

// forwarding reports whether a canonical name is of a field that tells of the way of a request.
func forwarding(canonical string) bool {
	return canonical == "Via" || canonical == "Forwarded" || strings.HasPrefix(canonical, "X-Forwarded-")
}

// newGuarded returns the names, with hyphens, that the configuration writes.
func (e *Endpoint) newGuarded() map[string]bool {
	guarded := make(map[string]bool, len(e.static)+1)
	for name := range e.static {
		guarded[hyphened(name)] = true
	}
	if e.authField != "" && (e.authField != "Authorization" || e.replacesAuthorization) {
		guarded[hyphened(e.authField)] = true
	}
	return guarded
}

// impersonates reports whether a client's field could be taken for another that it must not set.
func (e *Endpoint) impersonates(canonical string) bool {
	name := hyphened(canonical)
	if e.guarded[name] {
		return true
	}
	return name != canonical && (hopByHop[name] || framing[name] || ours(name) || forwarding(name) || e.strip.has(name))
}
