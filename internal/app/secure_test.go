package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/authority"
	"github.com/openhqm/openhqm/test/recorder"
)

// secured starts an https endpoint that only takes clients of its authority, and returns the authority, which signed its
// certificate too.
func secured(t *testing.T) (*authority.Authority, *recorder.Recorder) {
	t.Helper()
	a, err := authority.New("test authority")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.Issue(nil, "app.test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.StartTLS(&tls.Config{Certificates: []tls.Certificate{pair.TLS}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: a.Pool(), MinVersion: tls.VersionTLS13}, recorder.Always(recorder.Answer(200, "ok")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return a, r
}

func TestEveryTLSSettingReachesQueuedAndPassedCalls(t *testing.T) {
	a, r := secured(t)
	dir := t.TempDir()
	ca, certificate, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write(t, ca, string(a.PEM()))
	pair, err := a.Issue(nil, "client")
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Write(certificate, key); err != nil {
		t.Fatal(err)
	}
	p := start(t, load(t, fmt.Sprintf("proxy: {default_endpoint: a, endpoints: {a: {url: '%s', tls: {ca_file: '%s', cert_file: '%s', key_file: '%s', server_name: app.test, min_version: 1.3}}}}",
		r.URL(), ca, certificate, key)), Options{})
	if word := p.wait(t, p.submit(t, "/queued")); word != "COMPLETED" {
		t.Errorf("queued: %s", word)
	}
	if got := call(t, "GET", p.url+"/passed", ""); got.status != 200 || got.body != "ok" {
		t.Errorf("passed: %d %s", got.status, got.body)
	}
	if n := len(r.Arrivals()); n != 2 {
		t.Errorf("%d arrivals", n)
	}

	without := load(t, fmt.Sprintf("proxy: {default_endpoint: a, endpoints: {a: {url: '%s', tls: {ca_file: '%s', server_name: app.test}}}}", r.URL(), ca))
	if _, err := p.Reload(without); err != nil {
		t.Fatal(err)
	}
	if got := call(t, "GET", p.url+"/passed", ""); got.status != 502 || !strings.Contains(got.body, "tls.cert_file") || !strings.Contains(got.body, `"not_sent"`) {
		t.Errorf("without a certificate: %d %s", got.status, got.body)
	}
	missing := load(t, fmt.Sprintf("proxy: {default_endpoint: a, endpoints: {a: {url: '%s', tls: {ca_file: '%s'}}}}", r.URL(), filepath.Join(dir, "none.pem")))
	if _, err := p.Reload(missing); err == nil || !strings.Contains(err.Error(), "proxy.endpoints.a: ") || !strings.Contains(err.Error(), "tls.ca_file: open ") {
		t.Errorf("a reload with a file that is not there: %v", err)
	}
	if n := len(r.Arrivals()); n != 2 {
		t.Errorf("%d arrivals", n)
	}
}

func TestAnEndpointThatIsNotVerifiedIsSaidLoudly(t *testing.T) {
	url := "https://127.0.0.1:1"
	insecure := "proxy: {default_endpoint: a, endpoints: {a: {url: '" + url + "', tls: {insecure_skip_verify: true}}, b: {url: '" + url + "'}}}"
	log := &lines{}
	p := start(t, load(t, insecure), Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	if text := p.Report().Text(); !strings.Contains(text, "certificates are not verified of: a\n") {
		t.Errorf("the report does not say it:\n%s", text)
	}
	warned := func() int {
		return log.count("level=WARN msg=\"INSECURE: the certificate of the endpoint is not verified")
	}
	if n := warned(); n != 1 || !log.has("endpoint=a") || log.has("endpoint=b") {
		t.Errorf("%d warnings at the start", n)
	}
	if _, err := p.Reload(load(t, insecure)); err != nil {
		t.Fatal(err)
	}
	if n := warned(); n != 2 {
		t.Errorf("%d warnings after a reload", n)
	}
	if _, err := p.Reload(load(t, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+url+"'}}}")); err != nil {
		t.Fatal(err)
	}
	if text := p.Report().Text(); warned() != 2 || strings.Contains(text, "INSECURE") {
		t.Errorf("%d warnings once it is verified:\n%s", warned(), text)
	}
}
