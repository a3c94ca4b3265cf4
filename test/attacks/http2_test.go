package attacks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A stream is one request over HTTP/2 with its fields as they are written, which no client library would. What HTTP/1.1 has
// no way to say becomes another request when it is written out for the endpoint (downgrading).
type stream struct {
	name, why string
	fields    [][2]string // behind the usual pseudo fields, of which those that are named here replace theirs
	body      string
	late      bool     // the body comes a while after the head
	arrives   *arrival // nil: refused, by a reset, a 4xx or the end of the connection
}

var streams = []stream{
	{name: "a length that is too short (H2.CL)", fields: [][2]string{{"content-length", "0"}}, body: "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", why: "what is beyond it would be the endpoint's next request"},
	{name: "a body behind a length of zero, later", fields: [][2]string{{"content-length", "0"}}, body: "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", late: true, why: "the head does not say that there is none: the request is not whole, and not sent, before its stream ends"},
	{name: "the end behind a length of zero, later", fields: [][2]string{{"content-length", "0"}}, late: true, arrives: &arrival{}, why: "is waited for, and then it is whole"},
	{name: "a length that is too long", fields: [][2]string{{"content-length", "99"}}, body: "abc", why: "the endpoint would take the next request for the rest"},
	{name: "two lengths", fields: [][2]string{{"content-length", "3"}, {"content-length", "0"}}, body: "abc", why: "one server takes the first, one the last"},
	{name: "chunked (H2.TE)", fields: [][2]string{{"transfer-encoding", "chunked"}}, body: "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", why: "there are no such fields (RFC 9113 8.2.2)"},
	{name: "Connection", fields: [][2]string{{"connection", "x-injected"}}, why: "there are no such fields (RFC 9113 8.2.2)"},
	{name: "a line break in a value", fields: [][2]string{{"x-attack", "a\r\ntransfer-encoding: chunked"}}, why: "would be a second field in HTTP/1.1"},
	{name: "a line feed in a value", fields: [][2]string{{"x-attack", "a\nx-hidden: evil"}}, why: "would be a second field in HTTP/1.1"},
	{name: "a zero byte in a value", fields: [][2]string{{"x-attack", "a\x00b"}}, why: "must be refused (RFC 9113 8.2.1)"},
	{name: "a line break in a name", fields: [][2]string{{"x-attack: 1\r\nx-hidden", "evil"}}, why: "would be a second field in HTTP/1.1"},
	{name: "a colon in a name", fields: [][2]string{{"x-hidden: evil", "1"}}, why: "the name would end at the colon"},
	{name: "capitals in a name", fields: [][2]string{{"Transfer-Encoding", "chunked"}}, why: "must be refused (RFC 9113 8.2)"},
	{name: "a line break in the path", fields: [][2]string{{":path", "/mark HTTP/1.1\r\nx-hidden: evil\r\n\r\n"}}, why: "would end the request line"},
	{name: "a blank in the path", fields: [][2]string{{":path", "/mark HTTP/1.1"}}, why: "would end the target"},
	{name: "a path without a slash", fields: [][2]string{{":path", "@evil.example/"}}, why: "would be glued to the endpoint's host"},
	{name: "a line break in the method", fields: [][2]string{{":method", "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\nPOST"}}, why: "would be a request of its own"},
	{name: "a blank in the method", fields: [][2]string{{":method", "GET /smuggled"}}, why: "would shift the target"},
	{name: "a line break in the authority", fields: [][2]string{{":authority", "a\r\nx-hidden: evil"}}, why: "becomes the Host field"},
	{name: "a path in the authority", fields: [][2]string{{":authority", "a/b"}}, why: "no host"},
	{name: "a Host that differs", fields: [][2]string{{"host", "evil.example"}}, arrives: &arrival{}, why: "the authority counts, and the only Host that is sent is that one"},
	{name: "forged fields", fields: [][2]string{{"x-forwarded-for", "6.6.6.6"}, {"x_forwarded_host", "evil.example"}, {"x_injected", "evil"}, {"openhqm-delivery", "9"}, {"upgrade-insecure-requests", "1"}}, arrives: &arrival{}, why: "as over HTTP/1.1"},
	{name: "a length that fits", fields: [][2]string{{"content-length", "3"}}, body: "abc", arrives: &arrival{}, why: "so the others are refused for their fault"},
}

