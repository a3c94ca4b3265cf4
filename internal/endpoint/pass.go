package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/openhqm/openhqm/queue"
)

// Pass sends a request straight through and streams the answer back, by the rules of Handle for fields and
// authentication. Upgrades pass, server-sent events and answers without a length are flushed as they come, trailers pass
// both ways. Bodies have no limit; with ExpectContinue the endpoint says whether the client shall send its own.
// Either side of an upgraded connection may end first. The request ends with its client. Until the answer's head nothing may stand still for
// longer than FirstByteTimeout, neither of the bodies' sides; afterwards there is no limit, since a stream may last.
//
// The caller has reserved a slot at the endpoint's gate, and dropped the forwarding fields of a peer who is not trusted.
func (e *Endpoint) Pass(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	p := &passing{call: call{cancel: cancel}, in: r, began: time.Now()}
	out := r.WithContext(context.WithValue(ctx, passingKey{}, p))
	if hasBody(r) {
		p.body.ReadCloser = r.Body
		p.body.stall.limit, p.body.stall.cancel = e.config.FirstByteTimeout, cancel
		p.body.stall.control = http.NewResponseController(w)
		out.Body = &p.body
		defer context.AfterFunc(ctx, p.body.stall.abandon)()
	}
	if len(r.Trailer) > 0 {
		drop := nominated(r.Header)
		p.body.ended = func() error { return e.filterTrailer(r, drop) }
		if err := p.body.ended(); err != nil {
			p.refused = err
		}
	}
	e.proxy.ServeHTTP(&answerer{w}, out)
}

func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// passing is one pass-through call.
type passing struct {
	call
	in      *http.Request // as the client sent it
	began   time.Time
	body    clientBody // of in, if it has one
	refused error      // why it is not to be sent
}

// trace ends a call with too many informational answers. The transport itself does so only where nobody wants them.
func (p *passing) trace() *httptrace.ClientTrace {
	size := 0
	return &httptrace.ClientTrace{Got1xxResponse: func(_ int, fields textproto.MIMEHeader) error {
		size += len("HTTP/1.1 100\r\n\r\n")
		for name, values := range fields {
			for _, value := range values {
				size += len(name) + len(": \r\n") + len(value)
			}
		}
		if size > MaxResponseHeader {
			p.cancel(errFlooded)
		}
		return nil
	}}
}

var errFlooded = &fault{class: queue.Unanswered, status: http.StatusBadGateway, text: "the endpoint sent informational answers without end"}

var errNoStatus = &fault{class: queue.Unanswered, status: http.StatusBadGateway, text: "the status of the endpoint's answer is none"}

type passingKey struct{}

func passingOf(r *http.Request) *passing {
	p, _ := r.Context().Value(passingKey{}).(*passing)
	return p
}

func (e *Endpoint) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:      e.rewrite,
		Transport:    passer{e},
		BufferPool:   &buffers{},
		ErrorHandler: e.passFailed,
		ErrorLog:     log.New(io.Discard, "", 0), // what it would say is in the Failure, or is the client's own leaving
	}
}

// rewrite puts our rules in place of the proxy's, which has no way to keep raw targets and appended fields.
func (e *Endpoint) rewrite(p *httputil.ProxyRequest) {
	state := passingOf(p.In)
	upgrade := p.Out.Header["Upgrade"]
	in := &arrival{method: p.In.Method, host: p.In.Host, scheme: clientScheme(p.In), proto: p.In.Proto, remote: p.In.RemoteAddr, header: p.In.Header}
	h, err := e.outgoing(p.In.Context(), in)
	if err != nil {
		state.refused = err
		return
	}
	state.injected, state.token = in.injected, in.token
	switch {
	case e.config.Protocol.multiplexed():
		delete(h, "Connection") // RFC 9113 8.2.2; nothing is upgraded in HTTP/2
	case len(upgrade) == 1 && passesUpgrade(upgrade[0]):
		h["Connection"], h["Upgrade"] = []string{"Upgrade"}, upgrade
	}
	if e.config.ExpectContinue && hasBody(p.In) && httpguts.HeaderValuesContainsToken(p.In.Header["Expect"], "100-continue") {
		h["Expect"] = valueContinue // it is the endpoint that says whether the client shall send its body
	}
	p.Out.Header = h
	p.Out.Trailer = p.In.Trailer // the same map, which is filled when the body has been read; a clone never is
	if p.Out.Host, err = e.host(p.In.Host); err != nil {
		state.refused = err
	}
	target := p.In.RequestURI
	if !validTarget(target) { // absolute form, or a request that did not come from a server
		target = p.In.URL.RequestURI()
	}
	e.aim(p.Out, target, &state.call)
}

