package endpoint_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/authority"
	"github.com/openhqm/openhqm/test/recorder"
)

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New("test authority")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t *testing.T, a *authority.Authority, change func(*x509.Certificate), names ...string) *authority.Pair {
	t.Helper()
	p, err := a.Issue(change, names...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func secureRecorder(t *testing.T, c *tls.Config, script recorder.Script) *recorder.Recorder {
	t.Helper()
	r, err := recorder.StartTLS(c, script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func file(t *testing.T, text []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// withPair writes a pair into files that the endpoint is given.
func withPair(t *testing.T, c *endpoint.Config, p *authority.Pair) {
	t.Helper()
	dir := t.TempDir()
	c.TLS.CertFile, c.TLS.KeyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if err := p.Write(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
		t.Fatal(err)
	}
}

// Each failure of the handshake is certainly not sent, on whichever side it is found, and is told with its remedy; queued
// and passed calls alike.
func TestFailedHandshakesAreNotSentAndExplained(t *testing.T) {
	trusted, other := newAuthority(t), newAuthority(t)
	server := issue(t, trusted, nil, "127.0.0.1", "app.test")
	named := issue(t, trusted, nil, "app.test")
	expired := issue(t, trusted, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "127.0.0.1")
	ours, strange := issue(t, trusted, nil, "client"), issue(t, other, nil, "client")
	late := issue(t, trusted, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "client")
	wants := func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, trusted.Pool() }
	old := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	for name, c := range map[string]struct {
		pair   *authority.Pair
		server func(*tls.Config)
		client func(*endpoint.Config)
		ours   *authority.Pair
		text   string // "": it succeeds
	}{
		"trusted":                          {pair: server},
		"trusted, of the system only":      {pair: server, client: func(c *endpoint.Config) { c.TLS.CAFile = "" }, text: "tls.ca_file"},
		"another authority":                {pair: issue(t, other, nil, "127.0.0.1"), text: "if that authority is to be trusted, name its certificate in the endpoint's tls.ca_file"},
		"another name":                     {pair: named, text: "tls.server_name"},
		"another name, that is configured": {pair: named, client: func(c *endpoint.Config) { c.TLS.ServerName = "app.test" }},
		"expired":                          {pair: expired, text: "the endpoint needs a certificate that is valid now"},
		"not verified": {pair: issue(t, other, nil, "elsewhere"),
			client: func(c *endpoint.Config) { c.TLS.CAFile, c.TLS.InsecureSkipVerify = "", true }},
		"older than wanted": {pair: server, server: old, client: func(c *endpoint.Config) { c.TLS.MinVersion = tls.VersionTLS13 }, text: "tls.min_version"},
		"as old as wanted":  {pair: server, server: old, client: func(c *endpoint.Config) { c.TLS.MinVersion = tls.VersionTLS12 }},

		"our certificate":                 {pair: server, server: wants, ours: ours},
		"our certificate, TLS 1.2":        {pair: server, server: both(wants, old), ours: ours},
		"no certificate of ours":          {pair: server, server: wants, text: "set the endpoint's tls.cert_file and tls.key_file"},
		"no certificate of ours, TLS 1.2": {pair: server, server: both(wants, old), text: "set the endpoint's tls.cert_file and tls.key_file"},
		"a strange one of ours":           {pair: server, server: wants, ours: strange, text: "it does not accept the certificate of the endpoint's tls.cert_file"},
		"a strange one of ours, TLS 1.2":  {pair: server, server: both(wants, old), ours: strange, text: "it does not accept the certificate of the endpoint's tls.cert_file"},
		"a late one of ours":              {pair: server, server: wants, ours: late, text: "it does not accept the certificate of the endpoint's tls.cert_file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{c.pair.TLS}}
			if c.server != nil {
				c.server(config)
			}
			r := secureRecorder(t, config, recorder.Always(recorder.Answer(200, "ok")))
			var failure endpoint.Failure
			made := endpoint.Config{Name: "app", URL: r.URL(), Timeout: 20 * time.Second, TLS: endpoint.TLS{CAFile: file(t, trusted.PEM())}}
			if c.client != nil {
				c.client(&made)
			}
			if c.ours != nil {
				withPair(t, &made, c.ours)
			}
			e, err := endpoint.New(made, endpoint.Options{WriteError: func(w http.ResponseWriter, _ *http.Request, f endpoint.Failure) {
				failure = f
				w.WriteHeader(f.Status)
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			arrivals := 0
			for i := range 6 { // a late refusal races with the request, so more than once, and with a long body
				text := strings.Repeat("x", 1+i%3<<20)
				o := e.Handle(t.Context(), delivery(queue.Request{Method: "POST", Body: body(text)}))
				passed := httptest.NewRecorder()
				e.Pass(passed, httptest.NewRequest("POST", "/", strings.NewReader(text)))
				if c.text == "" {
					arrivals += 2
					if o.Class != queue.Answered || passed.Code != 200 {
						t.Errorf("class %s, error %v; passed: %d %+v", o.Class, o.Err, passed.Code, failure)
					}
				} else if o.Class != queue.NotSent || !strings.Contains(o.Err.Error(), c.text) {
					t.Errorf("class %s, error %v; want %q", o.Class, o.Err, c.text)
				} else if passed.Code != 502 || failure.Class != queue.NotSent || !strings.Contains(failure.Detail, c.text) {
					t.Errorf("passed: %d %+v", passed.Code, failure)
				}
			}
			if n := len(r.Arrivals()); n != arrivals {
				t.Errorf("%d arrivals, want %d", n, arrivals)
			}
		})
	}
}

func both(a, b func(*tls.Config)) func(*tls.Config) {
	return func(c *tls.Config) { a(c); b(c) }
}

// What an endpoint that has read a request says by an alert proves nothing.
func TestAnAlertOfAnEndpointThatWantsNoCertificateIsUnanswered(t *testing.T) {
	trusted := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{issue(t, trusted, nil, "127.0.0.1").TLS}}
	r := secureRecorder(t, config, recorder.Always(recorder.Reply{recorder.Reset()}))
	e := open(t, r.URL(), func(c *endpoint.Config) { c.TLS.CAFile = file(t, trusted.PEM()) })
	for range 3 {
		if o := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")})); o.Class != queue.Unanswered {
			t.Errorf("class %s, error %v", o.Class, o.Err)
		}
	}
	if n := len(r.Arrivals()); n != 3 {
		t.Errorf("%d arrivals", n)
	}
}

func TestFilesOfTLSAreReadAnewWhenTheyChange(t *testing.T) {
	trusted, next := newAuthority(t), newAuthority(t)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(trusted.PEM())
	config := &tls.Config{Certificates: []tls.Certificate{issue(t, trusted, nil, "127.0.0.1").TLS},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	r := secureRecorder(t, config, recorder.Always(recorder.Answer(200, "")))
	told := make(chan error, 100)
	made := endpoint.Config{Name: "app", URL: r.URL(), IdleTimeout: time.Hour, TLS: endpoint.TLS{CAFile: file(t, trusted.PEM())}}
	withPair(t, &made, issue(t, next, nil, "client"))
	e, err := endpoint.New(made, endpoint.Options{FilesRead: func(name string, err error) { told <- err }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	class := func() queue.Class { return e.Handle(t.Context(), delivery(queue.Request{Method: "POST"})).Class }
	// until calls until the class comes: files are looked at once a second.
	until := func(want queue.Class) {
		t.Helper()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(20 * time.Second); class() != want; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("not %s within 20 s", want)
			}
		}
	}
	wants := func(text string) {
		t.Helper()
		until := time.NewTimer(20 * time.Second)
		defer until.Stop()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case err := <-told:
				if got := ""; err != nil {
					if got = err.Error(); text == "" || !strings.Contains(got, text) {
						t.Errorf("told %q, want %q", got, text)
					}
				} else if text != "" {
					t.Errorf("told that the files are used, want %q", text)
				}
				return
			case <-tick.C:
				class()
			case <-until.C:
				t.Fatalf("not told %q", text)
			}
		}
	}
	if got := class(); got != queue.NotSent {
		t.Fatalf("with the certificate of another authority: %s", got)
	}

	good := issue(t, trusted, nil, "client")
	if err := os.WriteFile(made.TLS.CertFile, good.Certificate, 0o600); err != nil { // not yet its key
		t.Fatal(err)
	}
	wants("tls.key_file: " + made.TLS.KeyFile + " is not the key of the certificate")
	if err := good.Write(made.TLS.CertFile, made.TLS.KeyFile); err != nil {
		t.Fatal(err)
	}
	wants("")
	if got := class(); got != queue.Answered {
		t.Fatalf("with the new pair: %s", got)
	}

	// A connection that is kept was made by the authority that is no longer trusted.
	if err := os.WriteFile(made.TLS.CAFile, next.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	until(queue.NotSent)
	if err := os.WriteFile(made.TLS.CAFile, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants("") // of the authority before
	wants("tls.ca_file")
	if err := os.WriteFile(made.TLS.CAFile, trusted.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	until(queue.Answered)
}

func TestFilesOfTLSThatCannotBeUsedAreRefused(t *testing.T) {
	a := newAuthority(t)
	pair, another := issue(t, a, nil, "x"), issue(t, a, nil, "y")
	certificate, key := file(t, pair.Certificate), file(t, pair.Key)
	encrypted := file(t, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	for name, c := range map[string]struct {
		url  string
		tls  endpoint.TLS
		text string
	}{
		"http":               {"http://h", endpoint.TLS{ServerName: "x"}, "is for https, and the url is http"},
		"certificate alone":  {"", endpoint.TLS{CertFile: certificate}, "both cert_file and key_file"},
		"key alone":          {"", endpoint.TLS{KeyFile: key}, "both cert_file and key_file"},
		"both of verifying":  {"", endpoint.TLS{CAFile: certificate, InsecureSkipVerify: true}, "insecure_skip_verify"},
		"version":            {"", endpoint.TLS{MinVersion: tls.VersionTLS11}, "min_version"},
		"no authority file":  {"", endpoint.TLS{CAFile: "/nowhere/ca.pem"}, "tls.ca_file: open /nowhere/ca.pem: no such file"},
		"empty authorities":  {"", endpoint.TLS{CAFile: key}, "holds no certificate in PEM"},
		"no certificate":     {"", endpoint.TLS{CertFile: "/nowhere/tls.crt", KeyFile: key}, "tls.cert_file: open /nowhere/tls.crt"},
		"no key":             {"", endpoint.TLS{CertFile: certificate, KeyFile: "/nowhere/tls.key"}, "tls.key_file: open /nowhere/tls.key"},
		"key of another":     {"", endpoint.TLS{CertFile: certificate, KeyFile: file(t, another.Key)}, "is not the key of the certificate"},
		"key is encrypted":   {"", endpoint.TLS{CertFile: certificate, KeyFile: encrypted}, "is encrypted; give the key without a passphrase"},
		"files interchanged": {"", endpoint.TLS{CertFile: key, KeyFile: certificate}, "tls.cert_file: "},
	} {
		url := c.url
		if url == "" {
			url = "https://h"
		}
		_, err := endpoint.New(endpoint.Config{Name: "app", URL: url, TLS: c.tls}, endpoint.Options{})
		if err == nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), `endpoint "app"`) {
			t.Errorf("%s: %v; want %q", name, err, c.text)
		}
	}
}
