package app

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/authority"
)

// listenerFiles is an authority, and a directory with its certificate and one of a listener.
type listenerFiles struct {
	*authority.Authority
	dir string
}

func newListenerFiles(t *testing.T) *listenerFiles {
	t.Helper()
	a, err := authority.New("test authority")
	if err != nil {
		t.Fatal(err)
	}
	f := &listenerFiles{a, t.TempDir()}
	write(t, filepath.Join(f.dir, "ca.pem"), string(a.PEM()))
	f.issue(t)
	return f
}

// issue writes another certificate for the listener, and returns it.
func (f *listenerFiles) issue(t *testing.T) *authority.Pair {
	t.Helper()
	pair, err := f.Issue(nil, "127.0.0.1", "queue.test")
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Write(filepath.Join(f.dir, "tls.crt"), filepath.Join(f.dir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	return pair
}

// yaml is the section of a listener that uses the files.
func (f *listenerFiles) yaml(section, more string) string {
	return section + ": {tls: {cert_file: '" + f.dir + "/tls.crt', key_file: '" + f.dir + "/tls.key'" + more + "}}\n"
}

func (f *listenerFiles) client(t *testing.T, protocol string, own ...tls.Certificate) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP1(protocol == "http/1.1")
	protocols.SetHTTP2(protocol == "h2")
	transport := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: f.Pool(), ServerName: "queue.test", Certificates: own}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// shown is the certificate that a listener shows to a new connection.
func (f *listenerFiles) shown(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: f.Pool(), ServerName: "queue.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0]
}

func TestBothListenersSpeakTLSInBothVersionsOfHTTP(t *testing.T) {
	f := newListenerFiles(t)
	p := start(t, load(t, f.yaml("server", "")+f.yaml("admin", ", min_version: 1.3")), Options{})
	in, admin := p.Addrs()
	for protocol, major := range map[string]int{"http/1.1": 1, "h2": 2} {
		for _, url := range []string{"https://" + in.String() + "/api/v1/openapi.json", "https://" + admin.String() + "/readyz"} {
			resp, err := f.client(t, protocol).Get(url)
			if err != nil {
				t.Fatalf("%s: %v", protocol, err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 200 || resp.ProtoMajor != major {
				t.Errorf("%s over %s: %d in HTTP/%d", url, protocol, resp.StatusCode, resp.ProtoMajor)
			}
		}
	}
	text := p.Report().Text()
	mentions(t, text, "requests    https://"+in.String(), "operators   https://"+admin.String(), "' https://"+in.String()+"/orders")
	old := &tls.Config{RootCAs: f.Pool(), ServerName: "queue.test", MaxVersion: tls.VersionTLS12}
	if conn, err := tls.Dial("tcp", admin.String(), old); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.2 is spoken where min_version is 1.3")
	}
}

func TestAListenerFollowsItsCertificateAndKeepsItWhenTheNewOneIsBroken(t *testing.T) {
	f := newListenerFiles(t)
	log := &lines{}
	p := start(t, load(t, f.yaml("server", "")), Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	in, _ := p.Addrs()
	first := f.shown(t, in.String())

	next := f.issue(t).TLS.Leaf
	await(t, "the next certificate", func() bool { return !f.shown(t, in.String()).Equal(first) })
	if next != nil && !f.shown(t, in.String()).Equal(next) {
		t.Error("neither the first certificate nor the next")
	}
	second := f.shown(t, in.String())

	write(t, filepath.Join(f.dir, "tls.crt"), "no certificate")
	const refused = "cannot be used; those before stay"
	await(t, "the log of a broken file", func() bool { return f.shown(t, in.String()).Equal(second) && log.count(refused) > 0 })
	begun := time.Now()
	await(t, "two more looks at the same file", func() bool {
		return !f.shown(t, in.String()).Equal(second) || time.Since(begun) > 2200*time.Millisecond
	})
	if !f.shown(t, in.String()).Equal(second) || log.count(refused) != 1 || log.count("tls.cert_file") == 0 {
		t.Errorf("logged %d times", log.count(refused))
	}

	f.issue(t)
	await(t, "a certificate after the broken one", func() bool { return !f.shown(t, in.String()).Equal(second) })
}

func TestAListenerAsksForCertificatesOfClients(t *testing.T) {
	f := newListenerFiles(t)
	known, err := f.Issue(nil, "client")
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority.New("another authority")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := other.Issue(nil, "stranger")
	if err != nil {
		t.Fatal(err)
	}
	for auth, taken := range map[string][3]bool{"request": {true, true, false}, "require": {false, true, false}} {
		p := start(t, load(t, f.yaml("server", ", client_ca_file: '"+f.dir+"/ca.pem', client_auth: "+auth)), Options{})
		in, _ := p.Addrs()
		for i, own := range [][]tls.Certificate{nil, {known.TLS}, {stranger.TLS}} {
			client := f.client(t, "h2", own...)
			if i == 2 { // shown whatever authorities the listener names
				client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return &stranger.TLS, nil
				}
			}
			resp, err := client.Get("https://" + in.String() + "/api/v1/openapi.json")
			if err == nil {
				_ = resp.Body.Close()
			}
			if (err == nil) != taken[i] {
				t.Errorf("client_auth %s, client %d: %v", auth, i, err)
			}
		}
	}
}

func TestACertificateThatCannotBeUsedStopsTheStartWithARemedy(t *testing.T) {
	f := newListenerFiles(t)
	c := load(t, f.yaml("server", ""))
	if err := os.Remove(filepath.Join(f.dir, "tls.key")); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), c, Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		_ = a.Close()
		t.Fatal("it starts")
	}
	mentions(t, err.Error(), "server.tls.key_file", f.dir+"/tls.key")
}

