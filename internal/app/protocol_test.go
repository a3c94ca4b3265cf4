package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnEndpointIsSpokenToInItsProtocol(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	p := start(t, load(t, `
proxy:
  default_endpoint: old
  endpoints: {old: {url: '`+s.URL+`'}, new: {url: '`+s.URL+`', protocol: h2c}}
`), Options{})
	for name, want := range map[string]string{"old": "HTTP/1.1", "new": "HTTP/2.0"} {
		for _, method := range []string{"POST", "GET"} { // held, and passed through
			if got := call(t, method, p.url+"/", "", "OpenHQM-Endpoint", name); got.status != 200 || got.body != want {
				t.Errorf("%s %s: %d %q, want %s", method, name, got.status, got.body, want)
			}
		}
	}
}
