package endpoint

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/openhqm/openhqm/queue"
)

// clientBody is the body of a passed-through request as it comes in. It makes an error of reading it a fault of the
// client's, to tell it from one of the endpoint's.
type clientBody struct {
	io.ReadCloser
	stall stall
	// ended looks at the trailer, which has come with the end of the body; nil: the request announced none.
	ended func() error
	wrong atomic.Pointer[fault] // what was wrong with it
}

// Read reads from the client.
func (b *clientBody) Read(p []byte) (int, error) {
	b.stall.move(true)
	n, err := b.ReadCloser.Read(p)
	b.stall.move(false)
	if err != nil && err != io.EOF && !(isTimeout(err) && b.stall.ended()) {
		f := clientFault(err)
		b.wrong.Store(f)
		return n, f
	}
	if err == io.EOF && b.ended != nil {
		if malformed := b.ended(); malformed != nil {
			f := &fault{class: queue.Unanswered, status: http.StatusBadRequest, text: "a trailer field is malformed", cause: malformed}
			b.wrong.Store(f)
			return n, f
		}
	}
	return n, err
}

// clientFault says what was wrong with a body that could not be read.
func clientFault(err error) *fault {
	f := &fault{class: queue.Unanswered, status: http.StatusBadRequest, text: "the body's framing is malformed", cause: err}
	switch {
	case isTimeout(err):
		f.status, f.text = http.StatusRequestTimeout, "nothing of the body came for too long"
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.text = "the body ended before its announced end"
	}
	return f
}
