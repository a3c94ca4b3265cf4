package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// exchangeTimeout bounds one request and its answer.
const exchangeTimeout = 60 * time.Second

// A request is what a client puts on the wire, byte for byte: no client library
// stands between, which would clean paths and rename fields.
type request struct {
	method string
	target string
	fields []string // "Name: value", in order
	body   string
	chunks []string // the body in chunks; then body is not used
}

// get is a request without fields or body.
func get(target string, fields ...string) request {
	return request{method: "GET", target: target, fields: fields}
}

// post is a request with a body of known length.
func post(target, body string, fields ...string) request {
	return request{method: "POST", target: target, body: body, fields: fields}
}

// with returns the request with more fields behind its own.
func (r request) with(fields ...string) request {
	r.fields = append(append([]string(nil), r.fields...), fields...)
	return r
}

// content is the body without framing.
func (r request) content() string {
	if r.chunks != nil {
		return strings.Join(r.chunks, "")
	}
	return r.body
}

// has reports whether the client itself sends a field of that name.
func (r request) has(name string) bool {
	for _, field := range r.fields {
		if key, _, _ := strings.Cut(field, ":"); strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// render is the request on the wire. Host and framing are added where the
// request does not bring its own; a POST, PUT or PATCH always says its length.
func (r request) render(host string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.method, r.target)
	if !r.has("Host") {
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	for _, field := range r.fields {
		b.WriteString(field + "\r\n")
	}
	switch bodied := r.method == "POST" || r.method == "PUT" || r.method == "PATCH"; {
	case r.chunks != nil:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for _, chunk := range r.chunks {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(chunk), chunk)
		}
		b.WriteString("0\r\n\r\n")
	case !r.has("Content-Length") && (bodied || r.body != ""):
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	default:
		b.WriteString("\r\n" + r.body)
	}
	return b.Bytes()
}

// An answer is a response as it was read from the wire. Names are in canonical
// form, and values of one name in their order.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	trailer http.Header
	cut     bool // the connection ended before the body did
}

// send puts a request on a connection of its own and reads the final answer.
func send(t testing.TB, address string, r request) answer {
	t.Helper()
	a, err := trySend(address, r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, tail(r.target, 200), err)
	}
	return a
}

// trySend is send for requests that need not be answered.
func trySend(address string, r request) (answer, error) {
	return sendRaw(address, r.method, r.render(address))
}

// sendRaw puts bytes on a connection of their own and reads the final answer;
// the method says whether a body can follow.
func sendRaw(address, method string, raw []byte) (answer, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return answer{}, err
	}
	// A server may answer and close before it has read everything, so the
	// answer counts even when writing failed.
	wrote := make(chan error, 1)
	go func() {
		_, err := conn.Write(raw)
		wrote <- err
	}()
	a, err := readAnswer(bufio.NewReader(conn), method)
	if err != nil {
		conn.Close()
		return a, errors.Join(err, <-wrote)
	}
	return a, nil
}

// readAnswer reads one final response; what is informational is passed over.
func readAnswer(in *bufio.Reader, method string) (answer, error) {
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return answer{}, err
		}
		if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		a := answer{status: resp.StatusCode, header: resp.Header}
		a.body, err = io.ReadAll(resp.Body)
		a.cut = errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !a.cut {
			return a, err
		}
		a.trailer = resp.Trailer
		return a, nil
	}
}

// text is the body as a string, shortened for messages.
func (a answer) text() string { return tail(string(a.body), 1000) }
