package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	planted "github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// fault is why an attempt has no complete answer. Its text is stored and shown: it is made of fixed sentences, addresses
// and errors of the operating system, never of bytes of the request or the answer.
type fault struct {
	class  queue.Class
	status int    // for a passed-through request
	text   string // without secrets
	cause  error  // for errors.Is; its text is not shown
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.cause }

// storeText says that the store failed, and how if that is one of the queue's own errors. What else it says may name files
// of this machine, and clients read the text.
func storeText(what string, err error) string {
	var full *queue.FullError
	if errors.As(err, &full) {
		return what + ": " + full.Error()
	}
	for _, known := range []error{queue.ErrUnavailable, queue.ErrCorrupt, queue.ErrNotFound, queue.ErrFull, queue.ErrClosed} {
		if errors.Is(err, known) {
			return what + ": " + known.Error()
		}
	}
	return what
}

// timeoutError is the cause for which an attempt's context ends when its time is over: the endpoint's, or a shorter one
// of the message's.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string { return "the attempt took longer than " + e.limit.String() }

// faultOf says what an error of the transport, or of reading an answer, means. sent: a byte of the request may have
// left; it has not arrived where the handshake was refused. ctx is the attempt's, whose cause tells a call that was ended
// from one that failed.
func faultOf(ctx context.Context, err error, sent bool) *fault {
	var known *fault
	if errors.As(err, &known) || errors.As(context.Cause(ctx), &known) {
		return known
	}
	f := &fault{class: queue.NotSent, status: http.StatusBadGateway, cause: context.Cause(ctx)}
	var refused *handshakeError
	if sent = sent && !errors.As(err, &refused) && !errors.As(f.cause, &refused); sent && !planted.Planted(planted.UnsafeResentAfterTimeout) {
		f.class = queue.Unanswered
	}
	var late *timeoutError
	switch cause := f.cause; {
	case errors.As(cause, &late):
		f.status = http.StatusGatewayTimeout
		f.text = fmt.Sprintf("no complete answer within %s", late.limit)
		if !sent {
			f.text = fmt.Sprintf("no connection within %s", late.limit)
		}
	case cause == nil, errors.Is(cause, errBroken):
		f.cause = err
		f.status, f.text = describe(err, cause, sent)
	case errors.Is(cause, queue.ErrDraining) && !sent:
		f.class, f.text = queue.NotBegun, "ended before it was sent: "+queue.ErrDraining.Error()
	default:
		f.text = "ended before the answer was complete: " + endedBy(cause)
	}
	return f
}

// endedBy names the causes for which the worker ends a call.
func endedBy(cause error) string {
	for _, known := range []error{queue.ErrCancelRequested, queue.ErrLeaseLost, queue.ErrDraining} {
		if errors.Is(cause, known) {
			return known.Error()
		}
	}
	return "the call was cancelled"
}

// describe turns a network error into a status for pass-through calls and a sentence.
func describe(err, cause error, sent bool) (int, string) {
	var lookup *net.DNSError
	var handshake *handshakeError
	var op *net.OpError
	var broken *brokenError
	if errors.As(err, &broken) {
		err = broken.err
	}
	timeout := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || isTimeout(err)
	switch {
	case errors.As(err, &lookup) && lookup.IsTimeout:
		return http.StatusGatewayTimeout, fmt.Sprintf("lookup of %s timed out", lookup.Name)
	case errors.As(err, &lookup):
		return http.StatusBadGateway, fmt.Sprintf("lookup of %s: %s", lookup.Name, lookup.Err)
	case errors.As(err, &handshake) && timeout:
		return http.StatusGatewayTimeout, "TLS handshake timed out"
	case errors.As(err, &handshake):
		return http.StatusBadGateway, handshake.Error()
	case timeout && !sent:
		return http.StatusGatewayTimeout, "connect timed out"
	case timeout:
		return http.StatusGatewayTimeout, "the endpoint did not begin its answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return http.StatusBadGateway, "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return http.StatusBadGateway, "the endpoint reset the connection"
	case errors.Is(err, errSealed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(cause, errBroken):
		return http.StatusBadGateway, "the endpoint closed the connection"
	case errors.As(err, &op):
		return http.StatusBadGateway, op.Op + ": " + op.Err.Error()
	case brokeStream(err):
		return http.StatusBadGateway, "the endpoint broke off the stream"
	case !sent:
		return http.StatusBadGateway, "the connection was closed before the request was written"
	}
	return http.StatusBadGateway, "the answer is malformed or its head is over the limit"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
