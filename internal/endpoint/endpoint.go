package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/certfile"
	planted "github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/internal/rule"
	"github.com/openhqm/openhqm/queue"
)

// Endpoint sends requests to one target. It is a [queue.Handler], and passes requests through with [Endpoint.Pass].
type Endpoint struct {
	config     Config
	base       base
	pseudonym  string
	writeError func(http.ResponseWriter, *http.Request, Failure)
	passed     func(ctx context.Context, endpoint string, p queue.Passed)

	forward, strip        names
	static                map[string]string // canonical name -> value
	guarded               map[string]bool   // folded names of client's fields that are replaced
	spelling              map[string]string // canonical name -> exact spelling, where they differ
	authField             string            // canonical name of the field that bears the credentials; "" for none
	tokens                *tokens           // of AuthOAuth2
	replacesAuthorization bool

	dialer    dialer
	files     *certfile.Watched[*trust]
	transport atomic.Pointer[http.Transport]
	proxy     *httputil.ReverseProxy
	rules     *rule.Set
}

// New returns an endpoint. It reads the files of TLS, and opens no connection. The error says what is wrong with the
// configuration or with a file.
func New(c Config, o Options) (*Endpoint, error) {
	c = c.withDefaults()
	u, err := c.validate()
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		config:     c,
		base:       newBase(u),
		pseudonym:  orElse(o.Pseudonym, Family),
		writeError: o.WriteError,
		passed:     o.Passed,
		forward:    newNames(c.ForwardHeaders),
		strip:      newNames(foldedPatterns(c.StripHeaders)),
		static:     make(map[string]string, len(c.Headers)),
		guarded:    make(map[string]bool, len(c.Headers)+2),
		spelling:   make(map[string]string, len(c.HeaderNames)),
		dialer:     dialer{net.Dialer{KeepAlive: 15 * time.Second}},
	}
	e.forward.all = e.forward.all || c.ForwardHeaders == nil
	for name, value := range c.Headers {
		canonical := http.CanonicalHeaderKey(name)
		e.static[canonical], e.guarded[folded(canonical)] = value, true
	}
	for _, name := range c.HeaderNames {
		if canonical := http.CanonicalHeaderKey(name); canonical != name {
			e.spelling[canonical] = name
		}
	}
	switch c.Auth.Scheme {
	case AuthNone:
	case AuthBearer, AuthBasic, AuthOAuth2:
		e.authField = "Authorization"
	default:
		e.authField = http.CanonicalHeaderKey(c.Auth.Header)
	}
	e.replacesAuthorization = c.ReplaceAuthorization || e.authField != "" && !c.ForwardAuthorization
	if e.replacesAuthorization {
		e.guarded["Authorization"] = true
	}
	if e.authField != "" && e.authField != "Authorization" {
		e.guarded[folded(e.authField)] = true
	}
	if e.passed == nil {
		e.passed = func(context.Context, string, queue.Passed) {}
	}
	if e.writeError == nil {
		e.writeError = plainError
	}
	read := func(error) {}
	if o.FilesRead != nil {
		read = func(err error) { o.FilesRead(c.Name, err) }
	}
	if e.files, err = c.TLS.watch(o.Roots, read); err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", c.Name, err)
	}
	if c.Auth.Scheme == AuthOAuth2 {
		f, err := newFetcher(c.Auth.OAuth2, read)
		if err != nil {
			return nil, fmt.Errorf("endpoint %q: %w", c.Name, err)
		}
		e.tokens = &tokens{fetch: f.fetch, told: func(err error) {
			if o.TokenFetched != nil {
				o.TokenFetched(c.Name, err)
			}
		}}
	}
	if e.rules, err = rule.New(c.Rules); err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", c.Name, err)
	}
	e.transport.Store(e.newTransport(e.files.Now()))
	e.proxy = e.newProxy()
	return e, nil
}

// Config returns the configuration with its defaults filled in.
func (e *Endpoint) Config() Config { return e.config }

// Close ends idle connections. Calls under way go on.
func (e *Endpoint) Close() { e.transport.Load().CloseIdleConnections() }

