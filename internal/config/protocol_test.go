package config

import (
	"strings"
	"testing"
)

func TestAProtocolHasToFitTheURL(t *testing.T) {
	for text, want := range map[string]string{
		`{url: http://a, protocol: h2}`:   `proxy.endpoints.a.protocol: h2 is HTTP/2 over TLS, and the url is http; give h2c`,
		`{url: https://a, protocol: h2c}`: `proxy.endpoints.a.protocol: h2c is HTTP/2 without TLS, and the url is https; give h2`,
		`{url: https://a, protocol: h3}`:  `proxy.endpoints.a.protocol: "h3" is not accepted; give one of http1, h2, h2c`,
	} {
		if _, _, err := tryLoad(t, "proxy: {endpoints: {a: "+text+"}}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	c, notes, err := tryLoad(t, "proxy: {endpoints: {a: {url: https://a, protocol: H2, header_names: [SOAPAction]}}}")
	if err != nil || c.Proxy.Endpoints["a"].Protocol != ProtocolH2 || len(notes) != 1 || !strings.Contains(notes[0].Text, "no upper case") {
		t.Errorf("%v %v", notes, err)
	}
}
