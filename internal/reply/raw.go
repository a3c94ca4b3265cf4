package reply

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// RawOptions say how a stored answer is replayed.
type RawOptions struct {
	// Held: the client still waits for the answer to the request that was stored. It gets the endpoint's answer as a proxy
	// would have passed it on: Cache-Control, Location, cookies and announced lengths stay as they are.
	Held bool
	// Partial: a truncated answer is wanted all the same.
	Partial bool
	// Applied is what to add to Preference-Applied, at most one value; nil for none.
	Applied []string
}

// Raw answers with the record's stored answer: its status, its fields with their values in order, and its bytes. What
// differs from the endpoint's own answer is only this:
//
//   - framing is made anew; fields of one connection, invalid fields and the endpoint's own OpenHQM-* are dropped
//   - OpenHQM-State and OpenHQM-Correlation-Id are added
//   - Date is kept; an answer without one gets the time at which it was received (RFC 9110 6.6.1)
//   - the length of an answer to HEAD, of 204 and of 304 is told as OpenHQM-Content-Length
//   - Cache-Control is `private, no-store`, the original stands in OpenHQM-Cache-Control
//   - a relative Location, and cookies without Path, are resolved against the original target
//   - trailers are sent only to clients that say `TE: trailers`
//
// A record without an answer to give is a problem: 409 cancelled, 504 expired, 502 failed (504 where the outcome is
// unknown), 502 truncated unless Partial. An unfinished one is 202, as [Replies.Pending].
func (p *Replies) Raw(w http.ResponseWriter, r *http.Request, rec *queue.Record, o RawOptions) {
	if !rec.State.Terminal() {
		p.Pending(w, r, rec, o.Applied)
		return
	}
	if problem := unanswerable(rec, o); problem != nil {
		p.Problem(w, r, problem)
		return
	}
	result := rec.Result
	body, err := result.Body.Open(r.Context())
	if err != nil {
		p.ErrorAbout(w, r, AboutRecord(rec), fmt.Errorf("open the stored answer: %w", err))
		return
	}
	defer body.Close()
	h := w.Header()
	replayFields(h, rec, o)
	p.message(h, AboutRecord(rec))
	if o.Applied != nil { // beside what the endpoint says of its own
		h["Preference-Applied"] = append(h["Preference-Applied"], o.Applied...)
	}
	trailers := wantsTrailers(r) && len(result.Trailer) > 0 && !result.Truncated && bodyAllowed(result.Status)
	if trailers {
		announce(h, result.Trailer)
	} else {
		frame(h, r, rec, o)
	}
	w.WriteHeader(result.Status)
	if r.Method == http.MethodHead || !bodyAllowed(result.Status) {
		return
	}
	if err := stream(w, body, result.Body); err != nil {
		if r.Context().Err() == nil && !errors.Is(err, errClient) {
			p.log.ErrorContext(r.Context(), "stored answer cannot be read", "id", rec.ID.String(), "error", err)
		}
		// The status has been sent: only the end of the connection tells the client that this is not all.
		panic(http.ErrAbortHandler)
	}
	if trailers {
		setTrailers(h, result.Trailer)
	}
}

// setTrailers gives the announced trailers their values; Go's server sends them behind the body. A field of the same name
// in the head has been sent already.
func setTrailers(h, stored http.Header) {
	trailer := make(http.Header, len(stored))
	copyFields(trailer, stored)
	for name, values := range trailer {
		h[name] = values
	}
}

// unanswerable returns why a finished record has no answer to replay, or nil.
func unanswerable(rec *queue.Record, o RawOptions) *Problem {
	about := AboutRecord(rec)
	switch {
	case rec.State == queue.Cancelled:
		return &Problem{Kind: KindCancelled, Detail: cancelledDetail(rec), About: about, Members: map[string]any{"may_have_run": rec.MayHaveRun}}
	case rec.State == queue.Expired:
		return &Problem{Kind: KindExpired, Detail: "the message was not answered before its deadline", About: about,
			Members: map[string]any{"attempts": rec.Attempts, "may_have_run": rec.MayHaveRun}}
	case rec.Result == nil:
		return failed(rec)
	case rec.Result.Truncated && !o.Partial:
		return &Problem{Kind: KindTruncated, About: about, Members: map[string]any{"truncated": true, "reason": rec.Reason},
			Detail: fmt.Sprintf("only the first %d bytes of the endpoint's answer were kept; ask for them with ?partial=1 at its raw link",
				rec.Result.Body.Size())}
	case rec.Result.Status < 200 || rec.Result.Status > 999:
		return &Problem{Kind: KindUnusableAnswer, About: about,
			Detail: fmt.Sprintf("the stored answer has the status %d, which is not final", rec.Result.Status)}
	}
	return nil
}

