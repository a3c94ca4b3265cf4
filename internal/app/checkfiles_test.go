package app

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/authority"
)

func TestACheckReadsTheFilesThatTheConfigurationNames(t *testing.T) {
	ca, err := authority.New("check")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	issue := func(name string, until time.Duration) (cert, key string) {
		t.Helper()
		pair, err := ca.Issue(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(until)
		}, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
		if err := pair.Write(cert, key); err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	good, goodKey := issue("good", 90*24*time.Hour)
	soon, soonKey := issue("soon", 24*time.Hour)
	past, pastKey := issue("past", -24*time.Hour)
	server := func(cert, key string) string {
		return "server: {tls: {cert_file: '" + cert + "', key_file: '" + key + "'}}\n"
	}
	app := func(keys string) string {
		return "proxy: {endpoints: {a: {url: 'https://localhost:1', tls: {" + keys + "}}}}\n"
	}
	for name, test := range map[string]struct{ yaml, err, warning string }{
		"all is well":           {server(good, goodKey) + app("cert_file: '"+good+"', key_file: '"+goodKey+"'"), "", ""},
		"not there":             {server(dir+"/none.crt", goodKey), "server.tls.cert_file: open " + dir + "/none.crt", ""},
		"another's key":         {server(good, soonKey), "server.tls.key_file: " + soonKey + " is not the key of the certificate", ""},
		"authorities not there": {app("ca_file: '" + dir + "/none.pem'"), "proxy.endpoints.a", ""},
		"ends soon":             {server(soon, soonKey), "", "server.tls.cert_file: the certificate in " + soon + " ends on "},
		"has ended":             {app("cert_file: '" + past + "', key_file: '" + pastKey + "'"), "", "proxy.endpoints.a.tls.cert_file: the certificate in " + past + " ended on "},
	} {
		t.Run(name, func(t *testing.T) {
			warnings, err := Check(load(t, test.yaml), Extensions{})
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if all := strings.Join(warnings, "\n"); (all == "") != (test.warning == "") || !strings.Contains(all, test.warning) {
				t.Errorf("warnings %q, want %q", all, test.warning)
			}
		})
	}
}
