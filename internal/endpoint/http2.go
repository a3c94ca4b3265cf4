package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Protocol is the version of HTTP that an endpoint is spoken to in. A closed set.
type Protocol string

// The protocols. Nothing is negotiated: an endpoint that does not speak the one that is set is sent nothing.
const (
	HTTP1 Protocol = ""    // HTTP/1.1
	HTTP2 Protocol = "h2"  // HTTP/2 over TLS
	H2C   Protocol = "h2c" // HTTP/2 without TLS, with prior knowledge (RFC 9113 3.3)
)

// What finds a dead connection of HTTP/2, on which all calls would hang until their time is over.
const (
	pingAfter  = 15 * time.Second // without a frame while calls are under way
	pingWithin = 15 * time.Second
)

// multiplexed reports whether many calls share one connection.
func (p Protocol) multiplexed() bool { return p != HTTP1 }

func (p Protocol) validate(scheme string) error {
	switch {
	case p == HTTP2 && scheme != "https":
		return errors.New("protocol h2 is for https, and the url is http; h2c speaks HTTP/2 without TLS")
	case p == H2C && scheme != "http":
		return errors.New("protocol h2c is for http, and the url is https; h2 speaks HTTP/2 over TLS")
	case p != HTTP1 && p != HTTP2 && p != H2C:
		return errors.New("unknown protocol " + string(p))
	}
	return nil
}

// speak makes a transport speak the endpoint's protocol and no other.
func (e *Endpoint) speak(t *http.Transport, now *trust) {
	if !e.config.Protocol.multiplexed() {
		return
	}
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP2(e.config.Protocol == HTTP2)
	t.Protocols.SetUnencryptedHTTP2(e.config.Protocol == H2C)
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWithin}
	t.DialContext = e.dialer.dialWithin(e.config.ConnectTimeout)
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		secure, _, err := e.secure(ctx, network, address, now)
		if err != nil {
			return nil, err // and not a nil *tls.Conn
		}
		if secure.ConnectionState().NegotiatedProtocol != string(HTTP2) {
			secure.Close()
			return nil, &handshakeError{errors.New("the endpoint does not speak HTTP/2"), "remove the endpoint's protocol: it is spoken to in HTTP/1.1 then"}
		}
		return secure, nil
	}
}

// roundTripStream sends a request on one stream at most. The transport below opens another one for a request that the
// endpoint refused, or that a connection which is going away did not take, if it has no body: its context ends before the
// second one is begun, which the transport looks at in front of every stream.
func (e *Endpoint) roundTripStream(ctx context.Context, r *http.Request, k *call) (*http.Response, error) {
	fresh := false
	trace := &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			fresh = !info.Reused
			if !k.claimStream() {
				k.cancel(errSecondStream)
			}
		},
		WroteHeaderField: func(string, []string) { k.streamed() },
	}
	answer, err := e.connections().RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err == nil || ctx.Err() != nil {
		return answer, err
	}
	if alert, ok := alertOf(err); ok && fresh && alert != "" {
		late := &handshake{asked: true, version: tls.VersionTLS13, shown: e.config.TLS.CertFile != ""}
		return nil, late.refusal(err)
	}
	if refusedStream(err) {
		return nil, errRefusedStream
	}
	return nil, err
}

var (
	// errSecondStream ends a call that the transport would have sent again. It does so for streams that were refused, and for some
	// that were broken off: which one it was it does not say.
	errSecondStream = &fault{class: queue.Unanswered, status: http.StatusBadGateway,
		text: "the endpoint broke off the stream before it answered"}
	errRefusedStream = &fault{class: queue.NotSent, status: http.StatusBadGateway,
		text: "the endpoint refused the stream: it has not handled the request"}
)

// refusedStream reports whether it is certain that the endpoint has not handled the request (RFC 9113 8.7). The library's
// errors have no exported type; TestARefusedStreamIsNotSent holds the words to it.
func refusedStream(err error) bool {
	text := err.Error()
	return strings.Contains(text, "REFUSED_STREAM") || strings.Contains(text, "graceful shutdown GOAWAY")
}

// brokeStream reports whether an error is one of HTTP/2.
func brokeStream(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "stream error: ") || strings.HasPrefix(text, "http2: ") || strings.HasPrefix(text, "connection error: ")
}

// claimStream asks to begin a stream. One that follows one whose head was written is refused.
func (k *call) claimStream() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.given = true
	return !k.wrote
}

// streamed notes that the head of the request is being written.
func (k *call) streamed() {
	k.mu.Lock()
	if !k.wrote {
		k.wrote, k.firstAt = true, time.Now()
	}
	k.mu.Unlock()
}

// streamURL makes the transport send a target as it is. Where it begins with two slashes, which would be taken for an
// authority, the whole URL is given, of which the transport takes off as much as it added.
func (b *base) streamURL(host, target string) *url.URL {
	u := &url.URL{Scheme: b.scheme, Host: b.host, Opaque: target}
	if strings.HasPrefix(target, "//") {
		u.Opaque = b.scheme + "://" + orElse(host, b.host) + target
	}
	return u
}
