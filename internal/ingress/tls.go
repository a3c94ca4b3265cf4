package ingress

import (
	"crypto/tls"

	"github.com/openhqm/openhqm/internal/certfile"
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

// Config reads the files and returns what http.Server.ServeTLS takes. The files are read again when they have changed,
// which is looked for once a second at most and by new connections only. Files that cannot be used leave what was there;
// told hears of each reading after the first that is taken up, and once of files that stay unusable. An error names the key and
// the remedy.
func (t TLS) Config(told func(error)) (*tls.Config, error) {
	files, err := certfile.Watch([]string{t.CertFile, t.KeyFile, t.ClientCAFile}, t.read, told)
	if err != nil {
		return nil, err
	}
	first := files.Now().Clone()
	first.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now, _ := files.Current()
		return now, nil
	}
	return first, nil
}

func (t TLS) read() (*tls.Config, error) {
	pair, err := certfile.Pair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: t.MinVersion, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if t.ClientCAFile == "" {
		return c, nil
	}
	if c.ClientCAs, err = certfile.Authorities("tls.client_ca_file", t.ClientCAFile); err != nil {
		return nil, err
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if t.RequireClient {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}
