package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

func (a *Admin) endpoints(w http.ResponseWriter, r *http.Request, _ vars) {
	stats, err := a.o.Broker.Stats(r.Context())
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	list := client.Endpoints{Endpoints: []client.Endpoint{}}
	for _, e := range a.o.Endpoints() {
		list.Endpoints = append(list.Endpoints, a.viewEndpoint(e, stats))
	}
	a.json(w, r, list)
}

// hold closes an endpoint: for some seconds, or until it is released.
func (a *Admin) hold(w http.ResponseWriter, r *http.Request, v vars) {
	hold, err := readHold(r)
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	hold.Reason = queue.HoldOperator
	a.changeEndpoint(w, r, v.name, queue.GateChange{Hold: []queue.HoldChange{hold}})
}

// released are the holds that a release opens unless it names others: an operator's own, and what OpenHQM has set by what
// the endpoint answered. A pause is the queue's; a missing endpoint and a maintenance window are the configuration's.
var released = []queue.HoldReason{queue.HoldOperator, queue.HoldCooldown, queue.HoldBreaker, queue.HoldAuth}

func (a *Admin) release(w http.ResponseWriter, r *http.Request, v vars) {
	var in client.ReleaseRequest
	if err := readBody(r, &in); err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	reasons := released
	if len(in.Reasons) > 0 {
		reasons = nil
	}
	for _, text := range in.Reasons {
		reason := queue.HoldReason(text)
		if !slices.Contains(queue.HoldReasons(), reason) {
			a.o.Replies.Error(w, r, badParameter("reasons", text, fmt.Sprintf("want one of %v", queue.HoldReasons())))
			return
		}
		reasons = append(reasons, reason)
	}
	a.changeEndpoint(w, r, v.name, queue.GateChange{Release: reasons})
}

// changeEndpoint changes the gate of an endpoint's queue and answers the endpoint as it is then.
func (a *Admin) changeEndpoint(w http.ResponseWriter, r *http.Request, name string, c queue.GateChange) {
	endpoints := a.o.Endpoints()
	at := slices.IndexFunc(endpoints, func(e Endpoint) bool { return e.Name == name })
	if at < 0 {
		var names []string
		for _, e := range endpoints {
			names = append(names, e.Name)
		}
		a.o.Replies.Problem(w, r, reply.NewProblem(reply.KindUnknownEndpoint,
			fmt.Sprintf("no endpoint is named %q; known are: %s", name, firstOf(strings.Join(names, ", "), "none"))))
		return
	}
	_, err := a.o.Broker.SetGate(r.Context(), endpoints[at].Queue, c)
	var stats queue.Stats
	if err == nil {
		stats, err = a.o.Broker.Stats(r.Context())
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.json(w, r, a.viewEndpoint(endpoints[at], stats))
}

func (a *Admin) viewEndpoint(e Endpoint, stats queue.Stats) client.Endpoint {
	return client.Endpoint{Name: e.Name, URL: e.URL, Default: e.Default, Selectable: e.Selectable, Queue: a.queueOf(e.Queue, stats)}
}
