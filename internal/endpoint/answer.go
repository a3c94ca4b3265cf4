package endpoint

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	planted "github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
	"golang.org/x/net/http/httpguts"
)

// receive reads an answer to its end. An error comes with what arrived before it, if it can be kept. A body over the
// limit is no error, and neither is one that the store has no room for: the result is flagged (R20), and note says why. The
// endpoint has answered, whatever became of the answer here, so the call must not count as one whose outcome is unknown.
func (e *Endpoint) receive(ctx context.Context, d *queue.Delivery, answer *http.Response, k *call) (result *queue.Result, seen *source, note, err error) {
	if answer.StatusCode < 200 {
		return nil, nil, nil, &fault{class: queue.Unanswered, status: http.StatusBadGateway, text: "the endpoint switched protocols, or its status is none"}
	}
	announced := contentLength(answer.Header)
	result = &queue.Result{Status: answer.StatusCode, Proto: answer.Proto, Header: answer.Header, Length: -1}
	drop := nominated(answer.Header)
	cleanAnswer(result.Header, drop)
	delete(result.Header, "Content-Length")

	source := &source{Reader: answer.Body, watched: e.rules.ReadsBody()}
	// The store's side outlives the call, so that what arrived of an answer that is cut can be kept.
	body, err := queue.ReceiveBodyPrefix(context.WithoutCancel(ctx), d.Bodies, source, answer.ContentLength, e.config.MaxResponseSize)
	result.Body, result.ReceivedAt = body, time.Now()
	result.Duration = result.ReceivedAt.Sub(k.began())
	switch {
	case err == nil:
	case errors.Is(err, queue.ErrBodyTooLarge):
		result.Truncated, err = true, nil
	case source.err != nil && planted.Planted(planted.CutAnswerIsResult):
		err = nil
	case source.err != nil:
		result.Truncated = true
	default:
		note = &fault{class: queue.Answered, text: storeText("only the beginning of the answer is kept, because the rest could not be stored", err), cause: err}
		result.Truncated, err = true, nil
	}
	if result.Truncated || bodyless(answer) {
		result.Length = announced
	}
	if !result.Truncated && len(answer.Trailer) > 0 {
		cleanAnswer(answer.Trailer, drop)
		result.Trailer = keptTrailer(answer.Trailer)
	}
	return result, source, note, err
}

// keptTrailer drops announced fields that did not come.
func keptTrailer(t http.Header) http.Header {
	for name, values := range t {
		if len(values) == 0 {
			delete(t, name)
		}
	}
	if len(t) == 0 {
		return nil
	}
	return t
}

// bodyless reports whether an answer has no body whatever its fields say (RFC 9112 6.3).
func bodyless(answer *http.Response) bool {
	return answer.Request.Method == http.MethodHead || answer.StatusCode == http.StatusNoContent ||
		answer.StatusCode == http.StatusNotModified
}

// contentLength returns the announced length, or -1.
func contentLength(h http.Header) int64 {
	n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func validMethod(method string) bool { return httpguts.ValidHeaderFieldName(method) } // both are tokens (RFC 9110 9.1)

func itoa(n int) string { return strconv.Itoa(n) }
