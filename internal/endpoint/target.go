package endpoint

import (
	"net"
	"net/url"
	"strings"
)

// base is the endpoint's URL, taken apart once.
type base struct {
	scheme   string
	host     string // host or host:port, as configured
	path     string // without a slash at its end
	root     string // the path as configured
	query    string
	loopback bool
}

func newBase(u *url.URL) base {
	return base{
		scheme:   u.Scheme,
		host:     u.Host,
		path:     strings.TrimRight(u.EscapedPath(), "/"),
		root:     u.EscapedPath(),
		query:    u.RawQuery,
		loopback: loopback(u.Hostname()),
	}
}

// join returns the target to send for a client's raw target: base path, then the client's path and query, not one byte
// of them changed (RFC 9112 3.2.1). The client's root is the endpoint's URL as it is configured, with a slash at its end
// or without. An asterisk stays one where the endpoint has no path (RFC 9112 3.2.4).
func (b *base) join(target string) string {
	if b.path == "" && b.query == "" {
		return target
	}
	path, query, asked := strings.Cut(target, "?")
	if path == "/" || path == "*" {
		path = orElse(b.root, "/")
	} else {
		path = b.path + path
	}
	switch {
	case b.query != "" && asked:
		return path + "?" + b.query + "&" + query
	case b.query != "":
		return path + "?" + b.query
	case asked:
		return path + "?" + query
	}
	return path
}

// url returns the URL that makes the transport send the target as it is, and the request line to put in its place where
// no URL can: a target with two leading slashes would be taken for an authority.
func (b *base) url(method, target string) (u *url.URL, line string) {
	u = &url.URL{Scheme: b.scheme, Host: b.host}
	if strings.HasPrefix(target, "//") {
		u.Path = placeholder
		return u, method + " " + target + " HTTP/1.1\r\n"
	}
	u.Opaque = target
	return u, ""
}

// placeholder is the target of a request whose request line is put in below the transport.
const placeholder = "/"

// validTarget reports whether a request line can hold the target: no control character and no blank.
func validTarget(target string) bool {
	if target == "" {
		return false
	}
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return false
		}
	}
	return target[0] == '/' || target == "*"
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
