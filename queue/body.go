package queue

import (
	"bytes"
	"context"
	"io"
)

// InlineLimit is the size in bytes up to which a body travels inside its record; a larger one is stored beside it.
const InlineLimit = 64 << 10

// Body is the bytes of a request or a result. Up to [InlineLimit] they are inline; larger ones stay in the store and are
// read from there, so that memory does not grow with size times concurrency. The zero value is the empty body.
//
// A Body is a value and may be copied; its inline bytes must not be changed.
type Body struct {
	inline []byte
	size   int64
	ref    string
	opener BodyOpener
}

// BodyOpener opens a body that a store keeps beside its records.
type BodyOpener interface {
	// OpenBody returns the bytes of a committed body from their beginning. The reader fails with an error that wraps
	// [ErrCorrupt] rather than return bytes that differ from those written. An unknown ref is [ErrNotFound].
	OpenBody(ctx context.Context, ref string) (io.ReadCloser, error)
}

// InlineBody returns a body of the given bytes, which the caller must not change afterwards.
func InlineBody(b []byte) Body { return Body{inline: b, size: int64(len(b))} }

// StoredBody returns a body of size bytes that opener finds under ref. Stores call it; ref is theirs and opaque.
func StoredBody(ref string, size int64, opener BodyOpener) Body {
	return Body{size: size, ref: ref, opener: opener}
}

// Size returns the number of bytes.
func (b Body) Size() int64 { return b.size }

// Inline returns the bytes and true if the body is inline, and must not be changed.
func (b Body) Inline() ([]byte, bool) { return b.inline, b.ref == "" }

// Ref returns the store's name of a body that is not inline, or "".
func (b Body) Ref() string { return b.ref }

// Open returns the bytes from the beginning; it may be called any number of times. The caller closes the reader.
func (b Body) Open(ctx context.Context) (io.ReadCloser, error) {
	if b.ref == "" {
		return io.NopCloser(bytes.NewReader(b.inline)), nil
	}
	return b.opener.OpenBody(ctx, b.ref)
}

// BodyWriter takes the bytes of one body on its way into a store. It is used by one goroutine. Exactly one of Commit and
// Abort ends it; Abort after Commit does nothing.
type BodyWriter interface {
	io.Writer
	// Commit makes the bytes durable (as far as the store promises anything) and returns the body. Until a message or
	// result that holds it is written, it is staged: after a crash it is swept, and DiscardBody removes it.
	Commit() (Body, error)
	// Abort forgets what was written.
	Abort() error
}

// ReceiveBody reads r to its end into a body: inline up to [InlineLimit], beyond that through the store. More than limit
// bytes is [ErrBodyTooLarge], with nothing kept; an error of r is returned as it is, with nothing kept. sizeHint is the
// announced length, or -1.
func ReceiveBody(ctx context.Context, bodies BodyStore, r io.Reader, sizeHint, limit int64) (Body, error) {
	b, _, err := receive(ctx, bodies, r, sizeHint, limit, false)
	return b, err
}

// ReceiveBodyPrefix is [ReceiveBody], except that what arrived before an error or the limit is kept and returned with
// that error: the caller decides whether a truncated body is worth keeping. Of a body that the store does not take, such
// as for want of room, the first InlineLimit bytes are kept, inline.
func ReceiveBodyPrefix(ctx context.Context, bodies BodyStore, r io.Reader, sizeHint, limit int64) (Body, error) {
	b, cause, err := receive(ctx, bodies, r, sizeHint, limit, true)
	if err != nil {
		return b, err
	}
	return b, cause
}

// receive returns the body, why it is only a prefix (nil if it is whole; only with keepPrefix), and a failure.
func receive(ctx context.Context, bodies BodyStore, r io.Reader, sizeHint, limit int64, keepPrefix bool) (Body, error, error) {
	if sizeHint > limit && !keepPrefix {
		return Body{}, nil, ErrBodyTooLarge
	}
	head, cause := readHead(r, sizeHint, min(limit, InlineLimit)+1)
	if int64(len(head)) > limit {
		head, cause = head[:limit], ErrBodyTooLarge
	}
	if len(head) > InlineLimit {
		if cause != nil {
			r = ended{cause} // a reader may give its end together with its last bytes
		}
		b, cause, err := spill(ctx, bodies, head, r, limit, keepPrefix)
		if err != nil && keepPrefix {
			b = InlineBody(head[:InlineLimit])
		}
		return b, cause, err
	}
	switch {
	case cause == io.EOF:
		return InlineBody(head), nil, nil
	case keepPrefix:
		return InlineBody(head), cause, nil
	}
	return Body{}, nil, cause
}

// ended is a reader that has come to its end, which may be an error.
type ended struct{ cause error }

func (e ended) Read([]byte) (int, error) { return 0, e.cause }

// readHead reads until n bytes are there (nil), the end (io.EOF) or an error. One buffer of the announced size serves the
// common small body without growing.
func readHead(r io.Reader, sizeHint, n int64) ([]byte, error) {
	if sizeHint == 0 {
		sizeHint = -1 // an announced empty body still needs its EOF: framing errors show there
	}
	capacity := int64(512)
	if sizeHint >= 0 {
		capacity = min(sizeHint, n) + 1
	}
	buf := make([]byte, 0, min(capacity, n))
	for int64(len(buf)) < n {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(int64(cap(buf))*4, n))
			copy(grown, buf)
			buf = grown
		}
		m, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

func spill(ctx context.Context, bodies BodyStore, head []byte, r io.Reader, limit int64, keepPrefix bool) (Body, error, error) {
	w, err := bodies.CreateBody(ctx)
	if err != nil {
		return Body{}, nil, err
	}
	defer w.Abort() // nothing to add to the error that is returned
	if _, err := w.Write(head); err != nil {
		return Body{}, nil, err
	}
	buf := make([]byte, 32<<10)
	total := int64(len(head))
	var cause error
	for cause == nil {
		n, err := r.Read(buf)
		if keep := min(int64(n), limit-total); keep < int64(n) {
			n, cause = int(keep), ErrBodyTooLarge
		}
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return Body{}, nil, err
			}
			total += int64(n)
		}
		if err == io.EOF {
			break
		}
		if err != nil && cause == nil {
			cause = err
		}
	}
	if cause != nil && !keepPrefix {
		return Body{}, nil, cause
	}
	b, err := w.Commit()
	return b, cause, err
}
