package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS says which pages of other origins may call (the Fetch standard, section 3.3).
type CORS struct {
	Origins     []string      // "*" is any
	Methods     []string      // of those that a call serves; empty: all
	Headers     []string      // fields that a page may send beside corsRequestFields
	MaxAge      time.Duration // how long a browser may remember a preflight
	Credentials bool          // the page may act with what the browser knows of its user; has no effect with the origin *
}

// CrossOrigin applies a CORS; the zero value allows no origin. It is safe for concurrent use.
type CrossOrigin struct {
	any, credentials bool
	origins          map[string][]string // origin -> its field value
	methods          []string
	requestFields    string
	maxAge           string
}

// Fields that a page may send, and those that it may read.
const (
	corsRequestFields = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, Traceparent, Tracestate, X-Correlation-ID, " +
		"OpenHQM-Priority, OpenHQM-Timeout, OpenHQM-Delay, OpenHQM-Not-Before, OpenHQM-Max-Age, OpenHQM-Deadline, OpenHQM-Ordering-Key"
	corsExposed = "Location, Retry-After, Preference-Applied, X-Correlation-ID, OpenHQM-Source, OpenHQM-State, " +
		"OpenHQM-Correlation-Id, OpenHQM-Durability, OpenHQM-Content-Length, OpenHQM-Cache-Control, OpenHQM-Truncated"
)

var (
	valueAny     = []string{"*"}
	valueOrigin  = []string{"Origin"}
	valueTrue    = []string{"true"}
	valueExposed = []string{corsExposed}
)

// NewCrossOrigin returns what applies c.
func NewCrossOrigin(c *CORS) *CrossOrigin {
	x := &CrossOrigin{any: slices.Contains(c.Origins, "*"), origins: make(map[string][]string, len(c.Origins)), methods: c.Methods,
		requestFields: strings.Join(append([]string{corsRequestFields}, c.Headers...), ", "), maxAge: strconv.Itoa(int(c.MaxAge.Seconds()))}
	x.credentials = c.Credentials && !x.any
	for _, origin := range c.Origins {
		x.origins[origin] = []string{origin}
	}
	return x
}

// Allow sets the fields of an own answer to a request from another origin.
func (x *CrossOrigin) Allow(h http.Header, r *http.Request) {
	if !x.any && len(x.origins) > 0 {
		h["Vary"] = valueOrigin
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	allowed := valueAny
	if !x.any {
		if allowed = x.origins[origin]; allowed == nil {
			return
		}
	}
	h["Access-Control-Allow-Origin"] = allowed
	if x.credentials {
		h["Access-Control-Allow-Credentials"] = valueTrue
	}
	h["Access-Control-Expose-Headers"] = valueExposed
}

// allowedMethods returns which of the methods that a shape serves a page may use.
func (x *CrossOrigin) allowedMethods(s *shape) string {
	serves := strings.TrimSuffix(s.allow(), ", "+http.MethodOptions)
	if len(x.methods) == 0 {
		return serves
	}
	return strings.Join(slices.DeleteFunc(strings.Split(serves, ", "), func(m string) bool { return !slices.Contains(x.methods, m) }), ", ")
}

// offers reports whether a shape serves the method that a preflight asks for, or any if it asks for none.
func (s *shape) offers(method string) bool { return method == "" || s.route(method) >= 0 }

// preflight answers OPTIONS.
func (p *Producer) preflight(w http.ResponseWriter, r *http.Request, s *shape) {
	h := w.Header()
	h.Set("Allow", s.allow())
	if h.Get("Access-Control-Allow-Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", p.cors.allowedMethods(s))
		h.Set("Access-Control-Allow-Headers", p.cors.requestFields)
		h.Set("Access-Control-Max-Age", p.cors.maxAge)
	}
	p.o.Replies.Own(h, r, noMessage)
	w.WriteHeader(http.StatusNoContent)
}
