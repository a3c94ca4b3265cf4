package ingress

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/openhqm/openhqm/internal/reply"
)

// callbackField names the receiver that is told of a captured request's end.
const callbackField = "Openhqm-Callback"

// readCallback reads the receiver that a request names, and refuses one that it may not name.
func (h *Handler) readCallback(r *http.Request, c *call) *reply.Problem {
	values := r.Header[callbackField]
	switch {
	case len(values) == 0:
		return nil
	case len(values) > 1:
		return reply.NewProblem(reply.KindBadParameter, "OpenHQM-Callback is given more than once")
	case c.mode == ModeSync:
		return reply.NewProblem(reply.KindBadParameter,
			"OpenHQM-Callback: this request passes through and is not queued, so that nothing would be announced; "+
				"send it with Prefer: respond-async, or without the field")
	}
	if err := CheckCallback(h.callback, "OpenHQM-Callback", trimBlanks(values[0])); err != nil {
		return err
	}
	c.callback = trimBlanks(values[0])
	return nil
}

// CheckCallback returns nil if check, which may be nil, lets a request name a receiver, else a problem that begins with
// what named it.
func CheckCallback(check func(receiver string) error, what, receiver string) *reply.Problem {
	if check == nil {
		return reply.NewProblem(reply.KindForbidden, what+": callbacks are not configured here")
	}
	err := check(receiver)
	if err == nil {
		return nil
	}
	kind, detail := reply.KindForbidden, err.Error()
	var problem *reply.Problem
	if errors.As(err, &problem) {
		kind, detail = problem.Kind, problem.Detail
	}
	return reply.NewProblem(kind, fmt.Sprintf("%s: %s", what, detail))
}
