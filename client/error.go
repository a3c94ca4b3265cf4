package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is an answer of 400 or above, or one that is not OpenHQM's.
type Error struct {
	Problem                  // what the answer said of itself; only Status and Detail if it was no problem document
	RetryAfter time.Duration // of the Retry-After field; 0 if there was none
	Header     http.Header
}

// Error gives the detail, and each wrong member that the detail leaves out.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for _, m := range e.Errors {
		if strings.Contains(e.Detail, m.Detail) {
			continue
		}
		fmt.Fprintf(&b, "; %s: %s", strings.TrimPrefix(m.Pointer, "#"), m.Detail)
	}
	fmt.Fprintf(&b, " (%d %s)", e.Problem.Status, http.StatusText(e.Problem.Status))
	return b.String()
}

// maxErrorBody is how much of an error answer is read.
const maxErrorBody = 64 << 10

// errorOf reads an error answer; the caller closes its body.
func errorOf(r *http.Response) *Error {
	e := &Error{Header: r.Header, RetryAfter: retryAfter(r.Header)}
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxErrorBody))
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType == "application/problem+json" {
		_ = json.Unmarshal(body, &e.Problem) // what does not parse is told by the status
	}
	e.Problem.Status = r.StatusCode
	if e.Detail == "" {
		e.Detail = "the server answered without a problem document; is this the address of OpenHQM?"
	}
	return e
}

// retryAfter reads delay-seconds (RFC 9110 10.2.3), the only form the server sends.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
