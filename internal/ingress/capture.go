package ingress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// capture takes the whole request in. When it returns nil, the body was received to its end and its framing was sound
// (R1); otherwise nothing is kept.
func (h *Handler) capture(w http.ResponseWriter, r *http.Request, c *call) (queue.Request, error) {
	trusted := h.trusts(r.RemoteAddr)
	request := queue.Request{
		Method: c.method,
		Target: c.origin,
		Scheme: scheme(r, trusted),
		Host:   r.Host,
		Proto:  r.Proto,
		Remote: r.RemoteAddr,
		Header: captureFields(r.Header, trusted),
	}
	if len(r.Header["Prefer"]) > 0 && (c.prefer.async || c.prefer.hasWait) {
		if rest := c.prefer.withoutConsumed(r.Header["Prefer"]); rest != nil {
			request.Header["Prefer"] = rest
		} else {
			delete(request.Header, "Prefer")
		}
	}
	if r.Body == nil || r.Body == http.NoBody {
		return request, nil
	}
	var err error
	if request.Body, err = h.receive(w, r, c); err != nil {
		return queue.Request{}, err
	}
	if len(r.Trailer) > 0 {
		if request.Trailer, err = captureTrailers(r.Trailer, trusted); err != nil {
			h.discard(r.Context(), request.Body)
			return queue.Request{}, err
		}
	}
	return request, nil
}

// captureTrailers is captureFields for trailers. Go's server does not look at their names and values: what is malformed
// refuses the request, and fields that are not allowed there (RFC 9110 6.5.1) are dropped.
func captureTrailers(h http.Header, trusted bool) (http.Header, error) {
	kept := captureFields(h, trusted)
	for name, values := range kept {
		if !httpguts.ValidHeaderFieldName(name) || slices.ContainsFunc(values, malformed) {
			return nil, reply.NewProblem(reply.KindBadFraming, "a trailer field is malformed; nothing was stored")
		}
		if !httpguts.ValidTrailerHeader(name) {
			delete(kept, name)
		}
	}
	return kept, nil
}

func malformed(value string) bool { return !httpguts.ValidHeaderFieldValue(value) }

// captureFields returns the fields that belong to the request: without those of the one connection (RFC 9110 7.6.1) and
// those that Connection nominates, framing, Expect, OpenHQM-*, and forwarding fields of peers who are not trusted. The
// values are shared with h.
func captureFields(h http.Header, trusted bool) http.Header {
	kept := make(http.Header, len(h))
	nominating := len(h["Connection"]) > 0
	for name, values := range h {
		switch {
		case reply.OneConnection(name), name == "Content-Length", name == "Expect", reply.OursOnly(name),
			!trusted && forwarding(name), nominating && reply.Nominated(h, name), values == nil:
			continue
		}
		kept[name] = values
	}
	return kept
}

// forwarding reports whether a field speaks for the proxies before us.
func forwarding(name string) bool {
	return name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-")
}

// scheme is the one that the client used, as far as a trusted proxy or our own listener can tell.
func scheme(r *http.Request, trusted bool) string {
	if trusted {
		first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
		switch first = textproto.TrimString(first); {
		case strings.EqualFold(first, "https"):
			return "https"
		case strings.EqualFold(first, "http"):
			return "http"
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// uploadPause is how long an upload may stand still.
const uploadPause = time.Minute

// receive takes the body in.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, c *call) (queue.Body, error) {
	return Receive(w, r, h.broker.Bodies(), h.maxBody(&c.target))
}

// Receive takes a request's body in, up to limit bytes. A client that stops sending is not waited for. After an error
// nothing is kept, and the answer will end the connection.
func Receive(w http.ResponseWriter, r *http.Request, bodies queue.BodyStore, limit int64) (queue.Body, error) {
	upload := &upload{body: r.Body, control: http.NewResponseController(w)}
	body, err := queue.ReceiveBody(r.Context(), bodies, upload, r.ContentLength, limit)
	if err == nil {
		upload.release()
		return body, nil
	}
	// What is left of the body is not worth waiting for: Go's server would read on before it answers.
	w.Header()["Connection"] = valueClose
	switch {
	case errors.Is(err, queue.ErrBodyTooLarge):
		return queue.Body{}, TooLarge(limit)
	case upload.err != nil && errors.Is(err, upload.err):
		return queue.Body{}, uploadProblem(err)
	}
	return queue.Body{}, fmt.Errorf("store the body: %w", err)
}

// uploadProblem says what was wrong with a body that could not be read.
func uploadProblem(err error) *reply.Problem {
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return &reply.Problem{Kind: reply.KindRequestTimeout, Err: err,
			Detail: fmt.Sprintf("nothing of the body came for %s; nothing was stored", uploadPause)}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &reply.Problem{Kind: reply.KindBadFraming, Err: err, Detail: "the body ended before its announced end; nothing was stored"}
	}
	return &reply.Problem{Kind: reply.KindBadFraming, Err: err, Detail: "the body's framing is malformed; nothing was stored"}
}

// upload reads a request body, bounds how long it may stand still, and remembers what was wrong with it.
type upload struct {
	body    io.Reader
	control *http.ResponseController
	armed   time.Time // when the read deadline was last moved
	err     error
}

func (u *upload) Read(b []byte) (int, error) {
	// Moving the deadline costs a system timer: once in a while is enough.
	if now := time.Now(); now.Sub(u.armed) > uploadPause/4 {
		u.armed = now
		_ = u.control.SetReadDeadline(now.Add(uploadPause)) // not every transport has deadlines
	}
	n, err := u.body.Read(b)
	if fault.Planted(fault.CutUploadStored) && errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if err != nil && err != io.EOF {
		u.err = err
	}
	return n, err
}

// release takes the deadline away: from here on the server listens whether the client goes.
func (u *upload) release() {
	if !u.armed.IsZero() {
		_ = u.control.SetReadDeadline(time.Time{})
	}
}

// discard removes the body of a request that was not stored.
func (h *Handler) discard(ctx context.Context, b queue.Body) {
	if b.Ref() == "" {
		return
	}
	if err := h.broker.Bodies().DiscardBody(context.WithoutCancel(ctx), b); err != nil {
		h.log.WarnContext(ctx, "body of a refused request stays until the store sweeps it", "error", err)
	}
}
