package recorder

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Reply is what happens on the connection after an arrival, step by step. A
// nil Reply closes the connection without a byte. After the last step the
// connection waits for its next request.
type Reply []Step

// A Step is one action on the connection; it reports whether the connection
// goes on.
type Step func(conn net.Conn, closed <-chan struct{}) bool

// play does the steps in order and reports whether the connection goes on.
func (r Reply) play(conn net.Conn, closed <-chan struct{}) bool {
	for _, step := range r {
		if !step(conn, closed) {
			return false
		}
	}
	return true
}

// Write sends bytes as they are.
func Write(raw []byte) Step {
	return func(conn net.Conn, _ <-chan struct{}) bool {
		_, err := conn.Write(raw)
		return err == nil
	}
}

// Delay waits, or ends with the recorder if that is sooner.
func Delay(d time.Duration) Step {
	return func(_ net.Conn, closed <-chan struct{}) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-closed:
			return false
		}
	}
}

// Hold waits until the channel is closed, or ends with the recorder.
func Hold(until <-chan struct{}) Step {
	return func(_ net.Conn, closed <-chan struct{}) bool {
		select {
		case <-until:
			return true
		case <-closed:
			return false
		}
	}
}

// Close ends the connection in order (FIN).
func Close() Step {
	return func(net.Conn, <-chan struct{}) bool { return false }
}

// Reset ends the connection with a reset (RST).
func Reset() Step {
	return func(conn net.Conn, _ <-chan struct{}) bool {
		if secure, ok := conn.(*tls.Conn); ok {
			conn = secure.NetConn()
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // fails only on a closed connection, which is as good
		}
		return false
	}
}

// Answer is a complete response: the status line, the fields as given
// ("Name: value"), a Content-Length of the body unless a field frames it, and the body.
func Answer(status int, body string, fields ...string) Reply {
	return Reply{Write([]byte(Raw(status, body, fields...)))}
}

// Raw renders what Answer sends. No length is added to a 1xx, 204 or 304, or
// where the fields already have Content-Length or Transfer-Encoding.
func Raw(status int, body string, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	framed := status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
	for _, field := range fields {
		lower := strings.ToLower(field)
		framed = framed || strings.HasPrefix(lower, "content-length:") || strings.HasPrefix(lower, "transfer-encoding:")
		b.WriteString(field + "\r\n")
	}
	if !framed {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// Always answers every arrival alike.
func Always(reply Reply) Script {
	return func(Arrival) Reply { return reply }
}

// Sequence answers the nth arrival with the nth reply, and all further ones with
// the last.
func Sequence(replies ...Reply) Script {
	return func(a Arrival) Reply {
		return replies[min(a.Number, len(replies))-1]
	}
}
