package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/authority"
	"github.com/openhqm/openhqm/test/misbehaviour"
	"github.com/openhqm/openhqm/test/recorder"
)

// TestMisbehaviourMeetsTheTable is the table of docs/delivery.md through the binary and its store on disk, for one method
// that may be repeated and one that may not.
func TestMisbehaviourMeetsTheTable(t *testing.T) {
	for name, c := range map[string]struct {
		class  string
		maxAge string
	}{"what cannot arrive": {"not_sent", "2s"}, "what may have arrived": {"unanswered", "1h"}, "what was answered": {"answered", "1h"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			meetsTheTable(t, c.maxAge, func(k *misbehaviour.Kind) bool {
				return k.Class.String() == c.class && !k.Reused && !k.Credentials // which need somebody beside
			})
		})
	}
}

func meetsTheTable(t *testing.T, maxAge string, wanted func(*misbehaviour.Kind) bool) {
	const attempts = 2
	dir := t.TempDir()
	var yaml strings.Builder
	fmt.Fprintf(&yaml, "queue: {max_age: %s}\nworker: {max_retries: %d, retry_delay_base: 10ms, retry_delay_max: 500ms}\n", maxAge, attempts-1)
	yaml.WriteString("proxy:\n  max_response_size: 64KiB\n  endpoints:\n")
	type cell struct {
		kind                 *misbehaviour.Kind
		site                 *misbehaviour.Site
		endpoint, method, id string
	}
	var cells []*cell
	kinds := misbehaviour.Kinds()
	for i := range kinds {
		k := &kinds[i]
		if !wanted(k) {
			continue
		}
		own := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			t.Fatal(err)
		}
		site, err := k.Start(own)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = site.Close() })
		name := fmt.Sprintf("k%02d", i)
		keys := fmt.Sprintf("url: '%s', breaker: {failures: 0}, retry_budget: 0", site.URL)
		switch {
		case k.Slow && k.Class.String() == "not_sent":
			keys += ", connect_timeout: 100ms"
		case k.Slow:
			keys += ", timeout: 1s"
		}
		if site.TLS != "" {
			keys += ", tls: " + site.TLS
		}
		fmt.Fprintf(&yaml, "    %s: {%s}\n", name, keys)
		cells = append(cells, &cell{kind: k, site: site, endpoint: name, method: "PUT"}, &cell{kind: k, site: site, endpoint: name, method: "POST"})
	}
	s := serve(t, configured(yaml.String()))
	for _, c := range cells {
		c.id = s.enqueue(t, request{method: c.method, target: "/" + c.method, body: "x", fields: []string{"OpenHQM-Endpoint: " + c.endpoint}})
	}
	for _, c := range cells {
		class, next := c.kind.Next(c.method, c.method == "PUT")
		want := next.Ending(attempts)
		final := s.settled(t, c.id)
		got := misbehaviour.Ending{Status: final.Status, Reason: final.Reason, Attempts: final.Attempts, Arrivals: len(c.site.Arrivals()["/"+c.method])}
		if got != want {
			t.Errorf("%s: %s: %+v, want %+v", c.kind.Name, c.method, got, want)
		}
		if c.method != "POST" {
			continue
		}
		if out, code := s.cli(t, "audit", c.id); code != 0 || !strings.Contains(out, class.String()) {
			t.Errorf("%s: openhqm audit: %d, want %s in it:\n%s", c.kind.Name, code, class, out)
		}
	}
}

// TestACertificateThatIsReplacedIsShownWithoutARestart is mutual TLS through the binary: what was refused goes on as soon as
// the files are right, and was sent once.
func TestACertificateThatIsReplacedIsShownWithoutARestart(t *testing.T) {
	trusted, strange := newAuthority(t), newAuthority(t)
	server, err := trusted.Issue(nil, "app.test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.StartTLS(&tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted.Pool()},
		recorder.Always(recorder.Answer(200, "welcome", fixedDate)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	dir := t.TempDir()
	ca, certificate, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if err := os.WriteFile(ca, trusted.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	pair := func(a *authority.Authority) {
		t.Helper()
		p, err := a.Issue(nil, "client")
		if err == nil {
			err = p.Write(certificate, key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	pair(strange)
	s := serve(t, configured(fmt.Sprintf("proxy: {endpoints: {app: {url: '%s', breaker: {failures: 0}, tls: {ca_file: '%s', cert_file: '%s', key_file: '%s', server_name: app.test}}}}",
		r.URL(), ca, certificate, key)), setting("WORKER__RETRY_DELAY_BASE", "50ms"), setting("WORKER__RETRY_DELAY_MAX", "500ms"))
	id := s.enqueue(t, post("/order", "x"))
	eventually(t, exchangeTimeout, func() error {
		if got := s.status(t, id); got.Deliveries < 2 || got.Attempts != 0 {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	out, code := s.cli(t, "audit", id)
	if code != 0 {
		t.Errorf("openhqm audit: %d", code)
	}
	mentions(t, out, "not_sent", "it does not accept the certificate of the endpoint's tls.cert_file")
	if passed := send(t, s.address, get("/page")); passed.status != http.StatusBadGateway || !strings.Contains(passed.text(), "tls.cert_file") {
		t.Errorf("passed through: %d %s", passed.status, passed.text())
	}
	pair(trusted)
	if final := s.settled(t, id); final.Status != "COMPLETED" || final.Attempts != 1 {
		t.Errorf("ended %+v", final)
	}
	mentions(t, s.out.String(), "certificate files of the endpoint read anew")
	if n := len(r.Arrivals()); n != 1 {
		t.Errorf("%d arrivals", n)
	}
}

func TestAnEndpointWithoutVerificationIsWarnedOf(t *testing.T) {
	a := newAuthority(t)
	pair, err := a.Issue(nil, "elsewhere.test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.StartTLS(&tls.Config{Certificates: []tls.Certificate{pair.TLS}}, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	s := serve(t, configured(fmt.Sprintf("proxy: {endpoints: {app: {url: '%s', tls: {insecure_skip_verify: true}}}}", r.URL())))
	if _, final := s.through(t, post("/order", "x")); final.Status != "COMPLETED" {
		t.Errorf("ended %+v", final)
	}
	mentions(t, s.out.String(), "INSECURE", "proxy.endpoints.app.tls.insecure_skip_verify")
	mentions(t, refused(t, configured("proxy: {endpoints: {app: {url: 'https://h', tls: {ca_file: /nowhere/ca.pem}}}}")), "proxy.endpoints.app", "tls.ca_file: open /nowhere/ca.pem")
}

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := authority.New("test authority")
	if err != nil {
		t.Fatal(err)
	}
	return a
}
