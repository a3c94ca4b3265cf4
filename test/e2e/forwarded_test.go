package e2e

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// hopByHop are the fields that concern one connection only (RFC 9110 7.6.1).
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings",
}

// addedForward are the fields that OpenHQM itself puts on a request to an
// endpoint. The client's own Forwarded, X-Forwarded-* and trace context are continued or
// replaced, its OpenHQM-* fields dropped.
func addedForward(name string) bool {
	switch name {
	case "Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "Traceparent", "Tracestate":
		return true
	}
	return strings.HasPrefix(name, "Openhqm-")
}

// wantForwarded checks that what arrived is what the client sent, but for these
// changes, which are all there are:
//
//   - hop-by-hop fields and those that Connection names are dropped; a client's
//     wish for trailers is renewed for the next hop (RFC 9110 10.1.4)
//   - Prefer is consumed, Expect is not passed on
//   - framing is ours: a Content-Length of the bytes
//   - the fields of addedForward
//   - names are canonical
func wantForwarded(t testing.TB, sent request, host string, got recorder.Arrival) {
	t.Helper()
	if !got.Complete {
		t.Errorf("the arrival is truncated: %q", got.Head)
	}
	if got.Method() != sent.method || got.Target() != sent.target {
		t.Errorf("arrived as %s %s, sent as %s %s", got.Method(), got.Target(), sent.method, sent.target)
	}
	if string(got.Body) != sent.content() {
		t.Errorf("the body arrived as %d bytes %q, sent %d bytes %q", len(got.Body), tail(string(got.Body), 200), len(sent.content()), tail(sent.content(), 200))
	}
	want, have := sentFields(sent), http.Header{}
	for _, field := range got.Fields() {
		have[textproto.CanonicalMIMEHeaderKey(field.Name)] = append(have[textproto.CanonicalMIMEHeaderKey(field.Name)], field.Value)
		if field.Name != textproto.CanonicalMIMEHeaderKey(field.Name) && !strings.HasPrefix(field.Name, "OpenHQM-") {
			t.Errorf("the name %s is not canonical", field.Name)
		}
	}
	if !sent.has("Host") {
		want.Set("Host", host)
	}
	if sent.has("Te") && have.Get("Te") == "trailers" && have.Get("Connection") == "TE" {
		delete(have, "Te")
		delete(have, "Connection")
	}
	for name := range have {
		if addedForward(name) {
			delete(have, name)
		}
	}
	if length := have.Get("Content-Length"); length != "" || len(got.Body) > 0 {
		want.Set("Content-Length", itoa(len(sent.content())))
	}
	sameFields(t, "forwarded", want, have)
}

// sentFields are the fields of a request that should arrive.
func sentFields(sent request) http.Header {
	fields := http.Header{}
	for _, field := range sent.fields {
		name, value, _ := strings.Cut(field, ":")
		name = textproto.CanonicalMIMEHeaderKey(name)
		fields[name] = append(fields[name], strings.Trim(value, " \t"))
	}
	dropHopByHop(fields)
	for name := range fields {
		if addedForward(name) || name == "Prefer" || name == "Expect" || name == "Content-Length" {
			delete(fields, name)
		}
	}
	return fields
}

// dropHopByHop removes what one connection only is about.
func dropHopByHop(fields http.Header) {
	for _, line := range fields["Connection"] {
		for nominated := range strings.SplitSeq(line, ",") {
			fields.Del(strings.TrimSpace(nominated))
		}
	}
	for _, name := range hopByHop {
		delete(fields, name)
	}
}

// sameFields compares two sets of fields: same names, and for each the same
// values in the same order and number.
func sameFields(t testing.TB, what string, want, got http.Header) {
	t.Helper()
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			t.Errorf("%s field %s is %q, want %q", what, name, got[name], values)
		}
	}
	for name, values := range got {
		if _, known := want[name]; !known {
			t.Errorf("%s field %s: %q was added", what, name, values)
		}
	}
}
