package reply

import (
	"net/textproto"
	"strings"
)

// resolve makes a relative Location absolute enough to mean at the raw link what it meant at the original target: a path
// from the root. Everything else stays byte for byte; dot segments are for the client to remove (RFC 3986 5.2.2).
func resolve(target, location string) string {
	if location == "" || location[0] == '/' || hasScheme(location) {
		return location
	}
	path, _, _ := strings.Cut(target, "?")
	switch location[0] {
	case '?':
		return path + location
	case '#':
		return target + location
	}
	return path[:strings.LastIndexByte(path, '/')+1] + location
}

// hasScheme reports whether a reference begins with a scheme (RFC 3986 4.2: a colon in the first segment).
func hasScheme(reference string) bool {
	colon := strings.IndexByte(reference, ':')
	return colon > 0 && !strings.ContainsAny(reference[:colon], "/?#")
}

// withPath gives a cookie without a usable Path the one that it would have had in the original answer (RFC 6265 5.1.4).
func withPath(cookie, target string) string {
	usable := false
	_, attributes, _ := strings.Cut(cookie, ";")
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		if strings.EqualFold(textproto.TrimString(name), "Path") {
			usable = strings.HasPrefix(textproto.TrimString(value), "/") // the last one counts (RFC 6265 5.3)
		}
	}
	if usable {
		return cookie
	}
	return cookie + "; Path=" + defaultPath(target)
}

// defaultPath is RFC 6265 5.1.4. A semicolon cannot stand in the attribute: the path ends before the segment that has one.
func defaultPath(target string) string {
	path, _, _ := strings.Cut(target, "?")
	path, _, _ = strings.Cut(path, ";")
	if last := strings.LastIndexByte(path, '/'); last > 0 {
		return path[:last]
	}
	return "/"
}
