package ingress

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/route"
	"github.com/openhqm/openhqm/queue"
)

// Decision is what would become of a request, as far as its head and its route say.
type Decision struct {
	Target   Target
	Route    string          // "" where no route takes it
	Verdicts []route.Verdict // of the routes up to the one that takes it; nil where none was asked
	Mode     Mode
	Straight Straight      // why Mode is sync though the route's would store it
	Percent  int           // of the keys whose requests the route queues; 100 without one
	Asks     bool          // it asks for what only the queue has, and is queued whatever its key is
	Wait     time.Duration // how long auto would hold, and sync stand in line
	Origin   string        // the target, rewritten
	Controls Controls      // what it asks of the queue, and its route
	Key      bool          // whether it bears an idempotency key that counts
	Dedupe   time.Duration // for how long one that equals it is the same; 0: it is none
	Caller   string
	Lane     queue.Lane
	Fields   http.Header // what would be taken in of its header fields
}

// Preview decides a request as a Handler with these targets would, and does nothing. The problem is what it would be answered.
// The peer counts as one that is not trusted.
func Preview(config Config, targets Targets, r *http.Request) (Decision, *reply.Problem) {
	h := New(config, Options{Targets: targets, Callback: func(string) error { return nil }, Log: slog.New(slog.DiscardHandler)})
	defer h.EndPasses()
	defer h.EndHolds()
	var d Decision
	var c call
	problem := h.readHead(Discarding{}, r, &c)
	if router, ok := targets.(Router); ok && router.Routes() != nil && len(r.Header["Openhqm-Endpoint"]) == 0 {
		origin, _ := originForm(r.Method, r.RequestURI)
		in := routeInput(Discarding{}, r, origin, router.Routes())
		d.Verdicts = router.Routes().Explain(&in)
	}
	d.Target, d.Mode, d.Origin, d.Controls, d.Key, d.Caller, d.Lane = c.target, c.mode, c.origin, c.controls, c.key != "", c.caller, c.lane
	d.Percent, d.Asks = 100, asksTheQueue(r.Header)
	if c.action != nil {
		d.Route, d.Straight = c.action.Route, c.straight
		if c.action.Switch != nil {
			d.Percent = c.action.Switch.Position().QueuePercent
		}
		if c.mode != ModeSync && c.action.Dedupes(c.key, r.Method) {
			d.Dedupe = c.action.Window
		}
	}
	if problem != nil {
		return d, problem
	}
	d.Wait = c.prefer.waitWithin(&c.target)
	d.Fields = captureFields(r.Header, false)
	if c.prefer.async || c.prefer.hasWait {
		delete(d.Fields, "Prefer")
		if left := c.prefer.withoutConsumed(r.Header["Prefer"]); left != nil {
			d.Fields["Prefer"] = left
		}
	}
	return d, nil
}

// routeInput is a request as routes see it.
func routeInput(w http.ResponseWriter, r *http.Request, origin string, routes *Routes) route.Input {
	path, query, _ := strings.Cut(origin, "?")
	in := route.Input{Method: r.Method, Host: r.Host, Path: path, RawQuery: query, Header: r.Header}
	if routes.table.ReadsBody() && isJSON(r.Header) && r.Body != nil && r.Body != http.NoBody {
		in.Body = func() any { return peekJSON(w, r) }
	}
	return in
}

// Discarding is a writer whose answer nobody gets.
type Discarding struct{}

// Header implements http.ResponseWriter.
func (Discarding) Header() http.Header { return http.Header{} }

// Write implements http.ResponseWriter.
func (Discarding) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements http.ResponseWriter.
func (Discarding) WriteHeader(int) {}
