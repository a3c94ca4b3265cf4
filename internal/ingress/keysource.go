package ingress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// KeySource is where a request says which key it belongs to: a header field, or a claim of its bearer token. The zero value
// names none.
//
// Neither is verified here. A claim groups requests and authorises nothing: whoever can forge one chooses its group, unless
// something in front of OpenHQM has looked at the signature.
type KeySource struct {
	Header string // canonical
	Claim  string // its name, or names joined by points: realm.tenant
}

// IsZero reports whether the source names nothing.
func (s KeySource) IsZero() bool { return s == KeySource{} }

// String returns what the source is called in messages.
func (s KeySource) String() string {
	if s.Claim != "" {
		return "the claim " + s.Claim
	}
	return s.Header
}

// read returns the key of a request with these fields, "" if it names none.
func (s KeySource) read(h http.Header) (string, *reply.Problem) {
	if s.Claim == "" {
		return one(h, s.Header, queue.MaxKeyLength)
	}
	value := claim(h, s.Claim)
	if value != "" && !plain(value, queue.MaxKeyLength) {
		return "", reply.NewProblem(reply.KindBadParameter, fmt.Sprintf(
			"%s of the bearer token: want at most %d bytes of text in UTF-8 without control characters", s, queue.MaxKeyLength))
	}
	return value, nil
}

// claim returns a claim of the JWT in Authorization, if it is a text or a number (RFC 7519 4); "" where there is none.
func claim(h http.Header, path string) string {
	payload := tokenPayload(h)
	if payload == nil {
		return ""
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return ""
	}
	for name := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return ""
		}
		value = object[name]
	}
	switch v := value.(type) {
	case string:
		return trimBlanks(v)
	case json.Number:
		return v.String()
	}
	return ""
}
