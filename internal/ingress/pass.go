package ingress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// reservationTTL is how long a pass-through call keeps its slot without being extended; it is extended at a third.
const reservationTTL = 30 * time.Second

// lines bounds, for each queue, how many calls wait for a slot.
type lines struct {
	limit  int
	queues sync.Map // queue name -> *atomic.Int64
}

func (l *lines) of(name string) *atomic.Int64 {
	if line, ok := l.queues.Load(name); ok {
		return line.(*atomic.Int64)
	}
	line, _ := l.queues.LoadOrStore(name, new(atomic.Int64))
	return line.(*atomic.Int64)
}

// pass sends a request straight through to its endpoint, under a slot and a token of the endpoint's gate.
func (h *Handler) pass(w http.ResponseWriter, r *http.Request, c *call) {
	if err := awaitEnd(w, r); err != nil {
		h.replies.Problem(w, r, uploadProblem(err))
		return
	}
	began := time.Now()
	passed := &passWriter{ResponseWriter: w, connection: w.Header()["Connection"],
		stall: stall{control: http.NewResponseController(w), eager: r.ProtoMajor >= 2}}
	defer func() { c.measure(began, passed.status) }()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(h.passesEnd, func() { cancel(queue.ErrDraining) })()
	free, err := h.slot(ctx, cancel, c)
	if err != nil {
		if r.Context().Err() == nil {
			h.fail(passed, r, c, err)
		}
		return
	}
	defer free()
	defer passed.stall.end()
	out := h.outgoing(r.WithContext(ctx), c.origin)
	out.Method = c.method
	if out.Body != nil && out.Body != http.NoBody {
		out.Body = &passedBody{ReadCloser: out.Body, stall: &passed.stall}
	}
	c.target.Pass.ServeHTTP(passed, out)
}

// awaitEnd waits for the end of a body of announced length zero, which over HTTP/2 does not come with the head: what comes
// in its place makes the request malformed, and that must not be passed on (RFC 9113 8.1.1).
func awaitEnd(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength != 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	body := &upload{body: r.Body, control: http.NewResponseController(w)}
	n, err := body.Read(make([]byte, 1))
	if n > 0 {
		return errors.New("a body behind an announced length of zero")
	}
	if err != io.EOF {
		return err
	}
	body.release()
	return nil
}

// slot takes a slot and a token for a call, and keeps them until free is called.
func (h *Handler) slot(ctx context.Context, cancel context.CancelCauseFunc, c *call) (free func(), err error) {
	ref, err := h.reserve(ctx, c)
	if err != nil {
		// A reservation that may stand without our knowing of it ends by itself, and until then takes a slot too many.
		if c.needsNoStore() && (down(err) || errors.Is(err, queue.ErrOutcomeUnknown)) {
			return h.spare(ctx, c)
		}
		return nil, err
	}
	stop := h.keep(ctx, cancel, ref)
	return func() {
		stop()
		// The slot is free again even when the client has gone or the call ended in a panic.
		if err := h.broker.Return(context.WithoutCancel(ctx), ref); err != nil {
			h.log.WarnContext(ctx, "slot of a call stays taken until it ends by itself", "queue", c.target.Queue, "error", err)
		}
	}, nil
}

// reserve waits in line, at most for the wait that applies, for a slot and a token. Where none can come in that time it does
// not wait.
func (h *Handler) reserve(ctx context.Context, c *call) (queue.LeaseRef, error) {
	line := h.lines.of(c.target.Queue)
	defer line.Add(-1)
	if line.Add(1) > int64(h.lines.limit) {
		return queue.LeaseRef{}, &queue.GateError{Queue: c.target.Queue, Reason: queue.LimitReached, After: h.broker.Drain(c.target.Queue).Wait}
	}
	wait := c.prefer.waitWithin(&c.target)
	ref, err := h.broker.Reserve(ended, c.target.Queue, reservationTTL) // what is free at once
	if err != nil && ctx.Err() == nil && worthWaiting(err, wait) {
		line, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		ref, err = h.broker.Reserve(line, c.target.Queue, reservationTTL)
	}
	if err != nil {
		return queue.LeaseRef{}, fmt.Errorf("reserve a slot of %q: %w", c.target.Queue, err)
	}
	return ref, nil
}

// ended is the context of a caller that does not wait.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// worthWaiting reports whether a slot that was not free may become so within the wait: not at an endpoint that stays closed for
// longer, or until somebody opens it.
func worthWaiting(err error, wait time.Duration) bool {
	var gate *queue.GateError
	if !errors.As(err, &gate) {
		return false
	}
	if gate.After == 0 {
		return wait > 0 && gate.Reason == queue.LimitReached
	}
	return gate.After <= wait
}

// keep extends a reservation until the returned function is called. Short calls start no goroutine for it. When the
// reservation is gone for certain the call is ended: the endpoint's limit would not hold otherwise (promise 5).
func (h *Handler) keep(ctx context.Context, cancel context.CancelCauseFunc, ref queue.LeaseRef) (stop func()) {
	const every = reservationTTL / 3
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	extend := func() {
		done, err := h.broker.Extend(ctx, []queue.LeaseRef{ref}, reservationTTL)
		if err == nil && len(done) == 1 && errors.Is(done[0].Err, queue.ErrLeaseLost) {
			cancel(queue.ErrLeaseLost)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			timer.Reset(every)
		}
	}
	mu.Lock()
	timer = time.AfterFunc(every, extend)
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// outgoing takes from a request what must not pass: OpenHQM-* of the client, and forwarding fields of peers who are not
// trusted; its RequestURI becomes the origin form. The fields of the connection are the target's to treat, which may have
// to upgrade it.
func (h *Handler) outgoing(r *http.Request, origin string) *http.Request {
	trusted := h.trusts(r.RemoteAddr)
	kept := make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if !reply.OursOnly(name) && (trusted || !forwarding(name)) {
			kept[name] = values
		}
	}
	r.Header, r.RequestURI = kept, origin // r is a copy of the server's request
	return r
}
