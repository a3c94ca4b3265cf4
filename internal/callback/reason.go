package callback

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tlsConfig returns what every connection to an https receiver keeps to.
func tlsConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// reason says why there is no answer, in words of ours: the errors of the network tell addresses that a client who may ask
// for the state of a callback need not know.
func reason(err error) string {
	var (
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		network     net.Error
	)
	switch {
	case errors.As(err, &name):
		return "the receiver's name cannot be resolved"
	case errors.As(err, &certificate):
		return "the receiver's certificate is not accepted"
	case errors.As(err, &record), errors.As(err, &alert):
		return "the TLS handshake failed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the receiver refuses connections"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the receiver's network cannot be reached"
	case errors.As(err, &network) && network.Timeout():
		return "the receiver did not take the connection in time"
	}
	return "the connection broke before the answer was there"
}

// retryAfter reads a Retry-After (RFC 9110 10.2.3) in either form; 0 if there is none that can be read.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
