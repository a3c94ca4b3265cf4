package api

import (
	"net/http"
	"slices"
	"strings"
)

// cors is the cross-origin rule of the producers' calls (the Fetch standard, section 3.3). Credentials are never allowed,
// so that no page can act with what a browser knows of its user.
type cors struct {
	any     bool
	origins []string
}

// Fields that a page may send, and those that it may read.
const (
	corsRequestFields = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, Traceparent, Tracestate, X-Correlation-ID, " +
		"OpenHQM-Priority, OpenHQM-Timeout, OpenHQM-Delay, OpenHQM-Not-Before, OpenHQM-Max-Age, OpenHQM-Deadline, OpenHQM-Ordering-Key"
	corsExposed = "Location, Retry-After, Preference-Applied, X-Correlation-ID, OpenHQM-Source, OpenHQM-State, " +
		"OpenHQM-Correlation-Id, OpenHQM-Durability, OpenHQM-Content-Length, OpenHQM-Cache-Control, OpenHQM-Truncated"
	corsMaxAge = "600" // seconds that a browser may remember a preflight
)

func newCORS(origins []string) cors {
	return cors{any: slices.Contains(origins, "*"), origins: origins}
}

// allow sets the fields of every answer to a request from another origin.
func (c *cors) allow(h http.Header, r *http.Request) {
	if !c.any && len(c.origins) > 0 {
		h["Vary"] = []string{"Origin"}
	}
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return
	case c.any:
		h["Access-Control-Allow-Origin"] = []string{"*"}
	case slices.Contains(c.origins, origin):
		h["Access-Control-Allow-Origin"] = []string{origin}
	default:
		return
	}
	h["Access-Control-Expose-Headers"] = []string{corsExposed}
}

// offers reports whether a shape serves the method that a preflight asks for, or any if it asks for none.
func (s *shape) offers(method string) bool { return method == "" || s.route(method) >= 0 }

// preflight answers OPTIONS.
func (p *Producer) preflight(w http.ResponseWriter, r *http.Request, s *shape) {
	h := w.Header()
	h.Set("Allow", s.allow())
	if h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", strings.TrimSuffix(s.allow(), ", "+http.MethodOptions))
		h.Set("Access-Control-Allow-Headers", corsRequestFields)
		h.Set("Access-Control-Max-Age", corsMaxAge)
	}
	p.o.Replies.Own(h, r, noMessage)
	w.WriteHeader(http.StatusNoContent)
}
