package ingress

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/openhqm/openhqm/internal/reply"
)

// maxKey is the longest idempotency key, in bytes.
const maxKey = 512

// idempotencyKey returns the request's Idempotency-Key, "" if it has none. The draft wants a quoted string (a structured
// field item); most clients send it bare. Both are one key.
func idempotencyKey(h http.Header) (string, *reply.Problem) {
	values := h["Idempotency-Key"]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", reply.NewProblem(reply.KindBadParameter, "Idempotency-Key is given more than once")
	}
	key := unquote(trimBlanks(values[0]))
	if len(key) > maxKey {
		return "", reply.NewProblem(reply.KindBadParameter, fmt.Sprintf("Idempotency-Key has %d bytes, the limit is %d", len(key), maxKey))
	}
	return key, nil
}

// unquote is the string of RFC 9651 4.2.5, parameters left aside and bytes beyond ASCII forgiven; what is not one stays as
// it is. Only a quote and a backslash can be escaped: to forgive more would make one key of two.
func unquote(s string) string {
	if s == "" || s[0] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return s
			}
			b.WriteByte(s[i])
		case c == '"':
			if rest := trimBlanks(s[i+1:]); rest == "" || rest[0] == ';' {
				return b.String()
			}
			return s
		default:
			b.WriteByte(c)
		}
	}
	return s
}
