package endpoint

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	planted "github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
	"golang.org/x/net/http/httpguts"
)

// arrival is a client's request as the rules of this file see it.
type arrival struct {
	method, host, scheme, proto, remote string
	header                              http.Header
	queued                              bool // what its preferences ask of OpenHQM has been done

	injected bool // set by outgoing: it bears credentials of our own
}

// maxPasses is how often a request may pass through one process before it is taken for a loop. More than once, because a
// path through an application and back to another endpoint is no loop.
const maxPasses = 3

// outgoing returns the fields to send. The order of the rules matters: what Connection nominates goes first, so that a
// client cannot remove a field that is added here.
func (e *Endpoint) outgoing(in *arrival) (http.Header, error) {
	h := make(http.Header, len(in.header)+len(e.static)+8)
	drop := nominated(in.header)
	for name, values := range in.header {
		canonical := http.CanonicalHeaderKey(name)
		if hopByHop[canonical] && !planted.Planted(planted.HopByHopForwarded) || framing[canonical] || ours(canonical) || drop[canonical] || !e.forwards(canonical) || e.impersonates(canonical) {
			continue
		}
		if canonical == "Prefer" && in.queued {
			if values = keptPreferences(values); len(values) == 0 {
				continue
			}
		}
		if err := valid(name, values); err != nil {
			return nil, err
		}
		if h[canonical] == nil {
			h[canonical] = slices.Clip(values) // shared, and never changed in place
		} else {
			h[canonical] = append(h[canonical], values...)
		}
	}
	if passes(in.header["Via"], e.pseudonym) >= maxPasses {
		return nil, &fault{class: queue.Rejected, status: http.StatusLoopDetected,
			text: fmt.Sprintf("the request has been through this process %d times: it goes in a circle", maxPasses)}
	}
	e.addForwarded(h, in)
	if !echoed(in.method) {
		for name, value := range e.static {
			h[name] = []string{value}
		}
		var err error
		if in.injected, err = e.authenticate(h); err != nil {
			return nil, err
		}
	}
	if httpguts.HeaderValuesContainsToken(in.header["Te"], "trailers") {
		h["Te"], h["Connection"] = []string{"trailers"}, []string{"TE"} // RFC 9110 10.1.4
	}
	e.suppressUserAgent(h)
	for canonical, exact := range e.spelling {
		if values, ok := h[canonical]; ok {
			delete(h, canonical)
			h[exact] = values
			if canonical == "User-Agent" {
				h[canonical] = nil // the transport would add its own
			}
		}
	}
	return h, nil
}

// echoed reports whether the answer to a method repeats the request to the client, who must not see what was added to it
// (RFC 9110 9.3.8). Some servers do not heed the case.
func echoed(method string) bool { return strings.EqualFold(method, http.MethodTrace) }

// forwards reports whether the configuration lets a client's field pass.
func (e *Endpoint) forwards(canonical string) bool {
	if e.strip.has(canonical) || !e.forward.has(canonical) {
		return false
	}
	if _, replaced := e.static[canonical]; replaced {
		return false
	}
	if canonical == "Authorization" {
		return !e.replacesAuthorization
	}
	return canonical != e.authField
}

// valid checks again what was checked at the door, because whoever can write to the store could inject.
func valid(name string, values []string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return &fault{class: queue.Rejected, status: http.StatusBadGateway, text: fmt.Sprintf("the request has a field name that cannot be sent: %.60q", name)}
	}
	for _, v := range values {
		if !httpguts.ValidHeaderFieldValue(v) {
			return &fault{class: queue.Rejected, status: http.StatusBadGateway, text: fmt.Sprintf("the request has a value of field %.60q that cannot be sent", name)}
		}
	}
	return nil
}

