package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/openhqm/openhqm/queue"
)

// envelope is the JSON body of a submit, taken apart. Members other than these three are ignored, as the Python version
// ignored them.
type envelope struct {
	payload  span            // where the payload stands in the body; zero: missing
	bytes    json.RawMessage // the payload itself, unless it was only located
	headers  json.RawMessage // nil: missing
	metadata json.RawMessage
}

// span is a range of a body, in bytes.
type span struct{ from, to int64 }

// maxMember is the most bytes of headers, and of metadata.
const maxMember = 256 << 10

// readEnvelope takes an envelope apart. With locate it does not keep the payload: it only says where that stands, so that
// memory does not grow with it (but for its longest string).
func readEnvelope(body io.Reader, locate bool) (*envelope, error) {
	d := json.NewDecoder(body)
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, badJSON(err, d, "want a JSON object with a member payload")
	}
	e := &envelope{}
	seen := make(map[string]bool, 3)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, badJSON(err, d, "")
		}
		name := t.(string) // the decoder lets nothing else be a member's name
		if seen[name] {
			return nil, memberErrors{{Pointer: pointer(name), Detail: "the member stands twice; give it once"}}
		}
		seen[name] = true
		if err := e.member(d, name, locate); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, badJSON(err, d, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, badJSON(err, d, "something follows the JSON object; send one object only")
	}
	return e, nil
}

func (e *envelope) member(d *json.Decoder, name string, locate bool) error {
	from := d.InputOffset()
	if name == "payload" && locate {
		if err := skipValue(d); err != nil {
			return badJSON(err, d, "")
		}
		e.payload = span{from, d.InputOffset()}
		return nil
	}
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return badJSON(err, d, "")
	}
	switch name {
	case "payload":
		e.payload, e.bytes = span{from, d.InputOffset()}, raw
	case "headers":
		e.headers = raw
	case "metadata":
		e.metadata = raw
	default:
		return nil
	}
	if name != "payload" && len(raw) > maxMember {
		return memberErrors{{Pointer: pointer(name), Detail: fmt.Sprintf("%d bytes; want at most %d: large content belongs into payload",
			len(raw), maxMember)}}
	}
	return nil
}

// skipValue reads one value, keeping nothing.
func skipValue(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// badJSON says where JSON is malformed. An error of the reader itself is passed on.
func badJSON(err error, d *json.Decoder, otherwise string) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &jsonError{offset: syntax.Offset, detail: syntax.Error()}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &jsonError{offset: d.InputOffset(), detail: "it ends too early"}
	case err == nil:
		return &jsonError{offset: d.InputOffset(), detail: otherwise}
	}
	return err
}

// jsonError is a body that is not the JSON it should be.
type jsonError struct {
	offset int64
	detail string
}

func (e *jsonError) Error() string {
	return fmt.Sprintf("the body is not a JSON object as a submit needs it: %s (near byte %d)", e.detail, e.offset)
}

// payloadBody returns the payload as the body to deliver, byte for byte as it stands in the envelope.
func (e *envelope) payloadBody(ctx context.Context, whole queue.Body, bodies queue.BodyStore) (queue.Body, error) {
	if e.bytes != nil {
		return queue.ReceiveBody(ctx, bodies, bytes.NewReader(e.bytes), int64(len(e.bytes)), int64(len(e.bytes)))
	}
	r, err := whole.Open(ctx)
	if err != nil {
		return queue.Body{}, err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, e.payload.from); err != nil {
		return queue.Body{}, err
	}
	// Between a member's name and its value stand a colon and spaces.
	value := &leftTrimmed{r: io.LimitReader(r, e.payload.to-e.payload.from)}
	return queue.ReceiveBody(ctx, bodies, value, -1, e.payload.to-e.payload.from)
}

// leftTrimmed drops the colon and the JSON white space before a value.
type leftTrimmed struct {
	r     io.Reader
	begun bool
}

func (t *leftTrimmed) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if t.begun {
		return n, err
	}
	rest := bytes.TrimLeft(b[:n], ": \t\r\n")
	t.begun = len(rest) > 0
	return copy(b, rest), err
}
