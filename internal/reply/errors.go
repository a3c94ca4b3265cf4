package reply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/openhqm/openhqm/queue"
)

// Kind names what kind of problem it is: a closed set, the last part of the document's type.
type Kind string

// The kinds of problems.
const (
	KindBadID             Kind = "bad-id"
	KindBadRequest        Kind = "bad-request"
	KindBadFraming        Kind = "bad-framing"
	KindBadJSON           Kind = "bad-json"
	KindBadParameter      Kind = "bad-parameter"
	KindInvalidMessage    Kind = "invalid-message"
	KindUnauthorized      Kind = "unauthorized"
	KindForbidden         Kind = "forbidden"
	KindNotFound          Kind = "not-found"
	KindUnknownEndpoint   Kind = "unknown-endpoint"
	KindMethodNotAllowed  Kind = "method-not-allowed"
	KindRequestTimeout    Kind = "request-timeout"
	KindAlreadyFinished   Kind = "already-finished"
	KindAlreadyStarted    Kind = "already-started"
	KindNotDead           Kind = "not-dead"
	KindLeaseLost         Kind = "lease-lost"
	KindCancelled         Kind = "cancelled"
	KindGone              Kind = "gone"
	KindLengthRequired    Kind = "length-required"
	KindBodyTooLarge      Kind = "body-too-large"
	KindTargetTooLong     Kind = "target-too-long"
	KindUnsupportedMedia  Kind = "unsupported-media-type"
	KindKeyReused         Kind = "key-reused"
	KindTooMany           Kind = "too-many-requests"
	KindHeadersTooLarge   Kind = "headers-too-large"
	KindInternal          Kind = "internal"
	KindCorrupt           Kind = "corrupt"
	KindUnsupported       Kind = "unsupported"
	KindUnsupportedMethod Kind = "unsupported-method"
	KindUnsupportedProto  Kind = "unsupported-protocol"
	KindFailed            Kind = "failed"
	KindTruncated         Kind = "truncated"
	KindUnusableAnswer    Kind = "unusable-answer"
	KindEndpointFailed    Kind = "endpoint-failed"
	KindEndpointTimeout   Kind = "endpoint-timeout"
	KindLoop              Kind = "loop-detected"
	KindQueueFull         Kind = "queue-full"
	KindIntakePaused      Kind = "intake-paused"
	KindEndpointClosed    Kind = "endpoint-closed"
	KindStoreUnavailable  Kind = "store-unavailable"
	KindOutcomeUnknown    Kind = "outcome-unknown"
	KindStopping          Kind = "stopping"
	KindExpired           Kind = "expired"
	KindUnknownOutcome    Kind = "unknown-outcome"
)

// kindInfo is what a kind says over HTTP.
type kindInfo struct {
	status int
	title  string
	retry  bool // bears Retry-After
	log    bool // the error is logged, not shown
}

// kinds is the one table of problems.
var kinds = map[Kind]kindInfo{
	KindBadID:             {status: 400, title: "Malformed correlation ID"},
	KindBadRequest:        {status: 400, title: "Bad request"},
	KindBadFraming:        {status: 400, title: "Incomplete or malformed body"},
	KindBadJSON:           {status: 400, title: "Malformed JSON"},
	KindBadParameter:      {status: 400, title: "Bad parameter"},
	KindInvalidMessage:    {status: 400, title: "Invalid message"},
	KindUnauthorized:      {status: 401, title: "Credentials needed"},
	KindForbidden:         {status: 403, title: "Not allowed"},
	KindNotFound:          {status: 404, title: "Not found"},
	KindUnknownEndpoint:   {status: 404, title: "No endpoint for this request"},
	KindMethodNotAllowed:  {status: 405, title: "Method not allowed"},
	KindRequestTimeout:    {status: 408, title: "The request did not arrive in time"},
	KindAlreadyFinished:   {status: 409, title: "Already finished"},
	KindAlreadyStarted:    {status: 409, title: "Already started"},
	KindNotDead:           {status: 409, title: "Not in the dead letter queue"},
	KindLeaseLost:         {status: 409, title: "Lease lost"},
	KindCancelled:         {status: 409, title: "Cancelled"},
	KindGone:              {status: 410, title: "Removed after its retention"},
	KindLengthRequired:    {status: 411, title: "Length required"},
	KindBodyTooLarge:      {status: 413, title: "Body too large"},
	KindTargetTooLong:     {status: 414, title: "Request target too long"},
	KindUnsupportedMedia:  {status: 415, title: "Unsupported media type"},
	KindKeyReused:         {status: 422, title: "Idempotency key used for a different request"},
	KindTooMany:           {status: 429, title: "Too many requests", retry: true},
	KindHeadersTooLarge:   {status: 431, title: "Header fields too large"},
	KindInternal:          {status: 500, title: "Internal error", log: true},
	KindCorrupt:           {status: 500, title: "Stored data is corrupt", log: true},
	KindUnsupported:       {status: 501, title: "Not supported by this queue backend"},
	KindUnsupportedMethod: {status: 501, title: "Method not supported"},
	KindUnsupportedProto:  {status: 501, title: "Protocol not supported"},
	KindFailed:            {status: 502, title: "The message failed"},
	KindTruncated:         {status: 502, title: "The stored answer is incomplete"},
	KindUnusableAnswer:    {status: 502, title: "The stored answer cannot be replayed"},
	KindEndpointFailed:    {status: 502, title: "The endpoint gave no answer"},
	KindQueueFull:         {status: 503, title: "Queue full", retry: true},
	KindIntakePaused:      {status: 503, title: "Intake paused", retry: true},
	KindEndpointClosed:    {status: 503, title: "Endpoint busy or closed", retry: true},
	KindStoreUnavailable:  {status: 503, title: "Queue backend unavailable", retry: true, log: true},
	KindOutcomeUnknown:    {status: 503, title: "Outcome unknown", retry: true},
	KindStopping:          {status: 503, title: "The server is stopping", retry: true},
	KindExpired:           {status: 504, title: "Deadline passed"},
	KindUnknownOutcome:    {status: 504, title: "Outcome at the endpoint unknown"},
	KindEndpointTimeout:   {status: 504, title: "The endpoint did not answer in time"},
	KindLoop:              {status: 508, title: "The request came back to where it was"},
}

