package ingress

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// TLS is how a listener speaks TLS. The zero value: it does not.
type TLS struct {
	CertFile     string // PEM certificate, its chain behind it
	KeyFile      string // PEM key of CertFile
	MinVersion   uint16 // tls.VersionTLS12 or VersionTLS13
	ClientCAFile string // PEM certificates of the authorities of clients; "": none is asked for one
	// RequireClient ends the handshake with a client that shows no certificate. Without it a certificate is asked for, and
	// one that is shown must still be of ClientCAFile.
	RequireClient bool
}

// lookEvery is how often the files of a listener are looked at, while connections come.
const lookEvery = time.Second

// certificates keeps what a listener shows in step with its files.
type certificates struct {
	tls  TLS
	told func(error)

	mu       sync.Mutex
	now      *tls.Config
	seen     [3]appearance // at the last reading
	lookedAt time.Time
	failed   error // of the last reading
	reported bool
}

// appearance is what a stat says of a file; of a symbolic link, what it leads to.
type appearance struct {
	size    int64
	changed time.Time
}

// Config reads the files and returns what http.Server.ServeTLS takes. The files are read again when they have changed,
// which is looked for once a second at most and by new connections only. Files that cannot be used leave what was there;
// told hears of each reading after the first, and once of files that stay unusable. An error names the key and the remedy.
func (t TLS) Config(told func(error)) (*tls.Config, error) {
	c := &certificates{tls: t, told: told, lookedAt: time.Now()}
	c.seen = c.look() // before the reading: a change in between is noticed
	var err error
	if c.now, err = t.read(); err != nil {
		return nil, err
	}
	first := c.now.Clone()
	first.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current(), nil }
	return first, nil
}

func (c *certificates) current() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.lookedAt) < lookEvery {
		return c.now
	}
	c.lookedAt = time.Now()
	looks := c.look()
	if looks == c.seen {
		if c.failed != nil && !c.reported { // two files are often written one after the other: say it when they stay so
			c.reported = true
			c.told(c.failed)
		}
		return c.now
	}
	c.seen = looks
	next, err := c.tls.read()
	c.failed, c.reported = err, false
	if err == nil {
		c.now = next
		c.told(nil)
	}
	return c.now
}

func (c *certificates) look() (looks [3]appearance) {
	for i, name := range [3]string{c.tls.CertFile, c.tls.KeyFile, c.tls.ClientCAFile} {
		if info, err := os.Stat(name); err == nil {
			looks[i] = appearance{info.Size(), info.ModTime()}
		}
	}
	return looks
}

func (t TLS) read() (*tls.Config, error) {
	certificate, err := os.ReadFile(t.CertFile)
	if err != nil {
		return nil, fmt.Errorf("tls.cert_file: %w", err)
	}
	key, err := os.ReadFile(t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls.key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		if strings.Contains(string(key), "ENCRYPTED") {
			err = errors.New("the key is encrypted; give it without a passphrase, readable by this process only")
		}
		return nil, fmt.Errorf("tls.cert_file %s and tls.key_file %s: %w; give a PEM certificate and the key that belongs to it",
			t.CertFile, t.KeyFile, err)
	}
	c := &tls.Config{MinVersion: t.MinVersion, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if t.ClientCAFile == "" {
		return c, nil
	}
	authorities, err := os.ReadFile(t.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("tls.client_ca_file: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("tls.client_ca_file: %s holds no certificate in PEM; give a file with BEGIN CERTIFICATE", t.ClientCAFile)
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if t.RequireClient {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}
