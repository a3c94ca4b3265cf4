package endpoint

import (
	"context"
	"encoding/base64"
	"fmt"
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
	shown                               bool // it is made to be looked at: no token is fetched for it

	injected bool   // set by outgoing: it bears credentials of our own
	token    *token // set by outgoing: the one that it bears, if it was fetched
}

// outgoing returns the fields to send. The order of the rules matters: what Connection nominates goes first, so that a
// client cannot remove a field that is added here. It waits, until ctx ends, where a token has to be fetched.
func (e *Endpoint) outgoing(ctx context.Context, in *arrival) (http.Header, error) {
	h := make(http.Header, len(in.header)+len(e.static)+8)
	drop := nominated(in.header)
	for name, values := range in.header {
		canonical := http.CanonicalHeaderKey(name)
		if hopByHop[canonical] && !planted.Planted(planted.HopByHopForwarded) || framing[canonical] || ours(canonical) || drop[canonical] || !e.sends(canonical) {
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
	if why := Circular(in.header["Via"], e.pseudonym); why != "" {
		return nil, &fault{class: queue.Rejected, status: http.StatusLoopDetected, text: why}
	}
	e.addForwarded(h, in)
	if !echoed(in.method) {
		for name, value := range e.static {
			h[name] = []string{value}
		}
		if err := e.authenticate(ctx, h, in); err != nil {
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

// sends reports whether a client's field is sent on: the configuration lets it pass, or it is of those that each hop
// continues. Nothing takes Via away, without which a circle would not be found.
func (e *Endpoint) sends(canonical string) bool {
	switch {
	case canonical == "Via":
		return true
	case chained(canonical):
		return !e.guarded[canonical] && !e.strip.has(canonical)
	}
	return e.forwards(canonical)
}

// forwards reports whether the configuration lets a client's field pass. A field that an application may take for one which
// is stripped, injected, or only ever set by a proxy goes the way of that one.
func (e *Endpoint) forwards(canonical string) bool {
	name := folded(canonical)
	if e.guarded[name] || e.strip.has(name) || !e.forward.has(canonical) {
		return false
	}
	return name == canonical || !forwarding(name) && !hopByHop[name] && !framing[name] && !ours(name)
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

// authenticate sets the configured credentials, after everything of the client's that bears their name is gone, and notes
// whether it did.
func (e *Endpoint) authenticate(ctx context.Context, h http.Header, in *arrival) error {
	a := &e.config.Auth
	if a.Scheme == AuthNone || e.authField == "Authorization" && !e.replacesAuthorization && len(h["Authorization"]) > 0 {
		return nil
	}
	if a.Scheme == AuthOAuth2 && in.shown {
		h["Authorization"] = []string{"Bearer TOKEN"}
		in.injected = true
		return nil
	}
	if a.Scheme == AuthOAuth2 {
		t, err := e.tokens.get(ctx)
		if err != nil {
			return err
		}
		h["Authorization"] = []string{"Bearer " + t.value}
		in.injected, in.token = true, t
		return nil
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
		return &fault{class: queue.NotSent, status: http.StatusBadGateway,
			text: "the configured credentials are empty or cannot be the value of a field; correct the secret"}
	}
	h[e.authField] = []string{value}
	in.injected = true
	return nil
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

// forwardsTrailer reports whether a client's trailer field passes; those that speak of the way do not. drop is what the client's Connection nominates.
func (e *Endpoint) forwardsTrailer(canonical string, drop map[string]bool) bool {
	return !hopByHop[canonical] && !framing[canonical] && !ours(canonical) && !forwarding(canonical) && !drop[canonical] && e.forwards(canonical) &&
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