// ProblemOf is the one table of errors. A *Problem in the chain stands for itself.
func ProblemOf(err error) *Problem {
	var problem *Problem
	if errors.As(err, &problem) {
		own := *problem
		return &own
	}
	var gate *queue.GateError
	if errors.As(err, &gate) {
		return &Problem{Kind: KindEndpointClosed, Detail: gate.Error() + "; try again later", About: About{Queue: gate.Queue},
			RetryAfter: gate.After, Err: err}
	}
	var intake *queue.IntakeError
	if errors.As(err, &intake) {
		return &Problem{Kind: KindIntakePaused, Detail: intake.Error() + "; nothing was stored, try again later", About: About{Queue: intake.Queue},
			RetryAfter: intake.After, Err: err}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &Problem{Kind: KindBodyTooLarge, Detail: fmt.Sprintf("the body exceeds the limit of %d bytes", tooLarge.Limit), Err: err}
	}
	for i := range sentinels {
		if s := &sentinels[i]; errors.Is(err, s.err) {
			detail := s.detail
			if detail == "" {
				detail = err.Error()
			}
			return &Problem{Kind: s.kind, Detail: detail, Err: err}
		}
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return &Problem{Kind: KindRequestTimeout, Detail: "the request did not arrive in time", Err: err}
	}
	return &Problem{Kind: KindInternal, Detail: "an unexpected error", Err: err}
}

// sentinels maps errors to kinds. An empty detail shows the error's own text, which is written for clients.
var sentinels = []struct {
	err    error
	kind   Kind
	detail string
}{
	{queue.ErrBadID, KindBadID, ""},
	{queue.ErrNotFound, KindNotFound, "no message has this correlation ID: it was never accepted here, or it was removed"},
	{queue.ErrGone, KindGone, "the message was removed at the end of its retention"},
	{queue.ErrLeaseLost, KindLeaseLost, "the lease has ended"},
	{queue.ErrTerminal, KindAlreadyFinished, "the message has already finished"},
	{queue.ErrRunning, KindAlreadyStarted, "the message has already been started"},
	{queue.ErrNotDead, KindNotDead, "only a message in the dead letter queue can be put back"},
	{queue.ErrKeyReused, KindKeyReused, "this Idempotency-Key stands for a request with another method, target or body; use a new key"},
	{queue.ErrFull, KindQueueFull, ""},
	{queue.ErrBodyTooLarge, KindBodyTooLarge, "the body exceeds the limit"},
	{queue.ErrGateClosed, KindEndpointClosed, ""},
	{queue.ErrInvalid, KindInvalidMessage, ""},
	{queue.ErrUnsupported, KindUnsupported, "this queue backend does not support the call"},
	{queue.ErrOutcomeUnknown, KindOutcomeUnknown, "the queue backend did not confirm in time: the message may or may not be stored; ask for the status of this correlation ID before sending it again"},
	{queue.ErrUnavailable, KindStoreUnavailable, "the queue backend cannot be reached; nothing was stored"},
	{queue.ErrCorrupt, KindCorrupt, "stored data failed its checksum"},
	{queue.ErrClosed, KindStopping, "the server is stopping; nothing was stored"},
	{queue.ErrDraining, KindStopping, "the server is stopping; try again"},
	{io.ErrUnexpectedEOF, KindBadFraming, "the body ended before its announced length; nothing was stored"},
	{http.ErrBodyReadAfterClose, KindBadFraming, "the body ended early; nothing was stored"},
	{os.ErrDeadlineExceeded, KindRequestTimeout, "the request did not arrive in time; nothing was stored"},
	{context.DeadlineExceeded, KindStopping, "the server did not finish in time"},
	{context.Canceled, KindStopping, "the call was ended"},
}
