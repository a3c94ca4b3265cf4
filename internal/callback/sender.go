package callback

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// DefaultTimeout is how long an attempt may take where the Config does not say.
const DefaultTimeout = 15 * time.Second

const (
	connectTimeout = 10 * time.Second
	idleTimeout    = 5 * time.Second // shorter than the keep-alive of most servers
	maxAnswerHead  = 64 << 10        // bytes of an answer's head
	maxDrained     = 4 << 10         // bytes of an answer that are read away, so that its connection can be used again
)

// Config is what users set.
type Config struct {
	Allow    []string       // the allow-list; see [ParsePattern]
	Networks []netip.Prefix // beyond the public ones, in which receivers may stand
	Secrets  []string       // at least one; each signs every callback
	Timeout  time.Duration  // one attempt; 0: DefaultTimeout
	Base     string         // of the links: the public URL, if there is one, with the path of the API
}

// Options are what the caller injects. The zero value is usable.
type Options struct {
	// Roots are the authorities that a receiver's certificate must come from. nil: the system's.
	Roots *x509.CertPool
	// Observe is told what came of each attempt. nil: nobody is.
	Observe func(telemetry.CallbackEnd)
}

// Sender delivers callbacks. It is a [queue.Handler] of the tickets of [queue.CallbackQueue].
type Sender struct {
	config    Config
	targets   *Targets
	signer    signer
	transport *http.Transport
	observe   func(telemetry.CallbackEnd)
}

// New returns a sender. It opens no connection. The error says what is wrong with the configuration.
func New(c Config, o Options) (*Sender, error) {
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	targets, err := NewTargets(c.Allow, c.Networks)
	if err != nil {
		return nil, err
	}
	signer, err := newSigner(c.Secrets)
	if err != nil {
		return nil, err
	}
	s := &Sender{config: c, targets: targets, signer: signer, observe: o.Observe}
	if s.observe == nil {
		s.observe = func(telemetry.CallbackEnd) {}
	}
	s.transport = &http.Transport{
		Proxy:                  nil, // a proxy would connect where we cannot look
		DialContext:            targets.addresses.dialer(connectTimeout).DialContext,
		TLSClientConfig:        tlsConfig(o.Roots),
		TLSHandshakeTimeout:    connectTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    queue.TicketLane,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxAnswerHead,
	}
	return s, nil
}

// Close lets go of idle connections. Callbacks under way go on.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

// Handle makes one attempt to deliver what a ticket announces.
func (s *Sender) Handle(ctx context.Context, d *queue.Delivery) queue.Outcome {
	started := time.Now()
	o, end := s.attempt(ctx, d, started)
	o.StartedAt, o.Duration = started, time.Since(started)
	s.observe(end)
	return o
}

func (s *Sender) attempt(ctx context.Context, d *queue.Delivery, now time.Time) (queue.Outcome, telemetry.CallbackEnd) {
	told, err := queue.ReadTicket(d.Record.Message)
	if err != nil {
		return queue.Outcome{Class: queue.Rejected, Err: err}, telemetry.CallbackUnreadable
	}
	body, err := payload(d.Record.Subject, &told, s.config.Base)
	if err != nil {
		return queue.Outcome{Class: queue.Rejected, Err: err}, telemetry.CallbackUnreadable
	}
	receiver, err := s.targets.check(d.Request().Target)
	if err != nil {
		// Not for good: the configuration may have lost the receiver by mistake, and gets it back.
		return queue.Outcome{Class: queue.NotSent, Err: err}, telemetry.CallbackForbidden
	}
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	var sent atomic.Bool
	request, err := s.request(withTrace(limited, &sent), receiver, d.ID.String(), now, body)
	if err != nil {
		return queue.Outcome{Class: queue.Rejected, Err: err}, telemetry.CallbackUnreadable
	}
	fault.Point(fault.CallbackSending)
	answer, err := s.transport.RoundTrip(request) // and not a client: that would follow redirects
	if err != nil {
		return s.failed(ctx, limited, receiver, err, sent.Load())
	}
	defer answer.Body.Close()
	fault.Point(fault.CallbackAnswered)
	if answer.ContentLength >= 0 && answer.ContentLength <= maxDrained {
		_, _ = io.Copy(io.Discard, answer.Body) // the head is the answer
	}
	return answered(answer, now)
}

// withTrace notes in sent whether a connection was there to send on.
func withTrace(ctx context.Context, sent *atomic.Bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { sent.Store(false) }, // again, if an idle one turned out closed before a byte was written
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
}

func (s *Sender) request(ctx context.Context, receiver *url.URL, id string, now time.Time, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, receiver.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the request cannot be made") // the error would repeat the URL
	}
	request.GetBody = nil // the transport sends it once
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "OpenHQM")
	return request, s.signer.sign(request.Header, id, now, body)
}

// answered reads the receiver's answer. Each meaning is given here, and none by the table for endpoints: a Retry-After there
// would close the queue for every receiver.
func answered(answer *http.Response, started time.Time) (queue.Outcome, telemetry.CallbackEnd) {
	now := time.Now()
	o := queue.Outcome{Class: queue.Answered, Verdict: queue.VerdictRetry, Result: &queue.Result{
		Status: answer.StatusCode, Length: -1, ReceivedAt: now, Duration: now.Sub(started)}}
	switch status := answer.StatusCode; {
	case status >= 200 && status < 300:
		o.Verdict = queue.VerdictResult
		return o, telemetry.CallbackDelivered
	case status == http.StatusGone:
		o.Verdict = queue.VerdictFail
		return o, telemetry.CallbackGone
	}
	o.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), now)
	return o, telemetry.CallbackRefused
}

// failed says what an attempt without an answer is worth.
func (s *Sender) failed(ctx, limited context.Context, receiver *url.URL, err error, sent bool) (queue.Outcome, telemetry.CallbackEnd) {
	o := queue.Outcome{Class: queue.NotSent}
	if sent {
		o.Class = queue.Unanswered
	}
	if ctx.Err() != nil { // cancelled, lease lost, or the process drains
		if o.Err = context.Cause(ctx); !sent && errors.Is(o.Err, queue.ErrDraining) {
			o.Class = queue.NotBegun
		}
		return o, telemetry.CallbackEndedEarly
	}
	var forbidden *forbiddenError
	switch {
	case errors.As(err, &forbidden):
		o.Err = errors.New(forbiddenText(receiver.Hostname()+" resolves to", forbidden.kind))
		return o, telemetry.CallbackForbidden
	case limited.Err() != nil:
		o.Err = fmt.Errorf("no answer within %s (callback.timeout)", s.config.Timeout)
	default:
		o.Err = errors.New(reason(err))
	}
	if sent {
		return o, telemetry.CallbackUnanswered
	}
	return o, telemetry.CallbackUnreachable
}
