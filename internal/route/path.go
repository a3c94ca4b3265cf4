package route

import "strings"

// CleanPath returns a raw path as routes compare it, which is as most servers understand it: escaped characters that need
// no escape (RFC 3986 2.3) stand for themselves, the digits of other escapes are upper case, a percent sign that begins no
// escape is escaped, dot segments are resolved (5.2.4) and slashes in a row are one. An escaped slash is no border. A path that
// is so already, as nearly every one, is returned as it is.
func CleanPath(raw string) string {
	if isClean(raw) {
		return raw
	}
	path := unescapeUnreserved(raw)
	var out []string
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == "..":
			out = out[:max(0, len(out)-1)]
		case segment == ".", segment == "" && !last:
		default:
			out = append(out, segment)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}

func isClean(path string) bool {
	if path == "" || path[0] != '/' {
		return path == "*" // of OPTIONS
	}
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '%':
			return false
		case path[i] == '/' && i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.'):
			return false
		}
	}
	return true
}

func unescapeUnreserved(raw string) string {
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' {
			b.WriteByte(raw[i])
			continue
		}
		c, ok := escaped(raw[i:])
		switch {
		case !ok:
			b.WriteString("%25") // or it would make an escape of what is unescaped behind it
			continue
		case unreserved(c):
			b.WriteByte(c)
		default:
			b.WriteString(strings.ToUpper(raw[i : i+3]))
		}
		i += 2
	}
	return b.String()
}

// escaped returns the character whose escape s begins with.
func escaped(s string) (c byte, ok bool) {
	if len(s) < 3 {
		return 0, false
	}
	high, ok := hex(s[1])
	low, ok2 := hex(s[2])
	return high<<4 | low, ok && ok2
}

func hex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// unreserved is that of RFC 3986 2.3.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// cleanHost returns the name of a Host field: in lower case, without a port and without the root's point.
func cleanHost(host string) string {
	// A bare address of IPv6, which has more colons, has no port.
	if i := strings.LastIndexByte(host, ':'); i >= 0 && (strings.IndexByte(host, ':') == i || host[i-1] == ']') {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
