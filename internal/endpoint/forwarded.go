package endpoint

import (
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// chained reports whether a field is one that each proxy on the way continues. What peers who are not trusted say in it has
// been dropped when the request came in.
func chained(canonical string) bool {
	switch canonical {
	case "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port":
		return true
	}
	return false
}

// forwarding reports whether a field tells of the way of a request, whoever sets it.
func forwarding(canonical string) bool {
	return canonical == "Via" || canonical == "Forwarded" || strings.HasPrefix(canonical, "X-Forwarded-")
}

// addForwarded appends this hop: Via (RFC 9110 7.6.3), Forwarded (RFC 7239 4) and the fields that preceded it. What
// earlier proxies said stays in front; for protocol, host and port the first one knows best.
func (e *Endpoint) addForwarded(h http.Header, in *arrival) {
	appendList(h, "Via", protocolVersion(in.proto)+" "+e.pseudonym)
	var element []string
	if ip := remoteIP(in.remote); ip != "" {
		appendList(h, "X-Forwarded-For", ip)
		if strings.Contains(ip, ":") {
			ip = `"[` + ip + `]"`
		}
		element = append(element, "for="+ip)
	}
	called := first(h["X-Forwarded-Host"])
	if in.host != "" && httpguts.ValidHostHeader(in.host) {
		called = orElse(called, in.host) // whole: a comma may stand in a host
		setDefault(h, "X-Forwarded-Host", in.host)
		host := in.host
		if !httpguts.ValidHeaderFieldName(host) { // not a token: it has a port
			host = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(host) + `"`
		}
		element = append(element, "host="+host)
	}
	if in.scheme == "http" || in.scheme == "https" {
		setDefault(h, "X-Forwarded-Proto", in.scheme)
		element = append(element, "proto="+in.scheme)
	}
	if port := forwardedPort(called, first(h["X-Forwarded-Proto"])); port != "" {
		setDefault(h, "X-Forwarded-Port", port)
	}
	if len(element) > 0 {
		appendList(h, "Forwarded", strings.Join(element, ";"))
	}
}

// appendList adds to a list field in one line: applications often read the first line only.
func appendList(h http.Header, name, element string) {
	if prior := h[name]; len(prior) > 0 {
		element = strings.Join(prior, ", ") + ", " + element
	}
	h[name] = []string{element}
}

func setDefault(h http.Header, name, value string) {
	if len(h[name]) == 0 {
		h[name] = []string{value}
	}
}

func protocolVersion(proto string) string {
	switch proto {
	case "", "HTTP/1.1":
		return "1.1"
	case "HTTP/2.0":
		return "2"
	case "HTTP/3.0":
		return "3"
	}
	if v := strings.TrimPrefix(proto, "HTTP/"); httpguts.ValidHeaderFieldName(v) {
		return v
	}
	return "1.1"
}

func remoteIP(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	host, _, _ = strings.Cut(host, "%") // the zone means nothing elsewhere
	if net.ParseIP(host) == nil {
		return ""
	}
	return host
}

// first returns the first element of a list field.
func first(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	element, _, _ := strings.Cut(lines[0], ",")
	return strings.Trim(element, " \t")
}

// forwardedPort returns the port that the client called: the one in the host it named, else its scheme's; "" if neither says.
func forwardedPort(host, scheme string) string {
	if _, port, err := net.SplitHostPort(host); err == nil && port != "" && strings.Trim(port, "0123456789") == "" {
		return port
	}
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// clientScheme is the scheme that the client used: the first proxy's word, if proxies spoke, else that of the connection.
func clientScheme(r *http.Request) string {
	switch said := first(r.Header["X-Forwarded-Proto"]); {
	case strings.EqualFold(said, "https"), said == "" && r.TLS != nil:
		return "https"
	case strings.EqualFold(said, "http"), r.TLS == nil:
		return "http"
	}
	return "https"
}
