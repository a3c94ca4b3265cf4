package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// noMessage is what an own answer is about when it is about no message.
var noMessage reply.About

// submit stores the request that an envelope describes.
func (p *Producer) submit(w http.ResponseWriter, r *http.Request, _ vars) {
	s, err := p.submission(w, r)
	if err != nil {
		p.o.Replies.Error(w, r, explain(err))
		return
	}
	// The client's leaving does not end the write: it would not say whether it was done.
	receipt, err := p.o.Broker.Submit(context.WithoutCancel(r.Context()), s)
	if receipt.Duplicate || err != nil && !errors.Is(err, queue.ErrOutcomeUnknown) {
		p.discard(r.Context(), s.Request.Body) // no record took it
	}
	if err != nil {
		p.o.Replies.ErrorAbout(w, r, reply.About{ID: receipt.ID, Queue: s.Queue}, err)
		return
	}
	acceptance := reply.AcceptedAs(receipt, s.Queue)
	acceptance.NotBefore = s.NotBefore
	if delayed := receipt.AcceptedAt.Add(s.Delay); delayed.After(s.NotBefore) {
		acceptance.NotBefore = delayed
	}
	if receipt.Duplicate {
		// The first 202 again, with what has become of its message. Should that be gone, it was accepted all the same.
		if rec, err := p.o.Broker.Get(r.Context(), receipt.ID); err == nil {
			durability := acceptance.Durability
			acceptance = reply.AcceptedRecord(rec)
			acceptance.Durability = durability
		}
	}
	if async, _, _ := ingress.Prefers(r.Header); async {
		acceptance.Applied = []string{"respond-async"}
	}
	p.o.Replies.Accepted(w, r, &acceptance)
}

// submission reads a submit's envelope and binds it to its target. On an error nothing is kept.
func (p *Producer) submission(w http.ResponseWriter, r *http.Request) (*queue.Submission, error) {
	// Before the body: what the head alone decides comes first (R1).
	if _, problem := (&ingress.Terms{}).Key(r.Method, r.Header); problem != nil {
		return nil, problem
	}
	asked, given, problem := ingress.ReadControls(r.Header)
	if problem != nil {
		return nil, problem
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110 15.5.16
		return nil, reply.NewProblem(reply.KindUnsupportedMedia,
			fmt.Sprintf("the body has Content-Encoding %q, and a submit takes plain JSON; send it without an encoding", coding))
	}
	e, payload, err := p.receive(w, r)
	if err != nil {
		return nil, err
	}
	m, wrong := readMetadata(e.metadata, asked, given, ingress.Keyed(r.Header))
	s, err := p.bind(r, e, payload, &m, wrong)
	if err != nil {
		p.discard(r.Context(), payload)
		return nil, err
	}
	if err := p.transform(r.Context(), s, m.transformed); err != nil {
		p.discard(r.Context(), payload)
		return nil, err
	}
	return s, nil
}

// receive reads the whole body, checks that it is an envelope, and keeps the payload.
func (p *Producer) receive(w http.ResponseWriter, r *http.Request) (*envelope, queue.Body, error) {
	ctx, bodies := r.Context(), p.o.Broker.Bodies()
	whole, err := ingress.Receive(w, r, bodies, p.config.MaxRequestSize)
	if err != nil {
		return nil, queue.Body{}, err
	}
	_, inline := whole.Inline()
	if !inline {
		// Received first and parsed then: nobody holds one of the few places while its client dawdles.
		defer p.discard(ctx, whole)
		done, err := p.bigBody(ctx)
		if err != nil {
			return nil, queue.Body{}, err
		}
		defer done()
	}
	body, err := whole.Open(ctx)
	if err != nil {
		return nil, queue.Body{}, err
	}
	defer body.Close()
	e, err := readEnvelope(body, !inline)
	if err != nil {
		return nil, queue.Body{}, err
	}
	if e.payload == (span{}) {
		return nil, queue.Body{}, memberErrors{{Pointer: pointer("payload"),
			Detail: "missing; give the JSON to deliver, null if there is none"}}
	}
	payload, err := e.payloadBody(ctx, whole, bodies)
	return e, payload, err
}

