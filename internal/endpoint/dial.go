package endpoint

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
)

// newTransport returns a transport whose connections are secured by what the files say now.
func (e *Endpoint) newTransport(now *trust) *http.Transport {
	pool := e.config.Concurrency
	if pool == 0 {
		pool = DefaultPool
	}
	return &http.Transport{
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
		MaxResponseHeaderBytes: MaxResponseHeader,
		ReadBufferSize:         readBuffer,
	}
}

// connections returns the transport to send by. Another one takes its place when the files have changed, so that no
// connection made by the old ones is used for a new request.
func (e *Endpoint) connections() *http.Transport {
	if now, changed := e.files.current(); changed {
		e.transport.Swap(e.newTransport(now)).CloseIdleConnections()
	}
	return e.transport.Load()
}

// dial connects. Everything that fails here is provably not sent.
func (e *Endpoint) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.ConnectTimeout)
	defer cancel()
	raw, err := e.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	sent := &counter{Conn: raw}
	return &conn{Conn: sent, sent: sent, reader: newReader()}, nil
}

// dialTLS connects and shakes hands, within one connect timeout.
func (e *Endpoint) dialTLS(ctx context.Context, network, address string, now *trust) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.ConnectTimeout)
	defer cancel()
	raw, err := e.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	sent := &counter{Conn: raw}
	shaken := &handshake{shown: now.certificate != nil, ended: make(chan struct{})}
	secure := tls.Client(sent, e.config.TLS.client(host, now, &shaken.asked))
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, shaken.failed(err)
	}
	shaken.version = secure.ConnectionState().Version
	return &conn{Conn: secure, sent: sent, secure: shaken, reader: newReader()}, nil
}
