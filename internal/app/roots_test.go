package app

import (
	"crypto/x509"
	"testing"

	"github.com/openhqm/openhqm/internal/config"
)

func TestRootsAreCarriedForAHostWithout(t *testing.T) {
	carried, err := carriedRoots()
	if err != nil {
		t.Fatal(err)
	}
	if carried.Equal(x509.NewCertPool()) {
		t.Fatal("the carried bundle is empty")
	}
	// The standard library reads the host's once in a process, before any test
	// could take them away: what it found is what must be trusted.
	host, err := x509.SystemCertPool()
	bare := err != nil || host.Equal(x509.NewCertPool())
	got, err := rootsFor(&config.Endpoint{URL: "HTTPS://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if bare && !got.Equal(carried) || !bare && got != nil {
		t.Errorf("host without authorities: %v; trusted %v", bare, got)
	}
	if got, err := rootsFor(&config.Endpoint{URL: "http://example.com"}); err != nil || got != nil {
		t.Errorf("an http endpoint made us read authorities: %v, %v", got, err)
	}
}
