package ingress

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// held bounds how many clients are kept waiting, and what they pin in memory.
type held struct {
	count, bytes       atomic.Int64
	maxCount, maxBytes int64
	ended              context.Context
	end                context.CancelFunc
}

func (l *held) open(c Config) {
	l.maxCount, l.maxBytes = int64(c.MaxHeld), c.MaxHeldBytes
	l.ended, l.end = context.WithCancel(context.Background())
}

// take reserves a place, or reports that there is none.
func (l *held) take(bytes int64) bool {
	count, pinned := l.count.Add(1), l.bytes.Add(bytes)
	if count > l.maxCount || pinned > l.maxBytes {
		l.give(bytes)
		return false
	}
	return true
}

func (l *held) give(bytes int64) {
	l.count.Add(-1)
	l.bytes.Add(-bytes)
}

// stopping reports whether nobody is held any more.
func (l *held) stopping() bool { return l.ended.Err() != nil }

// Causes for which holding ends without an answer.
var (
	errWaitOver = errors.New("the wait is over")
	errStopping = errors.New("the server is stopping")
)

// hold keeps the client until its message is settled, at most for the wait that applies, and then answers 202. The held
// client reads only the settled record: a failure that is tried again goes on holding.
func (h *Handler) hold(w http.ResponseWriter, r *http.Request, c *call, receipt *queue.Receipt, pinned int64) {
	wait := c.prefer.waitWithin(&c.target)
	if !h.worthHolding(c, wait) || !h.held.take(pinned) {
		switch {
		case r.Context().Err() != nil && !h.held.stopping():
			h.left(r, c, receipt)
		case receipt.Duplicate:
			h.repeated(w, r, c, receipt)
		default:
			h.accepted(w, r, c, receipt, wait)
		}
		return
	}
	defer h.held.give(pinned)
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	timer := time.AfterFunc(wait, func() { cancel(errWaitOver) })
	defer timer.Stop()
	stop := context.AfterFunc(h.held.ended, func() { cancel(errStopping) })
	defer stop()

	rec, err := h.broker.Wait(ctx, receipt.ID, queue.UntilTerminal)
	switch {
	case rec != nil && rec.State.Terminal():
		h.replies.Raw(w, r, rec, reply.RawOptions{Held: true, Applied: c.prefer.applied(c.mode, wait)})
	case r.Context().Err() != nil && !errors.Is(context.Cause(ctx), errStopping):
		h.left(r, c, receipt)
	case rec != nil:
		h.acceptedAs(w, r, c, receipt, rec, wait)
	default:
		// The message is stored whatever became of the wait.
		if ctx.Err() == nil {
			h.log.WarnContext(r.Context(), "held request got 202: its record cannot be waited for", "id", receipt.ID.String(), "error", err)
		}
		h.accepted(w, r, c, receipt, wait)
	}
}

// worthHolding reports whether the answer can be expected within the wait.
func (h *Handler) worthHolding(c *call, wait time.Duration) bool {
	if wait <= 0 || time.Until(c.controls.due(time.Now())) > wait || h.held.stopping() || h.draining.Load() && !h.broker.Capabilities().Shared {
		return false
	}
	d := h.broker.Drain(c.target.Queue)
	return !d.Endless && d.Wait <= wait
}

// left is called where the client of an auto request has gone before its answer.
func (h *Handler) left(r *http.Request, c *call, receipt *queue.Receipt) {
	// With a key the client's repeat joins the message, so it must live.
	if c.key == "" && !c.target.KeepOnDisconnect {
		h.withdraw(r, receipt.ID)
	}
}

// withdraw cancels the message of a client that has gone, if nobody has begun it: nobody was told that it was accepted,
// and the client will send it again.
func (h *Handler) withdraw(r *http.Request, id queue.ID) {
	ctx := context.WithoutCancel(r.Context())
	_, err := h.broker.Cancel(ctx, id, queue.CancelOptions{NeverLeased: true})
	if err != nil && !errors.Is(err, queue.ErrRunning) && !errors.Is(err, queue.ErrTerminal) {
		h.log.WarnContext(ctx, "message of a client that has gone goes on: it cannot be cancelled", "id", id.String(), "error", err)
	}
}
