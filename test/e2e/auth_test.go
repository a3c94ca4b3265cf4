package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/authority"
	"github.com/openhqm/openhqm/test/issuer"
	"github.com/openhqm/openhqm/test/recorder"
)

// The credentials of this file: what must arrive at an endpoint, and nowhere else.
const (
	bearerSecret = "bearer-Zq81hvK2pW"
	keySecret    = "apikey-Rt55mmX9aB"
	basicSecret  = "passwd-Lk02ccD7uN"
	customSecret = "custom-Ye94ffG3oS"
	fileSecret   = "infile-Wd67jjH1eT"
)

// credentials is an endpoint with one kind of authentication: what its requests have to bear in which field.
type credentials struct{ name, field, value string }

// TestEveryAuthenticationArrivesAndNothingElseHoldsItsSecret sends queued and passed requests, the queued ones to an answer
// and to the dead letters, by clients that try to remove or replace the credentials, and looks for the secrets in all that
// OpenHQM says, logs and stores.
func TestEveryAuthenticationArrivesAndNothingElseHoldsItsSecret(t *testing.T) {
	tokens := issuer.Start(false)
	defer tokens.Close()
	script := func(a recorder.Arrival) recorder.Reply {
		if strings.Contains(a.Target(), "/fail") {
			return recorder.Answer(http.StatusInternalServerError, "failed", fixedDate)
		}
		return recorder.Answer(http.StatusOK, "fine", fixedDate)
	}
	app := record(t, script)
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte(fileSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, variable("BEARER", bearerSecret), configured(fmt.Sprintf(`
proxy:
  default_endpoint: bearer
  endpoints:
    bearer: {url: '%[1]s', auth_type: bearer, auth_token: '${BEARER}'}
    file: {url: '%[1]s', auth_type: bearer, auth_token: '${file:%[5]s}'}
    key: {url: '%[1]s', auth_type: api_key, auth_header_name: X-Service-Key, auth_token: %[2]s}
    basic: {url: '%[1]s', auth_type: basic, auth_username: user, auth_password: %[3]s}
    custom: {url: '%[1]s', auth_type: custom, auth_header_name: X-Signature, auth_token: 'v1 %[4]s'}
    oauth2: {url: '%[1]s', auth_type: oauth2, oauth2: {token_url: '%[6]s', client_id: '%[7]s', client_secret: '%[8]s'}}
`, app.URL(), keySecret, basicSecret, customSecret, secret, tokens.URL(), tokens.ID, tokens.Secret)))
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + basicSecret))
	var said []answer
	say := func(a answer) answer { said = append(said, a); return a }
	for _, c := range []credentials{
		{"bearer", "Authorization", "Bearer " + bearerSecret}, {"file", "Authorization", "Bearer " + fileSecret},
		{"key", "X-Service-Key", keySecret}, {"basic", "Authorization", "Basic " + basic},
		{"custom", "X-Signature", "v1 " + customSecret}, {"oauth2", "Authorization", "Bearer issued-token-1"},
	} {
		for _, attack := range attacks(c.field) {
			before := len(app.Arrivals())
			fields := append([]string{"OpenHQM-Endpoint: " + c.name, "X-Marker: stored-by-the-client"}, attack...)
			say(send(t, s.address, get("/passed", fields...)))
			id := s.enqueue(t, post("/fail", "order", fields...))
			if end := s.settled(t, id); end.Status != "FAILED" {
				t.Errorf("%s: ended %s", c.name, end.Status)
			}
			say(s.replay(t, s.enqueue(t, post("/order", "order", fields...))))
			for _, path := range []string{"/messages/" + id, "/messages/" + id + "/explain"} {
				say(send(t, s.admin, get("/api/v1"+path)))
			}
			arrived := waitArrivals(t, app, before+3)[before:]
			for _, a := range arrived {
				if got := a.Values(c.field); len(got) != 1 || got[0] != c.value {
					t.Errorf("%s, client sent %q: %s bears %q", c.name, attack, a.Target(), got)
				}
				if bytes.Contains(a.Head, []byte("mine")) {
					t.Errorf("%s, client sent %q: %s arrived as %q", c.name, attack, a.Target(), a.Head)
				}
			}
		}
	}
	for _, path := range []string{"/api/v1/endpoints", "/api/v1/queues", "/api/v1/messages", "/api/v1/dead", "/api/v1/dead/export",
		"/api/v1/dead/export?format=curl", "/api/v1/audit", "/metrics", "/health"} {
		if a := say(send(t, s.admin, get(path))); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.text())
		}
	}
	secrets := append(tokens.Tokens(), bearerSecret, keySecret, basicSecret, basic, customSecret, fileSecret, tokens.Secret)
	s.stop(t)
	for _, a := range said {
		var fields bytes.Buffer
		_ = a.header.Write(&fields)
		wantNone(t, "an answer", append(fields.Bytes(), a.body...), secrets)
	}
	wantNone(t, "the log", []byte(s.out.String()), secrets)
	if stored := scan(t, s.dir, secrets); !bytes.Contains(stored, []byte("stored-by-the-client")) {
		t.Error("the client's own field is not found in the data directory: the search finds nothing")
	}
}

// attacks are fields by which a client tries to send its own credentials or none.
func attacks(field string) [][]string {
	return [][]string{
		nil,
		{field + ": mine"},
		{strings.ToLower(field) + ": mine", strings.ToUpper(field) + ": mine too"},
		{"Connection: close, " + strings.ToLower(field), field + ": mine"},
		{"Connection: " + field},
		{strings.ReplaceAll(field, "-", "_") + ": mine"}, // the same to many applications
	}
}

func wantNone(t *testing.T, where string, text []byte, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds %q:\n%s", where, secret, tail(string(text), 2000))
		}
	}
}

// scan reads all files of a directory, none of which may hold a secret.
func scan(t *testing.T, dir string, secrets []string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		all = append(all, text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestMutualTLSArrivesBesideOtherCredentials speaks to an endpoint that wants a certificate and a token.
func TestMutualTLSArrivesBesideOtherCredentials(t *testing.T) {
	a, err := authority.New("company")
	if err != nil {
		t.Fatal(err)
	}
	server, err := a.Issue(nil, "app.test")
	if err != nil {
		t.Fatal(err)
	}
	client, err := a.Issue(nil, "client")
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.StartTLS(&tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.Pool()},
		recorder.Always(recorder.Answer(200, "fine", fixedDate)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	dir := t.TempDir()
	ca, certificate, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if err := os.WriteFile(ca, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := client.Write(certificate, key); err != nil {
		t.Fatal(err)
	}
	yaml := fmt.Sprintf("proxy: {default_endpoint: app, endpoints: {app: {url: '%s', auth_type: bearer, auth_token: %s, tls: {ca_file: '%s', server_name: app.test, cert_file: '%s', key_file: '%s'}}}}",
		r.URL(), bearerSecret, ca, certificate, key)
	s := serve(t, configured(yaml))
	if got, end := s.through(t, post("/order", "x")); got.status != 200 || end.Attempts != 1 {
		t.Errorf("%d %+v", got.status, end)
	}
	if got := send(t, s.address, get("/passed")); got.status != 200 {
		t.Errorf("passed: %d %s", got.status, got.text())
	}
	for _, arrived := range r.Arrivals() {
		if arrived.Value("Authorization") != "Bearer "+bearerSecret {
			t.Errorf("%s bears %q", arrived.Target(), arrived.Value("Authorization"))
		}
	}
	s.stop(t)
	pem, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	scan(t, s.dir, []string{bearerSecret, strings.Split(string(pem), "\n")[1]})
}