var valueContinue = []string{"100-continue"}

// passesUpgrade keeps other versions of HTTP out: their requests would leave the rules of this hop behind.
func passesUpgrade(protocol string) bool {
	name, _, _ := strings.Cut(protocol, "/")
	return !strings.EqualFold(name, "h2c") && !strings.EqualFold(name, "HTTP") && !strings.Contains(protocol, ",")
}

// passer is the transport of pass-through calls.
type passer struct{ e *Endpoint }

// RoundTrip sends a request at most once.
func (p passer) RoundTrip(r *http.Request) (*http.Response, error) {
	state := passingOf(r)
	if state.refused != nil {
		return nil, state.refused
	}
	answer, err := p.e.roundTrip(httptrace.WithClientTrace(r.Context(), state.trace()), r, &state.call)
	if err == nil && answer.StatusCode < 200 && answer.StatusCode != http.StatusSwitchingProtocols {
		answer.Body.Close()
		err = errNoStatus // Go's server panics when it is to write one
	}
	if err != nil {
		if wrong := state.body.wrong.Load(); wrong != nil {
			err = wrong // the endpoint's side broke because of it, if at all
		} else if state.body.stall.ended() {
			err = context.Cause(r.Context()) // what came out of the read is only the consequence
		}
		return nil, err
	}
	state.body.stall.lift()
	if t := state.token; t != nil && p.e.tokens.answered(t, answer.StatusCode, time.Time{}) {
		state.injected = false // the token's end, and no fault of the configuration
	}
	p.e.passed(r.Context(), p.e.config.Name, queue.Passed{Class: queue.Answered, Status: answer.StatusCode, StartedAt: state.began,
		Verdict:    p.e.rules.JudgeHead(answer.StatusCode, answer.Header).Verdict,
		RetryAfter: retryAfter(answer.Header, time.Now()), LimitReset: limitReset(answer.Header), Injected: state.injected})
	clean(answer)
	return answer, nil
}

// passFailed answers for an endpoint that gave no answer. A client that has left is told nothing, and is nobody's fault.
func (e *Endpoint) passFailed(w http.ResponseWriter, r *http.Request, err error) {
	state := passingOf(r)
	f := faultOf(r.Context(), err, state.seal())
	left := f.status >= http.StatusInternalServerError && context.Cause(r.Context()) == context.Canceled
	if f.class != queue.Rejected {
		// What is below 500 the client did wrong; ErrDraining and ErrLeaseLost are our own.
		ours := left || f.status < http.StatusInternalServerError || errors.Is(f, queue.ErrDraining) || errors.Is(f, queue.ErrLeaseLost)
		e.passed(context.WithoutCancel(r.Context()), e.config.Name, queue.Passed{Class: f.class, StartedAt: state.began, Ours: ours})
	}
	// A client that left first shows as exactly this cause: others are our own.
	if left {
		if state.in.Context().Value(http.ServerContextKey) != nil {
			panic(http.ErrAbortHandler) // returning would be an empty 200
		}
		return
	}
	e.writeError(w, state.in, Failure{Endpoint: e.config.Name, Status: f.status, Class: f.class, Detail: f.text})
}

func plainError(w http.ResponseWriter, _ *http.Request, f Failure) {
	http.Error(w, fmt.Sprintf("endpoint %q: %s", f.Endpoint, f.Detail), f.Status)
}

// dropOurs removes the fields that only OpenHQM may set.
func dropOurs(h http.Header) {
	for name := range h {
		if ours(http.CanonicalHeaderKey(name)) {
			delete(h, name)
		}
	}
}

// buffers lends the buffers through which bodies are copied.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get returns a buffer.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// Put takes a buffer of Get back.
func (b *buffers) Put(p []byte) {
	if len(p) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(p))
	}
}

var _ queue.Handler = (*Endpoint)(nil)
