package certfile

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// Authorities reads the certificates, in PEM, of authorities. key is the key of the configuration that named the file.
func Authorities(key, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s holds no certificate in PEM; give a file with BEGIN CERTIFICATE", key, file)
	}
	return pool, nil
}

// Pair reads a certificate, its chain behind it, and its key, both in PEM: what tls.cert_file and tls.key_file name.
func Pair(certFile, keyFile string) (tls.Certificate, error) {
	certificate, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls.cert_file: %w", err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls.key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, explain(certFile, keyFile, string(key), err)
	}
	return pair, nil
}

// explain says what is wrong with a certificate and its key.
func explain(certFile, keyFile, key string, err error) error {
	text := strings.TrimPrefix(err.Error(), "tls: ")
	switch {
	case strings.Contains(key, "ENCRYPTED"):
		return fmt.Errorf("tls.key_file: %s is encrypted; give the key without a passphrase, readable by this process only", keyFile)
	case strings.Contains(text, "does not match"):
		return fmt.Errorf("tls.key_file: %s is not the key of the certificate in %s; give the two that belong together", keyFile, certFile)
	case strings.Contains(text, "certificate"):
		return fmt.Errorf("tls.cert_file: %s: %s", certFile, text)
	}
	return fmt.Errorf("tls.key_file: %s: %s", keyFile, text)
}
