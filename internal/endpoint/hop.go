package endpoint

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// hopByHop are the fields that never pass, nominated by Connection or not (RFC 9110 7.6.1). HTTP2-Settings goes with
// Upgrade (RFC 7540 3.2.1), and the proxy's own authentication concerns the next hop only (RFC 9110 11.7).
var hopByHop = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true,
	"Proxy-Authenticate": true, "Proxy-Authorization": true,
}

// framing are the fields that are made anew for each connection.
var framing = map[string]bool{"Content-Length": true, "Host": true, "Expect": true}

// ours reports whether a canonical name is of the fields that only OpenHQM sets.
func ours(canonical string) bool { return strings.HasPrefix(canonical, "Openhqm-") }

// nominated returns the canonical names that Connection names, or nil (RFC 9110 7.6.1).
func nominated(h http.Header) map[string]bool {
	var names map[string]bool
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			option = strings.Trim(option, " \t")
			if option == "" {
				continue
			}
			if names == nil {
				names = make(map[string]bool)
			}
			names[http.CanonicalHeaderKey(option)] = true
		}
	}
	return names
}

// cleanAnswer removes from an answer's fields what belongs to the connection or to OpenHQM, and names that are none.
// net/http hides the Connection field of an answer that closes, so that what else it nominates stays.
func cleanAnswer(h http.Header, drop map[string]bool) {
	for name := range h {
		canonical := http.CanonicalHeaderKey(name)
		if hopByHop[canonical] || drop[canonical] || ours(canonical) || !httpguts.ValidHeaderFieldName(name) {
			delete(h, name)
		}
	}
}

// keptPreferences removes the preferences that were meant for OpenHQM and keeps the others as they are (RFC 7240 2). A wait
// is meant for it if the first one is well-formed: one that could not be obeyed was not.
func keptPreferences(lines []string) []string {
	obeyed, sawWait := map[string]bool{"respond-async": true}, false
	for _, line := range lines {
		for _, item := range splitList(line, ',') {
			if name, value := preference(item); name == "wait" && !sawWait {
				sawWait, obeyed["wait"] = true, value != "" && strings.Trim(value, "0123456789") == ""
			}
		}
	}
	var kept []string
	for _, line := range lines {
		var rest []string
		consumed := false
		for _, item := range splitList(line, ',') {
			if name, _ := preference(item); obeyed[name] {
				consumed = true
			} else {
				rest = append(rest, strings.Trim(item, " \t"))
			}
		}
		switch {
		case !consumed:
			kept = append(kept, line)
		case len(rest) > 0:
			kept = append(kept, strings.Join(rest, ", "))
		}
	}
	return kept
}

// preference splits `name = value ; parameters`; a quoted value loses its quotes.
func preference(item string) (name, value string) {
	name, value, _ = strings.Cut(splitList(item, ';')[0], "=")
	value = strings.Trim(value, " \t")
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return strings.ToLower(strings.Trim(name, " \t")), value
}

// splitList splits at a separator outside quoted strings (RFC 9110 5.6.1, 5.6.4).
func splitList(s string, separator byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}
