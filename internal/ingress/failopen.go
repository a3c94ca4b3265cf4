package ingress

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/openhqm/openhqm/queue"
)

// down reports whether an error says that the store provably did nothing because it cannot: it is not reached, or has no room
// on its disk. A queue that is full is not down: it holds its clients back. Where it is not known what the store did, the
// request may be there already.
func down(err error) bool {
	if full, ok := errors.AsType[*queue.FullError](err); ok {
		return full.Bound == "disk"
	}
	return errors.Is(err, queue.ErrUnavailable) && !errors.Is(err, queue.ErrOutcomeUnknown)
}

// needsNoStore reports whether a call that passes through may go on without the store.
func (c *call) needsNoStore() bool {
	return c.target.FailOpen || c.straight == StraightByBypass || c.straight == StraightByFailure
}

// mayFailOpen reports whether a request that would be stored may go straight through while the store is down. Not one that is
// promised what only the queue keeps: a key, because the store alone knows whether it was taken before; a place in order or a
// share; a time; an announcement.
func (c *call) mayFailOpen() bool {
	return c.target.FailOpen && c.target.Pass != nil && (c.key == "" || c.target.HonorsKey) && c.lane.IsZero() &&
		c.controls == (Controls{}) && c.callback == "" && (c.action == nil || c.action.Window == 0)
}

// opens reports whether a request goes straight through because the store has no room, before its body is touched.
func (h *Handler) opens(c *call) bool {
	return c.mayFailOpen() && h.broker.Room() != nil && !h.intakePaused(c)
}

// intakePaused reports whether an operator had paused the intake when the store was last measured: that refuses requests on
// purpose, and goes on while the store is down.
func (h *Handler) intakePaused(c *call) bool {
	gate, now := h.broker.LastGate(c.target.Queue)
	_, paused := gate.IntakePaused(now)
	return paused
}

// failOpen sends a request straight through because the store is down. It is called once, and nothing of the request was
// stored.
func (h *Handler) failOpen(w http.ResponseWriter, r *http.Request, c *call) {
	c.mode, c.straight = ModeSync, StraightByFailure
	w.Header()["Openhqm-Bypass"] = valueStoreDown
	h.pass(w, r, c)
}

var valueStoreDown = []string{string(StraightByFailure)}

// rewind gives a request its body back after it was taken in, and reports whether it could: a large body lay in the store.
func rewind(r *http.Request, taken *queue.Request) bool {
	inline, ok := taken.Body.Inline()
	if !ok {
		return false
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(inline)), int64(len(inline)), nil
	}
	return true
}
