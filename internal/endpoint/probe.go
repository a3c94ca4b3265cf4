package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// ProbeRequest is what [Endpoint.Test] sends.
type ProbeRequest struct {
	Method  string        // HEAD if empty
	Target  string        // path and query that follow the endpoint's URL; / if empty
	Timeout time.Duration // the endpoint's own if 0
}

// Probe is what [Endpoint.Test] found. It holds no secrets.
type Probe struct {
	Class    queue.Class // Answered if there was an answer of any status
	Status   int         // of the answer; 0 if there was none
	Detail   string      // why there was no answer; "" if there was one
	Method   string
	Target   string // as it was sent
	Steps    []Step // in the order in which they were taken
	Duration time.Duration
}

// OK reports whether every step succeeded.
func (p *Probe) OK() bool {
	for _, s := range p.Steps {
		if !s.OK {
			return false
		}
	}
	return len(p.Steps) > 0
}

// Step is one part of the way to an endpoint.
type Step struct {
	Name   string // configuration, credentials, name, connection, TLS, answer
	OK     bool
	Detail string // what was found
	Remedy string // what to do or to look at; "" if nothing
}

// Test sends one request with the configured fields and credentials over a connection as every call uses them, and says
// step by step what came of it.
func (e *Endpoint) Test(ctx context.Context, r ProbeRequest) Probe {
	r.Method, r.Target, r.Timeout = orElse(r.Method, http.MethodHead), orElse(r.Target, "/"), orDefault(r.Timeout, e.config.Timeout)
	p := Probe{Method: r.Method, Target: e.base.join(r.Target)}
	started := time.Now()
	e.probe(ctx, &r, &p)
	p.Duration = time.Since(started)
	return p
}

func (e *Endpoint) probe(ctx context.Context, r *ProbeRequest, p *Probe) {
	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(r.Timeout, func() { cancel(&timeoutError{r.Timeout}) })
	defer timer.Stop()
	if !validTarget(r.Target) || !validMethod(r.Method) {
		p.failed(stepConfiguration, &fault{class: queue.Rejected, text: "the method or path cannot be sent"}, "give a path that begins with a slash")
		return
	}
	k := &call{cancel: cancel}
	in := &arrival{method: r.Method}
	request, err := e.head(attempt, in)
	if err != nil {
		p.failed(stepCredentials, faultOf(attempt, err, false), "")
		return
	}
	p.credentials(e, in)
	request.Method = r.Method
	e.aim(request, r.Target, k)
	seen := &way{p: p}
	answer, err := e.roundTrip(httptrace.WithClientTrace(attempt, seen.trace()), request, k)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if err != nil {
		seen.broken(e, faultOf(attempt, err, k.seal()), err)
		return
	}
	defer answer.Body.Close()
	p.Class, p.Status = queue.Answered, answer.StatusCode
	p.Steps = append(p.Steps, e.judgeProbe(r.Method, answer))
}

// The names of steps.
const (
	stepConfiguration = "configuration"
	stepCredentials   = "credentials"
	stepName          = "name"
	stepConnection    = "connection"
	stepTLS           = "TLS"
	stepAnswer        = "answer"
)

func (p *Probe) done(step, format string, args ...any) {
	p.Steps = append(p.Steps, Step{Name: step, OK: true, Detail: fmt.Sprintf(format, args...)})
}

func (p *Probe) failed(step string, f *fault, remedy string) {
	p.Class, p.Detail = f.class, f.text
	detail, own, found := strings.Cut(f.text, "; ") // what a fault says behind it is what to do
	if found {
		remedy = own
	}
	p.Steps = append(p.Steps, Step{Name: step, Detail: detail, Remedy: remedy})
}

func (p *Probe) credentials(e *Endpoint, in *arrival) {
	switch a := &e.config.Auth; {
	case !in.injected:
	case in.token != nil && in.token.endsAt.IsZero():
		p.done(stepCredentials, "an access token is there")
	case in.token != nil:
		p.done(stepCredentials, "an access token is there, for %s", time.Until(in.token.endsAt).Round(time.Second))
	default:
		p.done(stepCredentials, "%s in the field %s", a.Scheme, e.authField)
	}
}

// way follows a call to its endpoint.
type way struct {
	p *Probe

	mu        sync.Mutex
	connected bool
}

func (w *way) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			var all []string
			for _, a := range info.Addrs {
				all = append(all, a.String())
			}
			if info.Err == nil {
				w.p.done(stepName, "it is %s", strings.Join(all, ", "))
			}
		},
		ConnectDone: func(_, address string, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err == nil && !w.connected {
				w.connected = true
				w.p.done(stepConnection, "to %s", address)
			}
		},
		GotConn: func(info httptrace.GotConnInfo) {
			c, ok := info.Conn.(*conn)
			if !ok {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if secure, ok := c.Conn.(*tls.Conn); ok {
				w.secured(secure.ConnectionState(), c.secure)
			}
		},
	}
}

func (w *way) secured(state tls.ConnectionState, h *handshake) {
	own := ""
	switch {
	case h.asked && h.shown:
		own = "; it asked for a certificate of ours and was shown one"
	case h.asked:
		own = "; it asked for a certificate of ours, and there is none"
	}
	leaf := state.PeerCertificates[0]
	owner := leaf.Subject.CommonName
	if len(leaf.DNSNames) > 0 {
		owner = strings.Join(leaf.DNSNames, ", ")
	}
	w.p.done(stepTLS, "%s, certificate of %s until %s%s", tls.VersionName(state.Version), owner, leaf.NotAfter.Format(time.DateOnly), own)
}

// broken says which step a call did not get over.
func (w *way) broken(e *Endpoint, f *fault, err error) {
	var lookup *net.DNSError
	var refused *handshakeError
	switch {
	case errors.As(err, &lookup):
		w.p.failed(stepName, f, "correct the host of the endpoint's url, or see that this machine can resolve it")
	case errors.As(err, &refused):
		w.p.failed(stepTLS, f, "see what the endpoint's own log says of the handshake")
	case !w.connected:
		w.p.failed(stepConnection, f, "see that the application runs and listens there, that no firewall is between, or correct the endpoint's url")
	case f.class == queue.NotSent && e.base.scheme == "https":
		w.p.failed(stepTLS, f, "see that it speaks TLS there")
	default:
		w.p.failed(stepAnswer, f, "see what the application's own log says; if it only needs longer, raise the endpoint's timeout")
	}
}
