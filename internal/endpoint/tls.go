package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// TLS is how an https endpoint is spoken to. The zero value: by the system's authorities, without a certificate of ours.
//
// The files are read by New, and again when they have changed; see [Options.FilesRead].
type TLS struct {
	CAFile     string // PEM certificates of the only authorities to trust; "": Options.Roots
	CertFile   string // PEM certificate of ours, its chain behind it
	KeyFile    string // PEM key of CertFile
	ServerName string // asked for in the handshake, and the name that the certificate must bear; "": the URL's host
	MinVersion uint16 // tls.VersionTLS12 or VersionTLS13; 0: TLS 1.2
	// InsecureSkipVerify takes any certificate, so that whoever is on the way can read and change what is sent.
	InsecureSkipVerify bool
}

// lookEvery is how often the files of an endpoint are looked at, while it is called.
const lookEvery = time.Second

// trust is what the files of a TLS say, and how they looked when they were read.
type trust struct {
	roots       *x509.CertPool
	certificate *tls.Certificate // nil: none
}

// files keeps the trust of an endpoint in step with its files.
type files struct {
	names [3]string // "" for none
	load  func() (*trust, error)
	told  func(error) // of each reading after the first

	mu       sync.Mutex
	now      *trust
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

func (t *TLS) files(roots *x509.CertPool, told func(error)) (*files, error) {
	f := &files{names: [3]string{t.CAFile, t.CertFile, t.KeyFile}, told: told, lookedAt: time.Now()}
	f.load = func() (*trust, error) { return t.read(roots) }
	f.seen = f.look() // before the reading: a change in between is noticed
	var err error
	f.now, err = f.load()
	return f, err
}

// current returns the trust to use, and whether it is another one than that of the call before. Files that cannot be used
// leave the trust that was there: they are often written one after the other.
func (f *files) current() (now *trust, changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names == [3]string{} || time.Since(f.lookedAt) < lookEvery {
		return f.now, false
	}
	f.lookedAt = time.Now()
	looks := f.look()
	if looks == f.seen {
		if f.failed != nil && !f.reported { // and they have stayed so for a while
			f.reported = true
			f.told(f.failed)
		}
		return f.now, false
	}
	f.seen = looks
	next, err := f.load()
	f.failed, f.reported = err, false
	if err != nil {
		return f.now, false
	}
	f.now = next
	f.told(nil)
	return f.now, true
}

func (f *files) look() (looks [3]appearance) {
	for i, name := range f.names {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			looks[i] = appearance{info.Size(), info.ModTime()}
		}
	}
	return looks
}

// read reads the files. An error names the key of the configuration and the remedy, and never what a file holds.
func (t *TLS) read(roots *x509.CertPool) (*trust, error) {
	now := &trust{roots: roots}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		now.roots = x509.NewCertPool()
		if !now.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM; give a file with BEGIN CERTIFICATE", t.CAFile)
		}
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return now, nil
	}
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
		return nil, pairError(t, string(key), err)
	}
	now.certificate = &pair
	return now, nil
}

// pairError says what is wrong with a certificate and its key.
func pairError(t *TLS, key string, err error) error {
	text := strings.TrimPrefix(err.Error(), "tls: ")
	switch {
	case strings.Contains(key, "ENCRYPTED"):
		return fmt.Errorf("tls.key_file: %s is encrypted; give the key without a passphrase, readable by this process only", t.KeyFile)
	case strings.Contains(text, "does not match"):
		return fmt.Errorf("tls.key_file: %s is not the key of the certificate in %s; give the two that belong together", t.KeyFile, t.CertFile)
	case strings.Contains(text, "certificate"):
		return fmt.Errorf("tls.cert_file: %s: %s", t.CertFile, text)
	}
	return fmt.Errorf("tls.key_file: %s: %s", t.KeyFile, text)
}

// validate refuses settings that contradict each other.
func (t *TLS) validate(endpoint, scheme string) error {
	var wrong string
	switch {
	case *t == TLS{}:
		return nil
	case scheme != "https":
		wrong = "is for https, and the url is http"
	case (t.CertFile == "") != (t.KeyFile == ""):
		wrong = "needs both cert_file and key_file, or neither"
	case t.InsecureSkipVerify && t.CAFile != "":
		wrong = "has insecure_skip_verify, with which nothing is compared with ca_file; remove one"
	case t.MinVersion != 0 && t.MinVersion != tls.VersionTLS12 && t.MinVersion != tls.VersionTLS13:
		wrong = "has a min_version that is neither 1.2 nor 1.3"
	default:
		return nil
	}
	return fmt.Errorf("endpoint %q: tls %s", endpoint, wrong)
}

// client returns what a connection to a host is secured by. asked is set when the endpoint wants a certificate of ours.
func (t *TLS) client(host string, now *trust, asked *bool) *tls.Config {
	return &tls.Config{
		ServerName:         orElse(t.ServerName, host),
		MinVersion:         max(t.MinVersion, tls.VersionTLS12),
		NextProtos:         []string{"http/1.1"},
		RootCAs:            now.roots,
		InsecureSkipVerify: t.InsecureSkipVerify,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			*asked = true
			if now.certificate == nil {
				return &tls.Certificate{}, nil
			}
			// Shown whatever authorities the endpoint names: its refusal says more than silence would.
			return now.certificate, nil
		},
	}
}
