package recorder

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"
)

// An Arrival is one request as its bytes came in.
type Arrival struct {
	Number     int       // from 1, over the whole recorder
	Connection int       // from 1, in the order of accepting
	At         time.Time // when the last byte was read
	Head       []byte    // request line and fields with the empty line that ends them
	Body       []byte    // the body's bytes without their framing
	Chunked    bool      // the body came in chunks
	Trailer    []byte    // what followed the last chunk, without the final empty line
	Complete   bool      // framing says that all of it came
}

// A Field is one header field as it was written.
type Field struct{ Name, Value string }

// Method is the first word of the request line.
func (a Arrival) Method() string { return a.word(0) }

// Target is the request target exactly as it was sent, query included.
func (a Arrival) Target() string { return a.word(1) }

// Protocol is the version at the end of the request line.
func (a Arrival) Protocol() string { return a.word(2) }

func (a Arrival) word(n int) string {
	line, _, _ := bytes.Cut(a.Head, []byte("\r\n"))
	words := strings.SplitN(string(line), " ", 3)
	if n >= len(words) {
		return ""
	}
	return words[n]
}

// Fields lists the header fields in the order and spelling of the wire; only
// the blanks around a value are taken off.
func (a Arrival) Fields() []Field {
	var fields []Field
	_, rest, _ := strings.Cut(string(a.Head), "\r\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(rest, "\r\n"), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields = append(fields, Field{Name: name, Value: strings.Trim(value, " \t")})
		}
	}
	return fields
}

// Values returns the values of one field in order; case does not matter.
func (a Arrival) Values(name string) []string {
	var values []string
	for _, field := range a.Fields() {
		if strings.EqualFold(field.Name, name) {
			values = append(values, field.Value)
		}
	}
	return values
}

// Value returns the first value of a field, or nothing.
func (a Arrival) Value(name string) string {
	if values := a.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// read takes the next request off a connection. begun is false when the peer
// closed without sending a byte of one.
func read(in *bufio.Reader) (a Arrival, begun bool) {
	for {
		line, err := in.ReadBytes('\n')
		a.Head = append(a.Head, line...)
		if err != nil {
			return a, len(a.Head) > 0
		}
		if bytes.Equal(bytes.TrimRight(line, "\r\n"), nil) {
			break
		}
	}
	if strings.EqualFold(a.Value("Transfer-Encoding"), "chunked") {
		a.Chunked = true
		a.Body, a.Trailer, a.Complete = readChunks(in)
		return a, true
	}
	length := a.Value("Content-Length")
	if length == "" {
		a.Complete = true
		return a, true
	}
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || n < 0 {
		return a, true
	}
	a.Body, err = io.ReadAll(io.LimitReader(in, n))
	a.Complete = err == nil && int64(len(a.Body)) == n
	return a, true
}

// readChunks decodes a chunked body up to the empty line behind its trailer.
func readChunks(in *bufio.Reader) (body, trailer []byte, complete bool) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return body, nil, false
		}
		size, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ";")
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 63)
		if err != nil || n < 0 {
			return body, nil, false
		}
		if n == 0 {
			break
		}
		part, err := io.ReadAll(io.LimitReader(in, n))
		body = append(body, part...)
		if err != nil || int64(len(part)) < n {
			return body, nil, false
		}
		if _, err := in.Discard(len("\r\n")); err != nil {
			return body, nil, false
		}
	}
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return body, trailer, false
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return body, trailer, true
		}
		trailer = append(trailer, line...)
	}
}