// Handle makes one attempt to send the delivery's request and reports what came of it; see the package's table.
//
// What it changes of the request: fields of the connection (RFC 9110 7.6.1), framing, Expect, Host by configuration;
// consumed preferences, the client's OpenHQM-*, and names that an application could take for one that is not the client's to
// set (X_Forwarded_For) are dropped; Via, Forwarded and X-Forwarded-For, -Proto, -Host and -Port
// are continued; OpenHQM-Correlation-Id, OpenHQM-Delivery and, on the last, OpenHQM-Last-Attempt are added; the configuration
// adds, replaces and strips. A TRACE, which comes back to the client, bears neither configured fields nor credentials. A
// body is sent with its length; trailers, if the request had any, make it chunked.
//
// It ends when ctx does, or after the shorter of the endpoint's timeout and the message's.
func (e *Endpoint) Handle(ctx context.Context, d *queue.Delivery) queue.Outcome {
	started := time.Now()
	o := e.attempt(ctx, d)
	o.StartedAt, o.Duration = started, time.Since(started)
	return o
}

func (e *Endpoint) attempt(ctx context.Context, d *queue.Delivery) queue.Outcome {
	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timeout := e.config.Timeout
	if t := d.Record.AttemptTimeout; t > 0 && t < timeout {
		timeout = t
	}
	timer := time.AfterFunc(timeout, func() { cancel(&timeoutError{timeout}) })
	defer timer.Stop()

	k := &call{cancel: cancel}
	request, err := e.request(attempt, d, k)
	if err != nil {
		return outcome(faultOf(attempt, err, false), nil)
	}
	planted.Point(planted.CallBeforeSend)
	answer, err := e.roundTrip(attempt, request, k)
	if err != nil {
		return outcome(faultOf(attempt, err, k.seal()), nil)
	}
	defer answer.Body.Close()
	planted.Point(planted.CallAnswered)
	result, seen, note, err := e.receive(attempt, d, answer, k)
	planted.Point(planted.CallReceived)
	if err != nil {
		return outcome(faultOf(attempt, err, true), result)
	}
	o := queue.Outcome{Class: queue.Answered, Result: result, Err: note, RetryAfter: retryAfter(answer.Header, time.Now()),
		LimitReset: limitReset(answer.Header), Injected: k.injected}
	e.judge(ctx, &o, answer, seen)
	if k.token != nil && e.tokens.answered(k.token, answer.StatusCode, refusedAt(d.Record)) {
		o.Verdict = queue.VerdictAgain
	}
	return o
}

func outcome(f *fault, result *queue.Result) queue.Outcome {
	return queue.Outcome{Class: f.class, Result: result, Err: f}
}

// request makes the request to send.
func (e *Endpoint) request(ctx context.Context, d *queue.Delivery, k *call) (*http.Request, error) {
	r := d.Request()
	if !validTarget(r.Target) || !validMethod(r.Method) {
		return nil, &fault{class: queue.Rejected, status: http.StatusBadGateway, text: "the request has a method or target that cannot be sent"}
	}
	in := &arrival{method: r.Method, host: r.Host, scheme: r.Scheme, proto: r.Proto, remote: r.Remote, header: r.Header, queued: true}
	request, err := e.head(ctx, in)
	if err != nil {
		return nil, err
	}
	k.injected, k.token = in.injected, in.token
	request.Method = r.Method
	e.aim(request, r.Target, k)
	addDelivery(request.Header, d)
	if request.Trailer, err = e.trailer(r); err != nil {
		return nil, err
	}
	return request, openBody(ctx, request, r)
}

