package ingress

import (
	"net"
	"net/netip"
	"sync"
)

// Bound returns a TCP listener that holds at most so many connections, in all and of one client address; 0 is no bound. A
// connection beyond them is closed at once, before anything is read of it, so that a client knows that nothing was taken
// and the connections that are there go on undisturbed. refused is told of each, with the key of the bound.
func Bound(l net.Listener, all, perClient int, refused func(key string)) net.Listener {
	if all == 0 && perClient == 0 {
		return l
	}
	return &bounded{Listener: l, all: all, perClient: perClient, refused: refused, of: make(map[netip.Addr]int)}
}

type bounded struct {
	net.Listener
	all, perClient int
	refused        func(key string)

	mu    sync.Mutex
	total int
	of    map[netip.Addr]int // by client; an address without connections is not there
}

// Accept waits for the next connection within the bounds.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		client := tcp.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		key := b.take(client)
		if key == "" {
			return &boundedConn{TCPConn: tcp, leave: sync.OnceFunc(func() { b.leave(client) })}, nil
		}
		_ = conn.Close() // nothing was read or written
		b.refused(key)
	}
}

// take counts a connection, or names the key of the bound that it is beyond.
func (b *bounded) take(client netip.Addr) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.all > 0 && b.total >= b.all:
		return "max_connections"
	case b.perClient > 0 && b.of[client] >= b.perClient:
		return "max_connections_per_client"
	}
	b.total++
	b.of[client]++
	return ""
}

func (b *bounded) leave(client netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total--
	if b.of[client]--; b.of[client] == 0 {
		delete(b.of, client)
	}
}

// boundedConn gives its place back when it is closed, by whoever holds it: after an upgrade that is the handler. It stays a
// TCP connection to all who look for more than net.Conn.
type boundedConn struct {
	*net.TCPConn
	leave func()
}

// Close closes the connection.
func (c *boundedConn) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}
