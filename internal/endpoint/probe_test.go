package endpoint_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/test/authority"
)

// told is a probe as lines of text.
func told(p *endpoint.Probe) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%t %s: %s | %s\n", s.OK, s.Name, s.Detail, s.Remedy)
	}
	return b.String()
}

// answering starts an application whose path begins with the status that it answers.
func answering(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := 0
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &status); err != nil || status < 200 {
			<-r.Context().Done()
			return
		}
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestAProbeSaysWhatAnAnswerShows(t *testing.T) {
	app := answering(t)
	bearer := endpoint.Auth{Scheme: endpoint.AuthBearer, Secret: func() string { return "s3cret" }}
	basic := endpoint.Auth{Scheme: endpoint.AuthBasic, Username: "user", Secret: func() string { return "s3cret" }}
	for _, tc := range []struct {
		target, method string
		auth           endpoint.Auth
		ok             bool
		want           string
	}{
		{target: "/200", ok: true, want: "answer: 200 OK | \n"},
		{target: "/200", auth: bearer, ok: true, want: "true credentials: bearer in the field Authorization"},
		{target: "/404", ok: true, want: "404 Not Found | nothing is at this path"},
		{target: "/405", ok: true, want: "try --method GET"},
		{target: "/405", method: "GET", ok: true, want: "405 Method Not Allowed | \n"},
		{target: "/429", ok: true, want: "it limits its callers now"},
		{target: "/401", want: "false answer: 401 Unauthorized | it wants credentials; set the endpoint's auth_type"},
		{target: "/401", auth: bearer, want: "correct auth_token"},
		{target: "/401", auth: basic, want: "correct auth_username and auth_password"},
		{target: "/403", auth: bearer, want: "403 Forbidden | it knows the credentials"},
		{target: "/500", want: "false answer: 500 Internal Server Error | the application fails"},
		{target: "/302?to=/account/login?next=s3cret", want: "/account/login | that looks like a page to sign in"},
		{target: "/302?to=https://elsewhere.test/x", want: "to https://elsewhere.test/x | redirects are not followed; give the https url"},
		{target: "/301?to=/other", ok: true, want: "handed to the client"},
		{target: "/slow", want: "false answer: no complete answer within 300ms | see what the application's own log says; if it only needs longer, raise the endpoint's timeout"},
		{target: "no slash", want: "false configuration: the method or path cannot be sent"},
	} {
		e := open(t, app.URL, func(c *endpoint.Config) { c.Auth = tc.auth })
		p := e.Test(t.Context(), endpoint.ProbeRequest{Method: tc.method, Target: tc.target, Timeout: 300 * time.Millisecond})
		got := told(&p)
		if p.OK() != tc.ok || !strings.Contains(got, tc.want) || strings.Contains(got, "s3cret") {
			t.Errorf("%s %s: ok %t\n%s\nwant %s", tc.method, tc.target, p.OK(), got, tc.want)
		}
	}
}

func TestAProbeSaysWhichStepFails(t *testing.T) {
	a, err := authority.New("company")
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority.New("somebody else")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Issue(nil, "app.test")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(c *tls.Config) string {
		c.Certificates = []tls.Certificate{pair.TLS}
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = c
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	plain := answering(t).URL
	secure := serve(&tls.Config{})
	mutual := serve(&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool()})
	dir := t.TempDir()
	file := func(a *authority.Authority) string {
		path := filepath.Join(dir, fmt.Sprintf("%p.pem", a))
		if err := os.WriteFile(path, a.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	client, err := a.Issue(nil, "client")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if err := client.Write(certificate, key); err != nil {
		t.Fatal(err)
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, tc := range []struct {
		name, url string
		tls       endpoint.TLS
		ok        bool
		want      string
	}{
		{"no such name", "http://nowhere.invalid", endpoint.TLS{}, false, "false name: lookup of nowhere.invalid"},
		{"nobody there", closed.URL, endpoint.TLS{}, false, "false connection: connection refused | see that the application runs"},
		{"a name", strings.Replace(plain, "127.0.0.1", "localhost", 1), endpoint.TLS{}, true, "true name: it is "},
		{"unknown authority", secure, endpoint.TLS{CAFile: file(other), ServerName: "app.test"}, false, "tls.ca_file"},
		{"another name", secure, endpoint.TLS{CAFile: file(a)}, false, "tls.server_name"},
		{"no TLS", strings.Replace(plain, "http:", "https:", 1), endpoint.TLS{}, false, "give an http url, or another port"},
		{"TLS", secure, endpoint.TLS{CAFile: file(a), ServerName: "app.test"}, true, "true TLS: TLS 1.3, certificate of app.test until "},
		{"no certificate of ours", mutual, endpoint.TLS{CAFile: file(a), ServerName: "app.test"}, false,
			"it wants a certificate of its client: set the endpoint's tls.cert_file and tls.key_file"},
		{"a certificate of ours", mutual, endpoint.TLS{CAFile: file(a), ServerName: "app.test", CertFile: certificate, KeyFile: key}, true,
			"it asked for a certificate of ours and was shown one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := open(t, tc.url, func(c *endpoint.Config) { c.TLS = tc.tls })
			target := "/"
			if strings.HasPrefix(tc.name, "a name") {
				target = "/200"
			}
			p := e.Test(t.Context(), endpoint.ProbeRequest{Target: target})
			if got := told(&p); p.OK() != tc.ok || !strings.Contains(got, tc.want) {
				t.Errorf("ok %t\n%swant %s", p.OK(), got, tc.want)
			}
		})
	}
}

func TestAProbeFetchesATokenAndSaysWhyThereIsNone(t *testing.T) {
	i := issuing(t, false)
	url, _, _ := guarded(t, i)
	e := withTokens(t, url, i, nil)
	if p := e.Test(t.Context(), endpoint.ProbeRequest{}); !p.OK() || !strings.Contains(told(&p), "true credentials: an access token is there, for 59m5") {
		t.Errorf("%s", told(&p))
	}
	e = withTokens(t, url, i, func(o *endpoint.OAuth2) { o.ClientSecret = "wr0ng" })
	if p := e.Test(t.Context(), endpoint.ProbeRequest{}); p.OK() || !strings.Contains(told(&p), "false credentials: no access token from ") ||
		!strings.Contains(told(&p), "it answered 401 invalid_client | correct oauth2.client_id") {
		t.Errorf("%s", told(&p))
	}
}
