package api

import (
	"log/slog"
	"net/http"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// AdminConfig is what users set of the operators' calls.
type AdminConfig struct {
	Prefix string // path of the API on this listener, such as /api/v1
}

// AdminOptions are what the caller injects.
type AdminOptions struct {
	Broker  *queue.Broker
	Replies *reply.Replies
	Log     *slog.Logger
	// Token returns the bearer token that operators need; "": the calls answer loopback only.
	Token func() string
	// Endpoints returns the configured endpoints, sorted by name; the answer may change at any time (reload).
	Endpoints func() []Endpoint
	// Queues returns the names of the queues that handlers or endpoints feed on, whether or not they had messages.
	Queues func() []string
	// Routes returns the configured routes in their order.
	Routes func() []Route
	// Turn turns the switch of a configured route, or with nil resets it. It has taken effect even when it returns an error, which
	// says why a restart will undo it.
	Turn func(name string, p *ingress.Position) error
	// Next serves every request that is not ours: probes, metrics. nil: 404.
	Next http.Handler
	// Instrument wraps the handler of each route, under the route's name. nil: nothing does.
	Instrument func(route string, h http.Handler) http.Handler
}

// Endpoint is what operators see of one configured endpoint.
type Endpoint struct {
	Name         string
	URL          string // without credentials
	Queue        string
	Default      bool
	Selectable   bool
	SecretFields []string // header fields of its requests that carry secrets, beside the well-known ones
}

// Admin serves the calls of operators on the admin listener.
type Admin struct {
	o      AdminOptions
	table  *table
	access *access
	doc    []byte
}

// NewAdmin returns the operators' calls. They claim everything below the shapes of routes.go; o.Next serves the rest.
func NewAdmin(c AdminConfig, o AdminOptions) *Admin {
	if o.Endpoints == nil {
		o.Endpoints = func() []Endpoint { return nil }
	}
	if o.Queues == nil {
		o.Queues = func() []string { return nil }
	}
	if o.Routes == nil {
		o.Routes = func() []Route { return nil }
	}
	a := &Admin{o: o, access: newAccess(o.Token), doc: document(c.Prefix)}
	a.table = newTable(c.Prefix, adminRoutes(a), o.Instrument)
	return a
}

// ServeHTTP serves what is ours and passes on the rest.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := a.table.find(r)
	if c.shape == nil {
		if a.o.Next != nil {
			a.o.Next.ServeHTTP(w, r)
			return
		}
		a.o.Replies.Problem(w, r, reply.NewProblem(reply.KindNotFound, "no such call; "+a.table.prefix+"/openapi.json lists them"))
		return
	}
	if a.refused(w, r) {
		return
	}
	switch {
	case c.err != nil:
		a.o.Replies.Error(w, r, c.err)
	case c.handler >= 0:
		c.serve(w, r)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", c.shape.allow())
		a.o.Replies.Own(w.Header(), r, noMessage)
		w.WriteHeader(http.StatusNoContent)
	default:
		methodNotAllowed(a.o.Replies, w, r, c.shape)
	}
}

// refused answers whoever may not call as an operator, and reports whether it did.
func (a *Admin) refused(w http.ResponseWriter, r *http.Request) bool {
	problem := a.access.refuse(r)
	if problem == nil {
		return false
	}
	if problem.Kind == reply.KindUnauthorized {
		w.Header().Set("Www-Authenticate", `Bearer realm="OpenHQM operators"`)
	}
	a.o.Replies.Problem(w, r, problem)
	return true
}

func (a *Admin) json(w http.ResponseWriter, r *http.Request, value any) {
	a.o.Replies.JSON(w, r, http.StatusOK, noMessage, value)
}

// endpointOf returns the endpoint that a queue feeds, if the configuration has it.
func (a *Admin) endpointOf(queueName string) string {
	for _, e := range a.o.Endpoints() {
		if e.Queue == queueName {
			return e.Name
		}
	}
	return ""
}

// messageOf returns the full record as operators see it.
func (a *Admin) messageOf(rec *queue.Record) client.Message {
	var secret []string
	for _, e := range a.o.Endpoints() {
		if e.Name == rec.Endpoint {
			secret = e.SecretFields
		}
	}
	return viewMessage(rec, secret)
}
