package reply

import (
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// OneConnection reports whether a field is about one connection only and never travels further (RFC 9110 7.6.1, and what
// Go's reverse proxy adds). The name is canonical.
func OneConnection(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Http2-Settings":
		return true
	}
	return false
}

// OursOnly reports whether a field belongs to OpenHQM: such fields of clients and endpoints are dropped. The name is
// canonical.
func OursOnly(name string) bool { return strings.HasPrefix(name, "Openhqm-") }

// Nominated reports whether the Connection field names a field, which then is about that connection only. The name is
// canonical.
func Nominated(h http.Header, name string) bool {
	for _, line := range h["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			if textproto.CanonicalMIMEHeaderKey(textproto.TrimString(option)) == name {
				return true
			}
		}
	}
	return false
}

// valid reports whether a field can be written: a queue's content is not to be trusted as a header.
func valid(name, value string) bool {
	return httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

// copyFields adds the fields of a stored answer that may be replayed.
func copyFields(to, stored http.Header) {
	nominating := len(stored["Connection"]) > 0
	for name, values := range stored {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if OneConnection(name) || OursOnly(name) || name == "Content-Length" || nominating && Nominated(stored, name) {
			continue
		}
		for _, value := range values {
			if valid(name, value) {
				to[name] = append(to[name], value)
			}
		}
	}
}
