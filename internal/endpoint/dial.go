package endpoint

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// newTransport returns a transport whose connections are secured by what the files say now.
func (e *Endpoint) newTransport(now *trust) *http.Transport {
	pool := e.config.Concurrency
	if pool == 0 {
		pool = DefaultPool
	}
	t := &http.Transport{
		Proxy:       nil, // never from the environment: only configured targets (promise 8)
		DialContext: e.dial,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return e.dialTLS(ctx, network, address, now)
		},
		DisableCompression:     true, // else bodies would be decompressed on the way
		MaxIdleConns:           pool,
		MaxIdleConnsPerHost:    pool,
		IdleConnTimeout:        e.config.IdleTimeout,
		ResponseHeaderTimeout:  e.config.FirstByteTimeout,
		ExpectContinueTimeout:  continueWithin,
		MaxResponseHeaderBytes: MaxResponseHeader,
		ReadBufferSize:         readBuffer,
	}
	e.speak(t, now)
	return t
}

// continueWithin is how long an endpoint has to say 100 (Continue) to a client that asks before it sends its body; then the
// body is sent, since many endpoints never say it (RFC 9110 10.1.1).
const continueWithin = time.Second

// connections returns the transport to send by. Another one takes its place when the files have changed, so that no
// connection made by the old ones is used for a new request.
func (e *Endpoint) connections() *http.Transport {
	if now, changed := e.files.Current(); changed {
		e.transport.Swap(e.newTransport(now)).CloseIdleConnections()
	}
	return e.transport.Load()
}

// dialer connects. Everything that fails here is provably not sent.
type dialer struct{ net.Dialer }

// dialWithin returns a function that connects within a time.
func (d *dialer) dialWithin(limit time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return d.DialContext(ctx, network, address)
	}
}

// dial connects.
func (e *Endpoint) dial(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := e.dialer.dialWithin(e.config.ConnectTimeout)(ctx, network, address)
	if err != nil {
		return nil, err
	}
	sent := &counter{Conn: raw}
	return &conn{Conn: sent, sent: sent, reader: newReader()}, nil
}

// dialTLS connects and shakes hands, within one connect timeout.
func (e *Endpoint) dialTLS(ctx context.Context, network, address string, now *trust) (net.Conn, error) {
	secure, shaken, err := e.secure(ctx, network, address, now)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: secure, sent: shaken.sent, secure: shaken, reader: newReader()}, nil
}

// secure connects and shakes hands, within one connect timeout.
func (e *Endpoint) secure(ctx context.Context, network, address string, now *trust) (*tls.Conn, *handshake, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.ConnectTimeout)
	defer cancel()
	raw, err := e.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	shaken := &handshake{shown: now.certificate != nil, ended: make(chan struct{}), sent: &counter{Conn: raw}}
	c := e.config.TLS.client(host, now, &shaken.asked)
	if e.config.Protocol.multiplexed() {
		c.NextProtos = []string{string(HTTP2)}
	}
	secure := tls.Client(shaken.sent, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, shaken.failed(err)
	}
	shaken.version = secure.ConnectionState().Version
	return secure, shaken, nil
}