// TestHTTP2Attacks sends every stream each way to each server.
func TestHTTP2Attacks(t *testing.T) {
	eachServer(t, func(t *testing.T, _ backend, s *server) func(*testing.T, map[string][]arrival) {
		for i, attack := range streams {
			for j, w := range ways {
				t.Run(attack.name+"/"+w.name, func(t *testing.T) { attack.send(t, s, w, marker(2*i+j)) })
			}
		}
		return func(t *testing.T, arrivals map[string][]arrival) {
			for i, attack := range streams {
				for j, w := range ways {
					t.Run(attack.name+"/"+w.name+"/arrived", func(t *testing.T) {
						got := arrivals[marker(2*i+j)]
						delete(arrivals, marker(2*i+j))
						attack.judge(t, got, marker(2*i+j))
					})
				}
			}
		}
	})
}

func (a stream) judge(t *testing.T, got []arrival, marker string) {
	var whole []arrival // one that is refused in its body may have begun to arrive
	for _, g := range got {
		if g.complete || a.arrives != nil {
			whole = append(whole, g)
		}
	}
	if a.arrives == nil {
		if len(whole) > 0 {
			t.Errorf("arrived (%s): %+v", a.why, whole)
		}
		return
	}
	if len(whole) != 1 {
		t.Fatalf("%d arrivals, want 1 (%s): %+v", len(whole), a.why, whole)
	}
	as("POST", "/"+marker+"/a", a.body).compare(t, whole[0], false)
}

// send sends the stream and reads how it ends.
func (a stream) send(t *testing.T, s *server, w way, marker string) {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	fields := a.head(w, marker)
	if err := errors.Join(framer.WriteSettings(),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode(fields), EndHeaders: true, EndStream: a.body == "" && !a.late})); err != nil {
		t.Fatal(err)
	}
	if a.late {
		time.Sleep(100 * time.Millisecond)
	}
	if a.body != "" || a.late {
		_ = framer.WriteData(1, true, []byte(a.body)) // who has refused the head may have closed
	}
	status, id, err := end(framer)
	refused := err != nil || status >= "400" && status < "500"
	if (a.arrives == nil) != refused {
		t.Errorf("ended with status %q, %v (%s)", status, err, a.why)
	}
	if id != "" {
		if _, err := s.result(id); err != nil {
			t.Error(err)
		}
	}
}

// head is the whole head: pseudo fields first.
func (a stream) head(w way, marker string) [][2]string {
	pseudo := [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", attackedHost}, {":path", "/" + marker + "/a"}}
	rest := [][2]string{{"accept", "text/event-stream"}, {"x-mark", marker}}
	if w.queued {
		rest[0] = [2]string{"prefer", "respond-async"}
	}
	for _, field := range a.fields {
		replaced := false
		for i := range pseudo {
			if pseudo[i][0] == field[0] {
				pseudo[i], replaced = field, true
			}
		}
		if !replaced {
			rest = append(rest, field)
		}
	}
	return append(pseudo, rest...)
}

func encode(fields [][2]string) []byte {
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	for _, field := range fields {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // a buffer takes everything
	}
	return b.Bytes()
}

// end reads frames until the stream has its answer's head, or is refused below HTTP.
func end(framer *http2.Framer) (status, id string, err error) {
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return "", "", err
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck() // the next read says if the connection is gone
			}
		case *http2.RSTStreamFrame:
			return "", "", fmt.Errorf("reset: %v", frame.ErrCode)
		case *http2.GoAwayFrame:
			return "", "", fmt.Errorf("go away: %v", frame.ErrCode)
		case *http2.MetaHeadersFrame:
			for _, field := range frame.Fields {
				if field.Name == "openhqm-correlation-id" {
					id = field.Value
				}
			}
			return frame.PseudoValue("status"), id, nil
		}
	}
}
