package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
	"golang.org/x/net/http/httpguts"
)

// metadata is what a submit's metadata says to OpenHQM. Members that it does not know are kept with the message and mean
// nothing here.
type metadata struct {
	ingress.Controls
	endpoint string
	method   string
	path     string
	callback string

	transformed []byte // what the rules of routing made of the payload; nil: nothing
}

// memberErrors are the wrong members of an envelope.
type memberErrors []client.ProblemError

func (e memberErrors) Error() string {
	var parts []string
	for _, m := range e {
		parts = append(parts, strings.TrimPrefix(m.Pointer, "#")+": "+m.Detail)
	}
	return strings.Join(parts, "; ")
}

// pointer returns the JSON pointer of a member (RFC 6901, as a URI fragment).
func pointer(names ...string) string {
	var b strings.Builder
	b.WriteByte('#')
	for _, name := range names {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	return b.String()
}

// readMetadata reads the members it knows. Null, for the whole or for a member, is as if it were missing. What the submit's
// own fields ask, of which given are the names, is there already and may not be asked twice. With an idempotency key the deadline
// may have passed.
func readMetadata(raw json.RawMessage, asked ingress.Controls, given []string, keyed bool) (metadata, memberErrors) {
	m := metadata{Controls: asked}
	if absent(raw) {
		return m, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return m, memberErrors{{Pointer: pointer("metadata"), Detail: "want an object or null"}}
	}
	var wrong memberErrors
	read := func(name string, parse func(json.RawMessage) error) {
		value, ok := members[name]
		if !ok || absent(value) {
			return
		}
		err := parse(value)
		if field := fieldOf(name); err == nil && slices.Contains(given, field) {
			err = fmt.Errorf("the request bears %s, which says the same; leave one of both out", field)
		}
		if err != nil {
			wrong = append(wrong, client.ProblemError{Pointer: pointer("metadata", name), Detail: err.Error()})
		}
	}
	read("priority", func(v json.RawMessage) (err error) {
		m.Priority, err = strconv.Atoi(string(v))
		if err != nil || m.Priority < 0 || m.Priority > queue.MaxPriority {
			return errors.New(ingress.WantPriority)
		}
		return nil
	})
	read("timeout", func(v json.RawMessage) (err error) {
		if m.Timeout, err = readSeconds(v); err != nil || m.Timeout <= 0 {
			return errors.New(ingress.WantTimeout)
		}
		return nil
	})
	read("retry_count", func(v json.RawMessage) error {
		if n, err := strconv.Atoi(string(v)); err != nil || n < 0 {
			return errors.New("want a whole number of 0 or more; it is kept, and does not count attempts here")
		}
		return nil
	})
	read("endpoint", func(v json.RawMessage) error {
		if json.Unmarshal(v, &m.endpoint) != nil || m.endpoint == "" {
			return errors.New("want the name of a configured endpoint as text")
		}
		return nil
	})
	read("method", func(v json.RawMessage) error {
		if json.Unmarshal(v, &m.method) != nil || !httpguts.ValidHeaderFieldName(m.method) || m.method == http.MethodConnect {
			return errors.New("want a method of HTTP as text, such as \"POST\"; CONNECT cannot be queued")
		}
		return nil
	})
	read("path", func(v json.RawMessage) error {
		if json.Unmarshal(v, &m.path) != nil {
			return errors.New("want text")
		}
		return checkPath(m.path)
	})
	read("delay", func(v json.RawMessage) (err error) {
		if m.Delay, err = readSeconds(v); err != nil {
			return errors.New(ingress.WantDelay)
		}
		return nil
	})
	read("not_before", func(v json.RawMessage) error {
		if m.NotBefore.UnmarshalJSON(v) != nil {
			return errors.New(wantTime)
		}
		return nil
	})
	read("max_age", func(v json.RawMessage) (err error) {
		if m.MaxAge, err = readSeconds(v); err != nil || m.MaxAge <= 0 {
			return errors.New(ingress.WantMaxAge)
		}
		return nil
	})
	read("deadline", func(v json.RawMessage) error {
		if m.Deadline.UnmarshalJSON(v) != nil {
			return errors.New(wantTime)
		}
		if ingress.Passed(m.Deadline) && !keyed {
			return errors.New(ingress.WantFuture)
		}
		return nil
	})
	read("ordering_key", func(v json.RawMessage) error {
		if json.Unmarshal(v, &m.OrderingKey) != nil || !ingress.IsOrderingKey(m.OrderingKey) {
			return errors.New(ingress.WantOrderingKey)
		}
		return nil
	})
	read("callback_url", func(v json.RawMessage) error {
		if json.Unmarshal(v, &m.callback) != nil || m.callback == "" {
			return errors.New("want the URL of a receiver as text")
		}
		return nil
	})
	slices.SortFunc(wrong, func(a, b client.ProblemError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return m, wrong
}

const wantTime = "want a time of RFC 3339 as text, such as \"2030-01-31T08:00:00Z\""

// fieldOf returns the field of a request that says the same as a member of metadata.
func fieldOf(member string) string {
	words := strings.Split(member, "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return "OpenHQM-" + strings.Join(words, "-")
}

func absent(raw json.RawMessage) bool {
	return raw == nil || bytes.Equal(raw, []byte("null"))
}

// readSeconds reads a number of seconds, or the text of a duration.
func readSeconds(v json.RawMessage) (time.Duration, error) {
	text := string(v)
	if v[0] == '"' && json.Unmarshal(v, &text) != nil {
		return 0, errors.New("not text")
	}
	d, ok := ingress.ReadDuration(text)
	if !ok {
		return 0, errors.New("not a duration up to the bound")
	}
	return d, nil
}

// checkPath allows a path with an optional query below the endpoint's URL, and nothing that leads out of it (promise 8).
func checkPath(path string) error {
	const want = "want a path that begins with one slash, percent-encoded, with an optional query, such as \"/orders?dry=1\""
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '\\' {
			return errors.New(want)
		}
	}
	raw, _, _ := strings.Cut(path, "?")
	if !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") || len(path) > maxPath {
		return errors.New(want)
	}
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		return errors.New(want)
	}
	for segment := range strings.FieldsFuncSeq(decoded, func(c rune) bool { return c == '/' || c == '\\' }) {
		if segment == "." || segment == ".." {
			return errors.New("want a path without the segments . and ..: it stays below the endpoint's URL")
		}
	}
	return nil
}

// maxPath is the longest metadata.path, in bytes.
const maxPath = 8 << 10

// readHeaders reads the header fields to send. Fields of the connection and of framing are made anew for the endpoint, and
// fields that OpenHQM writes, those for proxies among them, are not the client's to set: all these are left out.
func readHeaders(raw json.RawMessage) (header http.Header, host string, wrong memberErrors) {
	header = make(http.Header)
	if !absent(raw) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, "", memberErrors{{Pointer: pointer("headers"), Detail: "want an object of text members, or null"}}
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			value := fields[name]
			var text string
			at := client.ProblemError{Pointer: pointer("headers", name)}
			switch {
			case !httpguts.ValidHeaderFieldName(name):
				at.Detail = "not a name of a header field (RFC 9110 5.1)"
			case absent(value) || json.Unmarshal(value, &text) != nil:
				at.Detail = "want text"
			case !httpguts.ValidHeaderFieldValue(text):
				at.Detail = "not a value of a header field (RFC 9110 5.5): no line breaks or control characters"
			default:
				header.Add(name, text)
				continue
			}
			wrong = append(wrong, at)
		}
	}
	host = header.Get("Host")
	if !httpguts.ValidHostHeader(host) {
		wrong = append(wrong, client.ProblemError{Pointer: pointer("headers", "Host"), Detail: "not a host"})
	}
	for name := range header {
		switch {
		case reply.OneConnection(name), reply.OursOnly(name), name == "Content-Length", name == "Expect", name == "Host",
			name == "Forwarded", strings.HasPrefix(name, "X-Forwarded-"):
			delete(header, name)
		}
	}
	slices.SortFunc(wrong, func(a, b client.ProblemError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return header, host, wrong
}