func TestConnectionsBeyondTheBoundAreClosedAtOnceAndThoseThereGoOn(t *testing.T) {
	for _, key := range []string{"max_connections", "max_connections_per_client"} {
		log := &lines{}
		p := start(t, load(t, "server: {"+key+": 2}"), Options{Log: slog.New(slog.NewTextHandler(log, nil))})
		in, _ := p.Addrs()
		var open []net.Conn
		dial := func() net.Conn {
			conn, err := net.Dial("tcp", in.String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			return conn
		}
		answers := func(conn net.Conn) bool {
			_, _ = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
			n, err := conn.Read(make([]byte, 1<<16))
			return err == nil && n > 0
		}
		for range 2 {
			open = append(open, dial())
			if !answers(open[len(open)-1]) {
				t.Fatalf("%s: no answer within the bound", key)
			}
		}
		for range 5 {
			if answers(dial()) {
				t.Errorf("%s: an answer beyond the bound", key)
			}
		}
		if !answers(open[0]) {
			t.Errorf("%s: a connection within the bound was disturbed", key)
		}
		if n := log.count("raise server." + key); n != 1 {
			t.Errorf("%s: logged %d times", key, n)
		}
		_ = open[0].Close()
		await(t, "the place of a closed connection", func() bool { return answers(dial()) })
	}
}

func TestSlowAndIdleConnectionsAreClosed(t *testing.T) {
	p := start(t, load(t, "server: {read_header_timeout: 1s, idle_timeout: 2s}"), Options{})
	in, _ := p.Addrs()
	for name, sent := range map[string]string{
		"nothing": "", "half a head": "GET / HTTP/1.1\r\nHost: x\r\n", "idle": "GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
		"half a preface": "PRI * HTTP/2.0\r\n\r\nS",
	} {
		conn, err := net.Dial("tcp", in.String())
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_ = conn.SetDeadline(begun.Add(20 * time.Second))
		_, _ = io.WriteString(conn, sent)
		if _, err := io.Copy(io.Discard, conn); err != nil || time.Since(begun) < 900*time.Millisecond {
			t.Errorf("%s: %v after %v", name, err, time.Since(begun))
		}
		_ = conn.Close()
	}
}
