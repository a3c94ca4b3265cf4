package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/telemetry"
)

// Route is what operators see of one configured route.
type Route struct {
	Name       string
	Mode       string
	Endpoints  []string
	Live       ingress.Position // how its switch stands
	Configured ingress.Position
	TurnedAt   time.Time // when an operator turned it away from what is configured; zero: nobody did
	Counts     map[telemetry.RoutePath]telemetry.RouteCount
}

func (a *Admin) routes(w http.ResponseWriter, r *http.Request, _ vars) {
	list := client.Routes{Routes: []client.Route{}}
	for _, route := range a.o.Routes() {
		list.Routes = append(list.Routes, viewRoute(&route))
	}
	a.json(w, r, list)
}

// turn turns the switch of a route: what the request does not name stays.
func (a *Admin) turn(w http.ResponseWriter, r *http.Request, v vars) {
	var in client.RouteChange
	err := readBody(r, &in)
	var route *Route
	if err == nil {
		route, err = a.route(v.name)
	}
	if err == nil && in.QueuePercent != nil && (*in.QueuePercent < 0 || *in.QueuePercent > 100) {
		err = badParameter("queue_percent", fmt.Sprint(*in.QueuePercent), "want 0 to 100")
	}
	if err == nil && in.QueuePercent == nil && in.Bypass == nil {
		err = reply.NewProblem(reply.KindBadParameter, "nothing is to be changed; give queue_percent, bypass or both")
	}
	if err == nil && in.QueuePercent != nil && route.Mode == ingress.ModeSync.String() {
		err = reply.NewProblem(reply.KindBadParameter, "the mode of route "+v.name+" is sync, which queues nothing; change its mode in the configuration")
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	p := route.Live
	if in.QueuePercent != nil {
		p.QueuePercent = *in.QueuePercent
	}
	if in.Bypass != nil {
		p.Bypass = *in.Bypass
	}
	a.turned(w, r, v.name, a.o.Turn(v.name, &p))
}

// resetRoute brings the switch of a route back to what is configured.
func (a *Admin) resetRoute(w http.ResponseWriter, r *http.Request, v vars) {
	if _, err := a.route(v.name); err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.turned(w, r, v.name, a.o.Turn(v.name, nil))
}

// turned answers the route as it is after its switch was turned.
func (a *Admin) turned(w http.ResponseWriter, r *http.Request, name string, unsaved error) {
	route, err := a.route(name)
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	view := viewRoute(route)
	if unsaved != nil {
		view.Warning = "it holds until this process ends: " + unsaved.Error()
	}
	a.json(w, r, view)
}

func (a *Admin) route(name string) (*Route, error) {
	routes := a.o.Routes()
	if i := slices.IndexFunc(routes, func(r Route) bool { return r.Name == name }); i >= 0 {
		return &routes[i], nil
	}
	var names []string
	for _, r := range routes {
		names = append(names, r.Name)
	}
	return nil, reply.NewProblem(reply.KindNotFound,
		fmt.Sprintf("no route is named %q; configured are: %s", name, firstOf(strings.Join(names, ", "), "none")))
}

func viewRoute(r *Route) client.Route {
	count := func(path telemetry.RoutePath) client.RouteCount {
		return client.RouteCount{Requests: r.Counts[path].Requests, Errors: r.Counts[path].Errors}
	}
	return client.Route{Name: r.Name, Mode: r.Mode, Endpoints: r.Endpoints, RoutePosition: client.RoutePosition(r.Live),
		Configured: client.RoutePosition(r.Configured), ChangedAt: instant(r.TurnedAt),
		Direct: count(telemetry.PathDirect), Queued: count(telemetry.PathQueued), Open: count(telemetry.PathOpen)}
}