// head returns a request with its fields and Host.
func (e *Endpoint) head(ctx context.Context, in *arrival) (*http.Request, error) {
	h, err := e.outgoing(ctx, in)
	if err != nil {
		return nil, err
	}
	if e.config.Protocol.multiplexed() {
		delete(h, "Connection") // RFC 9113 8.2.2
	}
	host, err := e.host(in.host)
	if err != nil {
		return nil, err
	}
	return &http.Request{Host: host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
}

// aim sets the request's URL so that the joined target is sent byte for byte.
func (e *Endpoint) aim(r *http.Request, target string, k *call) {
	if e.config.Protocol.multiplexed() {
		r.URL = e.base.streamURL(r.Host, e.base.join(target))
		return
	}
	r.URL, k.line = e.base.url(r.Method, e.base.join(target))
	if k.line != "" {
		k.prefix = r.Method + " " + placeholder + " HTTP/1.1\r\n"
	}
}

// openBody gives the request its body: of known length, or chunked when trailers follow it.
func openBody(ctx context.Context, request *http.Request, r *queue.Request) error {
	request.Body, request.ContentLength = http.NoBody, r.Body.Size()
	if inline, ok := r.Body.Inline(); ok {
		if len(inline) > 0 || request.Trailer != nil {
			request.Body = io.NopCloser(bytes.NewReader(inline))
		}
	} else {
		body, err := r.Body.Open(context.WithoutCancel(ctx))
		switch {
		case errors.Is(err, queue.ErrCorrupt), errors.Is(err, queue.ErrNotFound):
			return &fault{class: queue.Rejected, status: http.StatusBadGateway, text: storeText("the stored body could not be opened", err), cause: err}
		case err != nil:
			return &fault{class: queue.NotSent, status: http.StatusBadGateway, text: storeText("the stored body could not be opened", err), cause: err}
		}
		request.Body = &storedBody{body}
	}
	if request.Trailer != nil {
		request.ContentLength, request.TransferEncoding = -1, []string{"chunked"}
	}
	return nil
}

// storedBody makes an error of reading the store a fault, to tell it from one of the network.
type storedBody struct{ io.ReadCloser }

// Read reads from the store.
func (b *storedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &fault{class: queue.Unanswered, status: http.StatusBadGateway, text: storeText("the stored body could not be read", err), cause: err}
	}
	return n, err
}

// addDelivery tells the endpoint which delivery of which message this is, so that it can deduplicate (R3).
func addDelivery(h http.Header, d *queue.Delivery) {
	h["OpenHQM-Correlation-Id"] = []string{d.ID.String()}
	h["OpenHQM-Delivery"] = []string{itoa(d.Record.Deliveries)}
	if d.Last {
		h["OpenHQM-Last-Attempt"] = []string{"true"}
	}
}

// roundTrip sends a request at most once, whatever the transport thinks of repeating it.
func (e *Endpoint) roundTrip(ctx context.Context, r *http.Request, k *call) (*http.Response, error) {
	r.GetBody = nil
	if e.config.Protocol.multiplexed() {
		return e.roundTripStream(ctx, r, k)
	}
	answer, err := e.roundTripOnce(ctx, r, k)
	for n := 0; n < otherConnections && leftOverOf(err) && !hasBody(r) && k.reopen(); n++ {
		// Not a byte was written, and there is no body of which some may be gone: what a connection still held for another request is
		// no reason to fail this one.
		answer, err = e.roundTripOnce(ctx, r, k)
	}
	return answer, err
}

func (e *Endpoint) roundTripOnce(ctx context.Context, r *http.Request, k *call) (*http.Response, error) {
	var on atomic.Pointer[conn]
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if c, ok := info.Conn.(*conn); ok {
			c.reused.Store(info.Reused)
			c.call.Store(k)
			on.Store(c)
		}
	}}
	answer, err := e.connections().RoundTrip(r.WithContext(httptrace.WithClientTrace(ctx, trace)))
	c := on.Load()
	switch {
	case c == nil:
	case err == nil && !k.owned(c):
		sent := k.seal() // a write may have begun since, and then nobody knows what was answered
		c.Close()
		c.call.Store(nil) // what it may still be asked to write is not for this call
		answer.Body.Close()
		if !sent {
			return nil, errLeftOver
		}
		return nil, errStrange
	case err != nil && c.secure != nil:
		if refused := c.secure.refused.Load(); refused != nil {
			return nil, refused
		}
	}
	return answer, err
}

// errLeftOver and errStrange are for an answer that was there before a byte of its request was written, and for one of which nobody
// knows.
var (
	errLeftOver = &fault{class: queue.NotSent, status: http.StatusBadGateway, text: leftOver}
	errStrange  = &fault{class: queue.Unanswered, status: http.StatusBadGateway, text: leftOver}
)

// otherConnections is how many further connections a call is given that found one which held something for another.
const otherConnections = 8

func leftOverOf(err error) bool {
	early, ok := errors.AsType[*fault](err)
	return ok && early == errLeftOver
}

const leftOver = "the endpoint had sent more than its last answer on this connection, which was closed"
