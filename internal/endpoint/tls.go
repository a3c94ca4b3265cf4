package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/openhqm/openhqm/internal/certfile"
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

// trust is what the files of a TLS say.
type trust struct {
	roots       *x509.CertPool
	certificate *tls.Certificate // nil: none
}

// watch reads the files, and keeps the trust in step with them.
func (t *TLS) watch(roots *x509.CertPool, told func(error)) (*certfile.Watched[*trust], error) {
	return certfile.Watch([]string{t.CAFile, t.CertFile, t.KeyFile}, func() (*trust, error) { return t.read(roots) }, told)
}

// read reads the files. An error names the key of the configuration and the remedy, and never what a file holds.
func (t *TLS) read(roots *x509.CertPool) (*trust, error) {
	now := &trust{roots: roots}
	if t.CAFile != "" {
		pool, err := certfile.Authorities("tls.ca_file", t.CAFile)
		if err != nil {
			return nil, err
		}
		now.roots = pool
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return now, nil
	}
	pair, err := certfile.Pair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, err
	}
	now.certificate = &pair
	return now, nil
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