// addForwarded appends this hop: Via (RFC 9110 7.6.3), Forwarded (RFC 7239 4) and the fields that preceded it. What
// earlier proxies said stays in front; for protocol and host the first one knows best.
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
	if in.host != "" && httpguts.ValidHostHeader(in.host) {
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

// passes counts how often Via names the pseudonym.
func passes(via []string, pseudonym string) int {
	n := 0
	for _, line := range via {
		for _, element := range splitList(line, ',') {
			if words := strings.Fields(element); len(words) >= 2 && words[1] == pseudonym {
				n++
			}
		}
	}
	return n
}

// authenticate sets the configured credentials, after everything of the client's that bears their name is gone, and reports
// whether it did.
func (e *Endpoint) authenticate(h http.Header) (bool, error) {
	a := &e.config.Auth
	if a.Scheme == AuthNone || e.authField == "Authorization" && !e.replacesAuthorization && len(h["Authorization"]) > 0 {
		return false, nil
	}
	secret := a.Secret()
	value := secret
	switch a.Scheme {
	case AuthBearer:
		value = "Bearer " + secret
	case AuthBasic:
		value = "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Username+":"+secret))
	}
	if secret == "" || !httpguts.ValidHeaderFieldValue(value) {
		return false, &fault{class: queue.NotSent, status: http.StatusBadGateway,
			text: "the configured credentials are empty or cannot be the value of a field; correct the secret"}
	}
	h[e.authField] = []string{value}
	return true, nil
}

// suppressUserAgent keeps the transport from adding a field of its own, or from reducing the client's to one value.
func (e *Endpoint) suppressUserAgent(h http.Header) {
	values, sent := h["User-Agent"]
	if sent && (len(values) != 1 || values[0] == "") {
		h["user-agent"] = values // below the name that the transport looks at
	}
	if !sent || len(values) != 1 {
		h["User-Agent"] = nil
	}
}

// trailer returns the request's trailer fields to send, nil for none: they are subject to the rules for fields, and to
// RFC 9110 6.5.1, which keeps framing, routing and authentication out.
func (e *Endpoint) trailer(r *queue.Request) (http.Header, error) {
	if len(r.Trailer) == 0 {
		return nil, nil
	}
	drop := nominated(r.Header)
	t := make(http.Header, len(r.Trailer))
	for name, values := range r.Trailer {
		canonical := http.CanonicalHeaderKey(name)
		if !e.forwardsTrailer(canonical, drop) {
			continue
		}
		if err := valid(name, values); err != nil {
			return nil, err
		}
		t[canonical] = values
	}
	if len(t) == 0 {
		return nil, nil
	}
	return t, nil
}

// forwardsTrailer reports whether a client's trailer field passes. drop is what the client's Connection nominates.
func (e *Endpoint) forwardsTrailer(canonical string, drop map[string]bool) bool {
	return !hopByHop[canonical] && !framing[canonical] && !ours(canonical) && !forwarding(canonical) && !drop[canonical] && e.forwards(canonical) && !e.impersonates(canonical) &&
		httpguts.ValidTrailerHeader(canonical)
}

// filterTrailer removes from a passed-through request's trailer what does not pass. An error means that it is malformed.
func (e *Endpoint) filterTrailer(in *http.Request, drop map[string]bool) error {
	for name, values := range in.Trailer {
		if !e.forwardsTrailer(http.CanonicalHeaderKey(name), drop) {
			delete(in.Trailer, name)
		} else if err := valid(name, values); err != nil {
			return err
		}
	}
	return nil
}

// host returns the Host field to send.
func (e *Endpoint) host(client string) (string, error) {
	host := e.base.host
	switch e.config.Host {
	case HostPreserve:
		host = orElse(client, host)
	case HostAuto:
		if e.base.loopback {
			host = orElse(client, host)
		}
	case HostEndpoint:
	default:
		host = e.config.Host
	}
	if !httpguts.ValidHostHeader(host) {
		return "", &fault{class: queue.Rejected, status: http.StatusBadGateway, text: "the request has a host that cannot be sent"}
	}
	return host, nil
}

func orElse(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
