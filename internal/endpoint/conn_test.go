package endpoint

import (
	"errors"
	"io"
	"net"
	"testing"
)

// wire is a connection that takes so many bytes and then fails.
type wire struct {
	net.Conn
	takes int
	fails error // of Read
	got   []byte
}

func (w *wire) Write(p []byte) (int, error) {
	n := min(len(p), w.takes-len(w.got))
	w.got = append(w.got, p[:n]...)
	if n < len(p) {
		return n, errors.New("broken")
	}
	return n, nil
}

func (w *wire) Read([]byte) (int, error) { return 0, w.fails }

func on(w *wire, k *call) *conn {
	sent := &counter{Conn: w}
	c := &conn{Conn: sent, sent: sent, reader: newReader()}
	c.call.Store(k)
	return c
}

func write(t *testing.T, c *conn, text string) error {
	t.Helper()
	_, err := io.WriteString(c, text)
	return err
}

func TestGateKnowsWhetherAByteWasSent(t *testing.T) {
	k := &call{}
	if err := write(t, on(&wire{}, k), "GET"); err == nil || k.owner != nil {
		t.Error("a write that took nothing counts")
	}
	second := on(&wire{takes: 100}, k) // nothing was sent, so another connection may try
	if err := write(t, second, "GET"); err != nil {
		t.Error(err)
	}
	if err := write(t, second, " /"); err != nil {
		t.Error(err)
	}
	third := &wire{takes: 100}
	if err := write(t, on(third, k), "GET"); !errors.Is(err, errSealed) || len(third.got) != 0 {
		t.Errorf("a second connection took %q: %v", third.got, err)
	}
	if !k.seal() {
		t.Error("sent bytes are denied")
	}
}

func TestGateCountsAPartialWrite(t *testing.T) {
	k := &call{}
	if err := write(t, on(&wire{takes: 1}, k), "GET"); err == nil || !k.seal() {
		t.Errorf("one byte of three: error %v, sent %t", err, k.seal())
	}
}

// What a write under way will have sent is not known yet.
func TestGateCountsAWriteUnderWay(t *testing.T) {
	k := &call{}
	c := on(&wire{}, k)
	if first, ok := k.claim(c); !first || !ok {
		t.Fatal("the first write is refused")
	}
	if !k.seal() {
		t.Error("a write under way counts as not sent")
	}
}

func TestSealedCallIsNeverSent(t *testing.T) {
	k := &call{}
	if k.seal() {
		t.Error("sent before it began")
	}
	w := &wire{takes: 100}
	if err := write(t, on(w, k), "GET"); !errors.Is(err, errSealed) || len(w.got) != 0 {
		t.Errorf("a sealed call wrote %q: %v", w.got, err)
	}
}

func TestBrokenConnectionStopsTheCallAtOnce(t *testing.T) {
	for _, c := range []struct {
		fails error
		heard bool
		want  bool
	}{{io.EOF, false, true}, {io.EOF, true, false}, {net.ErrClosed, false, false}} {
		var cause error
		k := &call{cancel: func(err error) { cause = err }}
		own := on(&wire{takes: 100, fails: c.fails}, k)
		if err := write(t, own, "GET"); err != nil {
			t.Fatal(err)
		}
		k.heard = c.heard
		_, err := own.Read(make([]byte, 1))
		if !errors.Is(err, c.fails) || errors.Is(cause, errBroken) != c.want {
			t.Errorf("%+v: read error %v, cause %v", c, err, cause)
		}
	}
}

func TestRequestLineIsPutInOnce(t *testing.T) {
	k := &call{line: "GET //x HTTP/1.1\r\n", prefix: "GET / HTTP/1.1\r\n"}
	w := &wire{takes: 1000}
	c := on(w, k)
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\n is a body"} {
		if err := write(t, c, text); err != nil {
			t.Fatal(err)
		}
	}
	if want := "GET //x HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n is a body"; string(w.got) != want {
		t.Errorf("wrote %q", w.got)
	}
	other := &wire{takes: 1000}
	if err := write(t, on(other, &call{line: "x", prefix: "y"}), "GET / HTTP/1.1\r\n"); !errors.Is(err, errSealed) || len(other.got) != 0 {
		t.Errorf("wrote %q instead of the request line: %v", other.got, err)
	}
}
