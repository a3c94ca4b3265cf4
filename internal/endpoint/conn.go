package endpoint

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	planted "github.com/openhqm/openhqm/internal/fault"
)

// call is one request on its way. It is the gate that makes one attempt one arrival: the first connection that takes a
// byte owns the call, and no other is given one. net/http.Transport would send some requests a second time when a reused
// connection breaks (empty-body requests that are idempotent or bear an Idempotency-Key); it cannot get past this.
type call struct {
	cancel context.CancelCauseFunc
	line   string // the request line to put in place of the transport's; "" leaves it
	prefix string // the transport's request line, where line is set

	injected bool   // it bears credentials of our own
	token    *token // the one that it bears, if it was fetched

	mu      sync.Mutex
	owner   *conn     // the connection that took, or is taking, bytes
	wrote   bool      // it took one; in HTTP/2, the head of a stream is on its way
	given   bool      // HTTP/2: a connection was given to it
	heard   bool      // it gave one back
	sealed  bool      // no byte may be written any more by a connection that has written none
	firstAt time.Time // when writing began
}

var (
	errSealed = errors.New("the request is not to be sent any more")
	errBroken = errors.New("the connection broke before the answer")
)

// claim asks to write on c, and reports whether this is the first write.
func (k *call) claim(c *conn) (first, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.owner == c {
		return false, true
	}
	if (k.sealed || k.owner != nil) && !planted.Planted(planted.ResentByTransport) {
		return false, false
	}
	k.owner, k.firstAt = c, time.Now()
	return true, true
}

func (k *call) owned(c *conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.owner == c
}

// written reports what became of a claimed write.
func (k *call) written(took bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case took:
		k.wrote = true
	case !k.wrote:
		k.owner = nil
	}
}

// seal ends the call's right to begin, and reports whether a byte may have been sent. When it returns false none was and
// none will be.
func (k *call) seal() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sealed = true
	return k.owner != nil || k.given
}

// reopen lets a sealed call of which not a byte was written begin after all, on another connection, and reports whether it could.
func (k *call) reopen() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.owner != nil || k.wrote || k.given {
		return false
	}
	k.sealed = false
	return true
}

// began returns when the first byte was written; zero if none was.
func (k *call) began() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.firstAt
}

// broke notes that reading from c failed by the other side's doing. Without a byte of an answer, the transport may look for
// another connection: it is told to stop before it sees the error, so that no healthy connection is spent on finding the
// gate closed.
func (k *call) broke(c *conn, err error) {
	k.mu.Lock()
	stop := k.owner == c && !k.heard && !planted.Planted(planted.ResentByTransport)
	k.mu.Unlock()
	if stop {
		k.cancel(&brokenError{err})
	}
}

func (k *call) hear(c *conn) {
	k.mu.Lock()
	if k.owner == c {
		k.heard = true
	}
	k.mu.Unlock()
}

// brokenError is an errBroken with what the network said.
type brokenError struct{ err error }

func (e *brokenError) Error() string        { return errBroken.Error() }
func (e *brokenError) Is(target error) bool { return target == errBroken }
func (e *brokenError) Unwrap() error        { return e.err }

// conn is a connection to the endpoint that asks its current call before it writes.
type conn struct {
	net.Conn
	sent *counter // bytes on the wire, below TLS
	call atomic.Pointer[call]

	heard  bool // a byte of an answer came; of the one goroutine that reads
	secure *handshake
	reader *reader
	reused atomic.Bool // by its call, after another
}

// Write writes unless the call may not be sent on this connection.
func (c *conn) Write(p []byte) (int, error) {
	k := c.call.Load()
	if k == nil {
		return c.Conn.Write(p)
	}
	if c.reused.Load() && !k.owned(c) && !c.reader.awaitIdle() {
		return 0, errSealed
	}
	first, ok := k.claim(c)
	if !ok {
		return 0, errSealed
	}
	before := c.sent.n.Load()
	n, err := c.write(k, p, first)
	if err != nil {
		c.secure.listen() // the endpoint may have said why it takes no more
	}
	if first || err != nil {
		k.written(c.sent.n.Load() != before)
	}
	return n, err
}

func (c *conn) write(k *call, p []byte, first bool) (int, error) {
	if !first || k.line == "" {
		return c.Conn.Write(p)
	}
	rest, found := strings.CutPrefix(string(p), k.prefix)
	if !found {
		return 0, errSealed // the transport wrote its request line in another form than it always has
	}
	if _, err := c.Conn.Write([]byte(k.line + rest)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read reads, and tells the call when it learns something.
func (c *conn) Read(p []byte) (int, error) {
	c.reader.begin(len(p) >= readBuffer)
	n, err := c.Conn.Read(p)
	c.reader.end()
	c.heard = c.heard || n > 0
	if err != nil && !c.heard {
		err = c.secure.refusal(err)
	}
	if err != nil {
		c.secure.over(err)
	}
	if k := c.call.Load(); k != nil {
		if n > 0 {
			k.hear(c)
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			k.broke(c, err)
		}
	}
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	c.reader.close()
	return c.Conn.Close()
}

// CloseWrite tells the endpoint that nothing more comes, while what it sends is still read: either side of an upgraded
// connection may end first.
func (c *conn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// counter counts the bytes that the network took.
type counter struct {
	net.Conn
	n atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// CloseWrite is that of the connection below.
func (c *counter) CloseWrite() error { return closeWrite(c.Conn) }
