package ingress

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// Handler takes every request that is not a call of OpenHQM's own API. What it stores is what the client sent, except:
// fields of the one connection and those that Connection nominates, framing, Expect, OpenHQM-*, the preferences of Prefer
// that it obeyed, and Forwarded and X-Forwarded-* of peers who are not trusted.
type Handler struct {
	config   Config
	broker   *queue.Broker
	targets  Targets
	replies  *reply.Replies
	callback func(receiver string) error
	circular func(via []string) string
	log      *slog.Logger
	held     held
	lines    lines
	full     fullness
	spares   spares
	draining atomic.Bool

	passesEnd context.Context // its end is that of every call that passes through
	endPasses context.CancelFunc
}

// New returns a Handler.
func New(c Config, o Options) *Handler {
	h := &Handler{config: c.withDefaults(), broker: o.Broker, targets: o.Targets, replies: o.Replies, callback: o.Callback, circular: o.Circular, log: o.Log}
	h.held.open(h.config)
	h.lines.limit = h.config.MaxLine
	h.passesEnd, h.endPasses = context.WithCancel(context.Background())
	return h
}

var valueClose = []string{"close"}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case upgrades(r) && ambiguous(r):
		// After an upgrade the connection cannot be closed, so its end must be beyond doubt.
		h.replies.Problem(w, r, reply.NewProblem(reply.KindBadFraming,
			"an upgrade with a chunked body, or over HTTP/1.0, is not passed on; send it over HTTP/1.1 without a body"))
		return
	case h.draining.Load() && !upgrades(r):
		w.Header()["Connection"] = valueClose
	}
	var c call
	if problem := h.readHead(w, r, &c); problem != nil {
		h.replies.Problem(w, r, problem)
		return
	}
	if c.mode == ModeSync {
		h.pass(w, r, &c)
		return
	}
	h.store(w, r, &c)
}

// store captures and submits, then answers 202 or holds.
func (h *Handler) store(w http.ResponseWriter, r *http.Request, c *call) {
	if h.opens(c) {
		h.failOpen(w, r, c)
		return
	}
	request, err := h.capture(w, r, c)
	if err != nil {
		h.fail(w, r, c, err)
		return
	}
	receipt, err := h.submit(r, c, request)
	if err != nil {
		if c.mayFailOpen() && down(err) && !h.intakePaused(c) && rewind(r, &request) {
			h.failOpen(w, r, c)
			return
		}
		h.fail(w, r, c, err)
		return
	}
	if c.mode == ModeAuto {
		pinned := int64(headSize(request.Header))
		if inline, ok := request.Body.Inline(); ok {
			pinned += int64(len(inline))
		}
		h.hold(w, r, c, &receipt, pinned)
		return
	}
	if receipt.Duplicate {
		h.repeated(w, r, c, &receipt)
		return
	}
	h.accepted(w, r, c, &receipt, 0)
}

// submit makes the message durable. The client's leaving does not end the write: it would not say whether it was done.
func (h *Handler) submit(r *http.Request, c *call, request queue.Request) (queue.Receipt, error) {
	ctx := context.WithoutCancel(r.Context())
	s := queue.Submission{Queue: c.target.Queue, Request: request, Callback: c.callback, Caller: c.caller, Lane: c.lane}
	if c.target.Endpoint {
		s.Endpoint = c.target.Name
	}
	if c.target.ForwardsAuthorization {
		s.Deadline = tokenDeadline(request.Header, time.Now())
	}
	c.controls.Ask(&s)
	if c.action != nil {
		s.Route = c.action.Route
	}
	switch deduped := c.action != nil && c.action.Dedupes(c.key, request.Method); {
	case deduped:
		if err := c.action.Dedupe(ctx, &s); err != nil {
			h.discard(ctx, request.Body)
			return queue.Receipt{}, err
		}
		c.target.KeepOnDisconnect = true // its repeat joins the message, so it must live
	case c.key != "":
		fingerprint, err := request.Fingerprint(ctx)
		if err != nil {
			h.discard(ctx, request.Body)
			return queue.Receipt{}, fmt.Errorf("fingerprint the request: %w", err)
		}
		s.IdempotencyKey, s.Fingerprint = ScopedKey(c.target.Queue, c.action, c.key), fingerprint
	}
	fault.Point(fault.SubmitBeforeStore)
	receipt, err := h.broker.Submit(ctx, &s)
	fault.Point(fault.SubmitStored)
	switch {
	case fault.Planted(fault.AckOfRefused) && err != nil:
		return queue.Receipt{ID: queue.NewID(0, time.Now()), AcceptedAt: time.Now()}, nil
	case errors.Is(err, queue.ErrOutcomeUnknown):
		return queue.Receipt{}, &reply.Problem{Kind: reply.KindOutcomeUnknown, Err: err,
			Detail: reply.ProblemOf(err).Detail, About: reply.About{ID: receipt.ID, Queue: s.Queue}}
	case err != nil:
		h.full.note(err)
		h.discard(ctx, request.Body)
		return queue.Receipt{}, err
	case receipt.Duplicate:
		h.discard(ctx, request.Body)
	}
	return receipt, nil
}

// fail answers an error. The head of the message is all that was taken, or nothing.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, c *call, err error) {
	h.replies.ErrorAbout(w, r, reply.About{Queue: c.target.Queue}, err)
}

// accepted answers 202; waited is how long the client was prepared to be held.
func (h *Handler) accepted(w http.ResponseWriter, r *http.Request, c *call, receipt *queue.Receipt, waited time.Duration) {
	a := reply.AcceptedAs(*receipt, c.target.Queue)
	a.NotBefore = c.controls.due(receipt.AcceptedAt)
	a.Applied = c.prefer.applied(c.mode, waited)
	h.replies.Accepted(w, r, &a)
}

// acceptedAs is accepted for a message whose record is known: the 202 shows its state.
func (h *Handler) acceptedAs(w http.ResponseWriter, r *http.Request, c *call, receipt *queue.Receipt, rec *queue.Record, waited time.Duration) {
	a := reply.AcceptedRecord(rec)
	a.Durability, a.Applied = receipt.Durability, c.prefer.applied(c.mode, waited)
	h.replies.Accepted(w, r, &a)
}

// repeated answers a repeat under an idempotency key with the 202 of the message that holds it, as it stands now.
func (h *Handler) repeated(w http.ResponseWriter, r *http.Request, c *call, receipt *queue.Receipt) {
	rec, err := h.broker.Get(r.Context(), receipt.ID)
	if err != nil {
		// It is stored, or was: the first answer again is still right.
		h.accepted(w, r, c, receipt, 0)
		return
	}
	h.acceptedAs(w, r, c, receipt, rec, 0)
}

// Drain prepares for the end of the process (R14): every answer closes its connection, so that clients go elsewhere.
// Submits are still accepted and calls still pass, for the load balancers that have not noticed. On a store of this process
// alone nobody will work new messages off, so that their clients get 202 instead of being held.
func (h *Handler) Drain() { h.draining.Store(true) }

// EndHolds answers every held client 202, now and from now on. The caller does it before it shuts the listener down, once
// the running calls have ended.
func (h *Handler) EndHolds() { h.held.end() }

// EndPasses ends every call that passes through, now and from now on: its client is told that the process is stopping. The
// caller does it when the grace period is over.
func (h *Handler) EndPasses() { h.endPasses() }

// Held returns how many clients are held now.
func (h *Handler) Held() int { return int(h.held.count.Load()) }
