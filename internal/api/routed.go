package api

import (
	"context"
	"io"
	"net/http"

	"github.com/openhqm/openhqm/internal/ingress"
	routing "github.com/openhqm/openhqm/internal/route"
	"github.com/openhqm/openhqm/queue"
)

// Router may be implemented by Targets that have routes.
type Router interface {
	// Route returns where a submit's request goes that names no endpoint, by the route that takes it, and what follows from that
	// route; false if none takes it. body and metadata return JSON, or nil. client is the submit itself.
	Route(request *queue.Request, body, metadata func() any, client *http.Request) (Target, *ingress.Action, bool)
	// HasRoutes reports whether there are any.
	HasRoutes() bool
}

// maxSeen is how much of a payload, and of metadata, a route's program sees, in bytes: as of a captured body.
const maxSeen = 256 << 10

// route returns the target of a submit that names none and the route that chose it; without one, the default target. The
// route's terms and what it asks of the queue are in the target, in m and in the request's target.
func (p *Producer) route(client *http.Request, request *queue.Request, e *envelope, m *metadata) (Target, *ingress.Action, error) {
	if router, ok := p.o.Targets.(Router); ok && m.endpoint == "" {
		body := func() any { return jsonOf(client.Context(), request.Body, maxSeen) }
		target, action, taken := router.Route(request, body, func() any { return routing.DecodeJSON(e.metadata) }, client)
		if taken {
			action.Ask(&m.Controls)
			if action.Rewrite != nil {
				request.Target = action.Rewrite.Target(request.Target)
			}
			return target, action, nil
		}
	}
	ruled, err := p.rule(client.Context(), request, e, m)
	if err != nil {
		return Target{}, nil, err
	}
	if ruled != nil {
		return ruled.Target, &ingress.Action{Route: ruled.Name}, nil
	}
	target, err := p.target(m.endpoint)
	return target, nil, err
}

func jsonOf(ctx context.Context, b queue.Body, limit int64) any {
	if b.Size() > limit {
		return nil
	}
	r, err := b.Open(ctx)
	if err != nil {
		return nil
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	return routing.DecodeJSON(text)
}