func cancelledDetail(rec *queue.Record) string {
	if rec.MayHaveRun {
		return "the message was cancelled while its request may have been at the endpoint"
	}
	return "the message was cancelled before its request was sent"
}

// failed says why a dead record has no answer.
func failed(rec *queue.Record) *Problem {
	problem := &Problem{Kind: KindFailed, About: AboutRecord(rec),
		Members: map[string]any{"reason": rec.Reason, "attempts": rec.Attempts}}
	switch rec.Reason {
	case queue.ReasonUnknownOutcome:
		problem.Kind = KindUnknownOutcome
		problem.Detail = "the request may have been executed, no complete answer came, and it may not be repeated by itself; an operator can redrive it"
	case queue.ReasonAttemptsExhausted:
		problem.Detail = fmt.Sprintf("all %d attempts failed", rec.Attempts)
	case queue.ReasonPoison:
		problem.Detail = "its deliveries kept ending in a crash"
	case queue.ReasonLost:
		problem.Detail = "the queue backend lost it"
	default:
		problem.Detail = "the endpoint gave no answer that could be kept"
	}
	if last := rec.LastAttempt(); last != nil && last.Error != "" {
		problem.Detail += "; last: " + last.Error
	}
	return problem
}

// replayFields sets the fields of the stored answer. What Go's server would add by itself is kept out: a type that it
// guesses from the bytes.
func replayFields(h http.Header, rec *queue.Record, o RawOptions) {
	result := rec.Result
	copyFields(h, result.Header)
	if fault.Planted(fault.CookieLostOnReplay) && len(h["Set-Cookie"]) > 1 {
		h["Set-Cookie"] = h["Set-Cookie"][:1]
	}
	if _, typed := h["Content-Type"]; !typed {
		h["Content-Type"] = nil
	}
	if len(h["Date"]) == 0 && !result.ReceivedAt.IsZero() {
		h["Date"] = []string{result.ReceivedAt.UTC().Format(http.TimeFormat)}
	}
	if result.Status == http.StatusNotModified && h["Content-Type"] != nil {
		// Go's server deletes this one field of a 304, under this one spelling.
		h["content-type"] = h["Content-Type"]
		delete(h, "Content-Type")
	}
	if result.Truncated {
		h[FieldTruncated] = valueTrue
	}
	if o.Held {
		return
	}
	if rules := h["Cache-Control"]; len(rules) > 0 {
		h[FieldCacheControl] = rules
	}
	h["Cache-Control"] = valuePrivate
	target := rec.Sent().Target
	for i, location := range h["Location"] {
		h["Location"][i] = resolve(target, location)
	}
	for i, cookie := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = withPath(cookie, target)
	}
}

// frame announces the length of what follows, and tells the one that the endpoint announced where nothing follows.
func frame(h http.Header, r *http.Request, rec *queue.Record, o RawOptions) {
	result := rec.Result
	allowed := bodyAllowed(result.Status)
	bodiless := !allowed || rec.Sent().Method == http.MethodHead
	if result.Length >= 0 && (bodiless || result.Truncated) {
		length := []string{strconv.FormatInt(result.Length, 10)}
		if o.Held && r.Method == http.MethodHead && allowed {
			h["Content-Length"] = length
			return
		}
		h[FieldContentLength] = length
	}
	if !allowed || o.Held && r.Method == http.MethodHead {
		return // the length of what a GET would have brought is not known
	}
	h["Content-Length"] = []string{strconv.FormatInt(result.Body.Size(), 10)}
}

// bodyAllowed is RFC 9110 6.4.1, as Go's server sees it.
func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified && status >= 200
}

// wantsTrailers reports whether the client says that it keeps trailers (RFC 9110 10.1.4), over a protocol that has them.
func wantsTrailers(r *http.Request) bool {
	return r.ProtoAtLeast(1, 1) && r.Method != http.MethodHead && httpguts.HeaderValuesContainsToken(r.Header["Te"], "trailers")
}

// announce declares the trailers, so that Go's server frames the body for them.
func announce(h, trailer http.Header) {
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		if !OneConnection(name) && !OursOnly(name) && httpguts.ValidTrailerHeader(name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		h["Trailer"] = []string{strings.Join(names, ", ")}
	}
}

// errClient marks a failure of the client's connection: nothing of ours is wrong.
var errClient = errors.New("client gone")

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// stream writes a body with a buffer of fixed size.
func stream(w io.Writer, body io.Reader, stored queue.Body) error {
	if inline, ok := stored.Inline(); ok {
		if _, err := w.Write(inline); err != nil {
			return fmt.Errorf("%w: %w", errClient, err)
		}
		return nil
	}
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	var total int64
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return fmt.Errorf("%w: %w", errClient, err)
			}
			total += int64(n)
		}
		switch {
		case err == io.EOF && total != stored.Size():
			return fmt.Errorf("read %d bytes of %d: %w", total, stored.Size(), queue.ErrCorrupt)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
