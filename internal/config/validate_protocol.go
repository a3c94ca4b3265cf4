package config

import "strings"

// Versions of HTTP that an endpoint is spoken to in.
const (
	ProtocolHTTP1 = "http1" // HTTP/1.1
	ProtocolH2    = "h2"    // HTTP/2 over TLS
	ProtocolH2C   = "h2c"   // HTTP/2 without TLS
)

// protocol holds an endpoint's protocol against its URL.
func (k *checker) protocol(path string, e *Endpoint) {
	if e.URL == "" || k.failed[path+".url"] {
		return
	}
	secure := strings.HasPrefix(strings.ToLower(e.URL.Reveal()), "https:")
	switch {
	case e.Protocol == ProtocolH2 && !secure:
		k.wrong(path+".protocol", "h2 is HTTP/2 over TLS, and the url is http; give h2c, or an https url")
	case e.Protocol == ProtocolH2C && secure:
		k.wrong(path+".protocol", "h2c is HTTP/2 without TLS, and the url is https; give h2, or an http url")
	}
	if e.Protocol != ProtocolHTTP1 && len(e.HeaderNames) > 0 {
		k.note(k.c.sourceOf(path+".header_names"), path+".header_names", "has no effect: HTTP/2 has no upper case in names")
	}
}