func (p *Producer) bind(r *http.Request, e *envelope, payload queue.Body, m *metadata, wrong memberErrors) (*queue.Submission, error) {
	header, host, wrongHeaders := readHeaders(e.headers)
	if wrong = append(wrongHeaders, wrong...); wrong != nil {
		return nil, wrong
	}
	if header["Content-Type"] == nil {
		header["Content-Type"] = []string{"application/json"}
	}
	request := queue.Request{
		Method: firstOf(m.method, http.MethodPost),
		Target: firstOf(m.path, "/"),
		Scheme: scheme(r),
		Host:   host, // else the endpoint's own: the client's names OpenHQM, which the application need not know
		Proto:  r.Proto,
		Remote: r.RemoteAddr,
		Header: header,
		Body:   payload,
	}
	target, action, err := p.route(r, &request, e, m)
	if err != nil {
		return nil, err
	}
	if target.MaxBody > 0 && request.Body.Size() > target.MaxBody {
		return nil, ingress.TooLarge(target.MaxBody)
	}
	request.Method = firstOf(target.MethodOverride, m.method, target.Method, http.MethodPost)
	if err := p.checkCallback(m.callback); err != nil {
		return nil, err
	}
	s := &queue.Submission{Queue: target.Queue, Callback: m.callback, Request: request}
	if target.Endpoint {
		s.Endpoint = target.Name
	}
	if !absent(e.metadata) {
		s.Metadata = e.metadata
	}
	if target.ForwardsAuthorization {
		s.Deadline = ingress.TokenDeadline(header, time.Now())
	}
	m.Ask(s)
	key, err := p.agree(r, &target, m, s)
	if err != nil {
		return s, err
	}
	if action != nil {
		s.Route = action.Route
		if action.Dedupes(key, s.Request.Method) {
			return s, action.Dedupe(r.Context(), s)
		}
	}
	if key == "" {
		return s, nil
	}
	s.IdempotencyKey = ingress.ScopedKey(target.Queue, action, key)
	header["Idempotency-Key"] = r.Header["Idempotency-Key"] // for endpoints that honour it themselves
	s.Fingerprint, err = s.Request.Fingerprint(r.Context())
	return s, err
}

// agree adds to a submission what its target's terms say of it, and returns its idempotency key.
func (p *Producer) agree(r *http.Request, t *Target, m *metadata, s *queue.Submission) (string, error) {
	key, problem := t.Key(s.Request.Method, r.Header)
	if problem != nil {
		return "", problem
	}
	if p.o.Caller != nil {
		s.Caller = p.o.Caller(r)
	} else if s.Caller, problem = t.Caller(r.Header); problem != nil {
		return "", problem
	}
	if s.Lane, problem = t.Lane(m.OrderingKey, s.Request.Header); problem != nil {
		return "", problem
	}
	return key, nil
}

// target returns where a submit goes.
func (p *Producer) target(name string) (Target, error) {
	names := strings.Join(p.o.Targets.Names(), ", ")
	if name != "" {
		if target, ok := p.o.Targets.Named(name); ok {
			return target, nil
		}
		return Target{}, reply.NewProblem(reply.KindUnknownEndpoint,
			fmt.Sprintf("metadata.endpoint %q is not an endpoint that a request may name; known are: %s", name, firstOf(names, "none")))
	}
	if target, ok := p.o.Targets.Default(); ok {
		return target, nil
	}
	return Target{}, reply.NewProblem(reply.KindUnknownEndpoint,
		fmt.Sprintf("there are several endpoints and no default one; name one in metadata.endpoint (%s), or set proxy.default_endpoint",
			firstOf(names, "none may be named")))
}

// explain turns what can be wrong with a submit into a problem that names the thing and the remedy.
func explain(err error) error {
	var malformed *jsonError
	var wrong memberErrors
	switch {
	case errors.As(err, &malformed):
		return reply.NewProblem(reply.KindBadJSON, malformed.Error())
	case errors.As(err, &wrong):
		return &reply.Problem{Kind: reply.KindInvalidMessage, Detail: wrong.Error(),
			Members: map[string]any{"errors": []client.ProblemError(wrong)}}
	}
	return err
}

// discard removes a body that no record took. Should it fail, the store sweeps the body later.
func (p *Producer) discard(ctx context.Context, b queue.Body) {
	_ = p.o.Broker.Bodies().DiscardBody(context.WithoutCancel(ctx), b)
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
