package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// handshake is what is known of how a connection was secured.
type handshake struct {
	asked   bool   // the endpoint wants a certificate of ours
	shown   bool   // we have one
	version uint16 // of a handshake that is complete on our side
	sent    *counter

	ended   chan struct{} // closed when reading has failed
	once    sync.Once
	refused atomic.Pointer[handshakeError] // the late refusal, once it came
}

// handshakeError is a TLS handshake that failed, on either side: provably, no request was read.
type handshakeError struct {
	err    error
	remedy string // "" if there is none to name
}

func (e *handshakeError) Error() string {
	text := "TLS handshake: " + e.err.Error()
	if alert, ok := alertOf(e.err); ok {
		text = "TLS handshake: the endpoint refused it with " + strings.TrimPrefix(alert, "tls: ")
	}
	if e.remedy != "" {
		text += "; " + e.remedy
	}
	return text
}

func (e *handshakeError) Unwrap() error { return e.err }

// failed explains an error of the handshake.
func (h *handshake) failed(err error) *handshakeError {
	return &handshakeError{err, h.remedy(err)}
}

// refusal makes a late refusal of the handshake out of an error of the first read. By TLS 1.3 the client is done before the
// endpoint has looked at the client's certificate, so that what it says of it comes when the request is on the wire already.
// It is certain even so that nobody read the request: an endpoint that asked for a certificate takes no data before it has
// accepted what came (RFC 8446 4.4.3, 6.2), and no other alert than those of a handshake counts. On a nil handshake it
// returns err.
func (h *handshake) refusal(err error) error {
	if h == nil || !h.asked || h.version < tls.VersionTLS13 {
		return err
	}
	if alert, ok := alertOf(err); !ok || !slices.Contains(refusals, alert) {
		return err
	}
	return h.failed(err)
}

// over notes that reading has failed.
func (h *handshake) over(err error) {
	var refused *handshakeError
	if h == nil {
		return
	}
	if errors.As(err, &refused) {
		h.refused.Store(refused)
	}
	h.once.Do(func() { close(h.ended) })
}

// listen waits, for a moment, for the end of reading, where a late refusal may come: what was being written is often reset
// before.
func (h *handshake) listen() {
	if h == nil || !h.asked || h.version < tls.VersionTLS13 {
		return
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-h.ended:
	case <-timer.C:
	}
}

// The alerts by which a handshake ends because of a certificate of ours, or the lack of one (RFC 8446 6.2).
var refusals = []string{
	alertHandshakeFailure, alertBadCertificate, alertText(43), alertText(44), alertText(45), alertText(46), alertText(48),
	alertText(49), alertText(51), alertText(116),
}

var (
	alertHandshakeFailure = alertText(40)
	alertBadCertificate   = alertText(42)
	alertProtocolVersion  = alertText(70)
	alertUnknownName      = alertText(112)
	alertNoProtocol       = alertText(120)
)

func alertText(code uint8) string { return tls.AlertError(code).Error() }

// alertOf returns the text of an alert that the other side sent. The library has no exported type for it.
func alertOf(err error) (string, bool) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err.Error(), true
	}
	return "", false
}

// remedy says what to do about an error of the handshake; "" if that is not known.
func (h *handshake) remedy(err error) string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	alert, _ := alertOf(err)
	switch {
	case alert == alertNoProtocol:
		return "it does not speak HTTP/2: remove the endpoint's protocol"
	case errors.As(err, &authority):
		return "if that authority is to be trusted, name its certificate in the endpoint's tls.ca_file"
	case errors.As(err, &name):
		return "correct the url, or name what the certificate is for in the endpoint's tls.server_name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the endpoint needs a certificate that is valid now, or a clock is wrong"
	case errors.As(err, &plain):
		return "nothing speaks TLS there: give an http url, or another port"
	case alert == alertProtocolVersion, strings.Contains(err.Error(), "unsupported protocol version"):
		return "it has no version of TLS as new as the endpoint's tls.min_version (1.2 if not set)"
	case alert == alertUnknownName:
		return "name the server that is meant in the endpoint's tls.server_name"
	case h.asked && slices.Contains(refusals, alert) && h.shown:
		return "it does not accept the certificate of the endpoint's tls.cert_file"
	case h.asked && slices.Contains(refusals, alert):
		return "it wants a certificate of its client: set the endpoint's tls.cert_file and tls.key_file"
	}
	return ""
}
