package app

import (
	"crypto/x509"
	"fmt"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/openhqm/openhqm/internal/config"
)

// rootsFor returns the authorities to trust for an endpoint that names none itself: nil, which means the host's, unless the
// endpoint speaks https and the host has none, as in a container made from scratch. Then it is Mozilla's bundle that the
// binary carries. Importing the bundle's parent instead would parse it at every start, that of `openhqm version` included.
func rootsFor(endpoint *config.Endpoint) (*x509.CertPool, error) {
	return rootsOf(https(endpoint.URL.Reveal()) && endpoint.TLS.CAFile == "")
}

func https(url string) bool { return strings.HasPrefix(strings.ToLower(url), "https:") }

// rootsOf is rootsFor of whatever is spoken to in https or not.
func rootsOf(https bool) (*x509.CertPool, error) {
	if !https {
		return nil, nil
	}
	if host, err := x509.SystemCertPool(); err == nil && !host.Equal(x509.NewCertPool()) {
		return nil, nil
	}
	return carriedRoots()
}

func carriedRoots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("parse a carried root certificate: %w", err)
		}
		if root.Constraint == nil {
			pool.AddCert(certificate)
		} else {
			pool.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	return pool, nil
}
