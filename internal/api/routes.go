package api

import (
	"net/http"

	"github.com/openhqm/openhqm/queue"
)

// producerRoutes are the calls of producers: every shape below the prefix that the ingress listener claims.
func producerRoutes(p *Producer) []route {
	return []route{
		{http.MethodPost, "/submit", "submit", p.submit},
		{http.MethodGet, "/status/{id}", "status", p.status},
		{http.MethodGet, "/response/{id}", "response", p.response},
		{http.MethodGet, "/response/{id}/raw", "response_raw", p.raw},
		{http.MethodGet, "/events/{id}", "events", p.events},
		{http.MethodDelete, "/requests/{id}", "cancel", p.cancel},
		{http.MethodGet, "/openapi.json", "openapi", p.openapi},
	}
}

// adminRoutes are the calls of operators, below the prefix on the admin listener.
func adminRoutes(a *Admin) []route {
	return []route{
		{http.MethodGet, "/queues", "queues", a.queues},
		{http.MethodGet, "/queues/{name}", "queue", a.queue},
		{http.MethodGet, "/queues/{name}/explain", "queue_explain", a.explainQueue},
		{http.MethodPost, "/queues/{name}/pause", "queue_pause", a.pause},
		{http.MethodPost, "/queues/{name}/resume", "queue_resume", a.resume},
		{http.MethodPost, "/queues/{name}/intake/pause", "intake_pause", a.pauseIntake},
		{http.MethodPost, "/queues/{name}/intake/resume", "intake_resume", a.resumeIntake},
		{http.MethodPost, "/queues/{name}/purge", "queue_purge", a.purge},
		{http.MethodGet, "/messages", "messages", a.messages},
		{http.MethodGet, "/messages/{id}", "message", a.message},
		{http.MethodGet, "/messages/{id}/explain", "message_explain", a.explainMessage},
		{http.MethodGet, "/dead", "dead", a.dead},
		{http.MethodDelete, "/dead", "dead_remove", a.removeDead},
		{http.MethodGet, "/dead/export", "dead_export", a.export},
		{http.MethodPost, "/dead/redrive", "dead_redrive_all", a.redriveAll},
		{http.MethodPost, "/dead/{id}/redrive", "dead_redrive", a.redrive},
		{http.MethodGet, "/audit", "audit", a.audit},
		{http.MethodPost, "/backup", "backup", a.backup},
		{http.MethodGet, "/endpoints", "endpoints", a.endpoints},
		{http.MethodPost, "/endpoints/{name}/hold", "endpoint_hold", a.hold},
		{http.MethodPost, "/endpoints/{name}/release", "endpoint_release", a.release},
		{http.MethodGet, "/routes", "routes", a.routes},
		{http.MethodPatch, "/routes/{name}", "route_change", a.turn},
		{http.MethodPost, "/routes/{name}/reset", "route_reset", a.resetRoute},
		{http.MethodGet, "/openapi.json", "openapi", a.openapi},
	}
}

// route is one call. Its name is the label in metrics.
type route struct {
	method string
	shape  string // below the prefix; {id} and {name} stand for one segment
	name   string
	serve  func(w http.ResponseWriter, r *http.Request, v vars)
}

// vars are what a path's variable segment says; a shape has at most one.
type vars struct {
	id   queue.ID
	name string
}
