package app

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openhqm/openhqm/internal/certfile"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/endpoint"
)

// expiresSoon is how long before its end a certificate is warned of.
const expiresSoon = 14 * 24 * time.Hour

// Check builds all that a process would make of a configuration before it listens: the files that it names are read, and nothing
// is opened, bound or sent. It returns what a start would be refused for, and warnings that are none of that.
func Check(c *config.Config, extend Extensions) (warnings []string, err error) {
	b := &builder{handlers: extend.Handlers, options: endpoint.Options{Pseudonym: "openhqm"}}
	s, err := b.build(c, nil)
	if err != nil {
		return nil, err
	}
	s.closeWhatIsNotIn(nil)
	now := time.Now()
	for section, t := range map[string]*config.ListenerTLS{"server": &c.Server.TLS, "admin": &c.Admin.TLS} {
		if t.CertFile == "" {
			continue
		}
		if _, err := listenerConfig(section, t, func(error) {}); err != nil {
			return nil, err
		}
		warnings = append(warnings, expiry(section+".tls.cert_file", t.CertFile, t.KeyFile, now)...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Proxy.Endpoints)) {
		if t := c.Proxy.Endpoints[name].TLS; c.Proxy.Enabled && t.CertFile != "" {
			warnings = append(warnings, expiry("proxy.endpoints."+name+".tls.cert_file", t.CertFile, t.KeyFile, now)...)
		}
	}
	slices.Sort(warnings)
	return warnings, nil
}

// expiry warns of a certificate that has ended or ends soon. That it can be read has been checked.
func expiry(key, certFile, keyFile string, now time.Time) []string {
	pair, err := certfile.Pair(certFile, keyFile)
	if err != nil || len(pair.Certificate) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	switch {
	case err != nil:
		return nil
	case now.After(leaf.NotAfter):
		return []string{fmt.Sprintf("%s: the certificate in %s ended on %s; renew it", key, certFile, leaf.NotAfter.UTC().Format(time.DateOnly))}
	case now.Add(expiresSoon).After(leaf.NotAfter):
		return []string{fmt.Sprintf("%s: the certificate in %s ends on %s; renew it", key, certFile, leaf.NotAfter.UTC().Format(time.DateOnly))}
	}
	return nil
}
