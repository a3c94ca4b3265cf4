package ingress

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// call is what the head of a request decided.
type call struct {
	target   Target
	method   string // by which it is sent
	origin   string // request target in origin form, or *
	prefer   preferences
	mode     Mode
	callback string // the receiver to tell of the end, or ""
	controls Controls
	key      string // the idempotency key, or ""
	caller   string
	lane     queue.Lane
	action   *Action // of the route that took it; nil: none did
	straight Straight
}

// readHead decides all that the head alone decides, without touching the body. A problem refuses the request.
func (h *Handler) readHead(w http.ResponseWriter, r *http.Request, c *call) *reply.Problem {
	if r.Method == http.MethodConnect {
		return reply.NewProblem(reply.KindUnsupportedMethod, "CONNECT asks for a tunnel; only configured endpoints can be reached")
	}
	if problem := ofHTTP2(r); problem != nil {
		return problem
	}
	var ok bool
	if c.origin, ok = originForm(r.Method, r.RequestURI); !ok {
		return reply.NewProblem(reply.KindBadRequest, "the request target is neither a path, an absolute URL of http or https nor the * of OPTIONS")
	}
	if !httpguts.ValidHostHeader(r.Host) { // Go's server checks the field, and not the host of an absolute target
		return reply.NewProblem(reply.KindBadRequest, "the request names a host that is none")
	}
	if len(c.origin) > h.config.MaxTargetBytes {
		return reply.NewProblem(reply.KindTargetTooLong,
			fmt.Sprintf("the request target has %d bytes, the limit is %d", len(c.origin), h.config.MaxTargetBytes))
	}
	if size := headSize(r.Header); size > h.config.MaxHeaderBytes {
		return reply.NewProblem(reply.KindHeadersTooLarge,
			fmt.Sprintf("the header fields have %d bytes, the limit is %d (server.max_header_bytes)", size, h.config.MaxHeaderBytes))
	}
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 && carriesBody(r.Method) && len(r.Header["Content-Length"]) == 0 {
		// Go drops the Transfer-Encoding of HTTP/1.0 and takes such a body for an empty one.
		return reply.NewProblem(reply.KindLengthRequired, "a request with a body in version 1.0 of the protocol needs a Content-Length")
	}
	if via := r.Header["Via"]; len(via) > 0 && h.circular != nil {
		if why := h.circular(via); why != "" { // before it is stored: an accepted circle would never end
			return reply.NewProblem(reply.KindLoop, why)
		}
	}
	if problem := h.choose(w, r, c); problem != nil {
		return problem
	}
	c.method = c.target.Override(r)
	r = as(r, c.method)
	telemetry.SetRoute(w, c.target.Name) // a name of the configuration, never one that only the client knows
	if isGRPC(r) && c.target.Endpoint {
		return reply.NewProblem(reply.KindUnsupportedProto,
			"gRPC to an endpoint is not supported: calls are taken as those of HTTP/1.1, without the streams of HTTP/2 that gRPC needs; use gRPC-Web, or send such calls to the app itself")
	}
	if lines := r.Header["Prefer"]; len(lines) > 0 {
		c.prefer = readPreferences(lines)
	}
	c.mode = decide(r, &c.target, &c.prefer)
	if c.target.Pass != nil {
		if c.straight = c.action.straight(r, c.mode); c.straight != NotStraight {
			c.mode = ModeSync
		}
	}
	if c.mode != ModeSync && c.target.Pass != nil && unstorable(r) {
		return reply.NewProblem(reply.KindUnsupportedProto,
			"an upgrade or gRPC-Web needs a live connection to its end, and requests here are stored (the mode is "+c.target.Mode.String()+
				"); set the mode, proxy.mode or that of its route, to default or sync")
	}
	if problem := h.readCallback(r, c); problem != nil {
		return problem
	}
	if problem := h.readControls(r, c); problem != nil {
		return problem
	}
	if c.mode == ModeSync {
		return c.passes(r)
	}
	if c.action != nil {
		c.action.Ask(&c.controls)
	}
	if problem := c.agree(r); problem != nil {
		return problem
	}
	return h.refuseBody(r, c)
}

// ofHTTP2 refuses what Go's server takes over HTTP/2 and refuses over HTTP/1, where it could not be written: endpoints are
// spoken to in HTTP/1.1.
func ofHTTP2(r *http.Request) *reply.Problem {
	if r.ProtoMajor < 2 {
		return nil
	}
	if !httpguts.ValidHeaderFieldName(r.Method) { // both are tokens (RFC 9110 9.1)
		return reply.NewProblem(reply.KindBadRequest, "the request's method is no token")
	}
	if strings.ContainsFunc(r.RequestURI, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return reply.NewProblem(reply.KindBadRequest, "the request target has a blank or a control character, which stand there encoded only")
	}
	if lengths := r.Header["Content-Length"]; len(lengths) > 1 {
		for _, length := range lengths[1:] {
			if length != lengths[0] {
				return reply.NewProblem(reply.KindBadFraming, "the request has two lengths that differ")
			}
		}
	}
	return nil
}

// passes holds a request that passes through to the terms of its target that are not about the queue.
func (c *call) passes(r *http.Request) *reply.Problem {
	if !c.target.RequireKey || queue.Safe(r.Method) {
		return nil
	}
	_, problem := c.target.Key(r.Method, r.Header)
	return problem
}

// agree reads what the target's terms say of a request that is to be stored.
func (c *call) agree(r *http.Request) (problem *reply.Problem) {
	if !queue.Safe(r.Method) { // a repeat of a safe request wants a fresh answer, not an old one
		if c.key, problem = c.target.Key(r.Method, r.Header); problem != nil {
			return problem
		}
	}
	if c.caller, problem = c.target.Caller(r.Header); problem != nil {
		return problem
	}
	c.lane, problem = c.target.Lane(c.controls.OrderingKey, r.Header)
	return problem
}

// choose finds the target: the one that OpenHQM-Endpoint names, else that of the route that takes the request, else the
// default.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request, c *call) *reply.Problem {
	names := r.Header["Openhqm-Endpoint"]
	if len(names) == 0 {
		if h.byRoute(w, r, c) {
			return nil
		}
		var ok bool
		if c.target, ok = h.targets.Default(); ok {
			return nil
		}
		return h.unknownEndpoint("no route takes the request, and no endpoint is the default")
	}
	name := strings.TrimSpace(names[0])
	target, ok := h.targets.Named(name)
	if len(names) > 1 || !ok || !target.Selectable {
		return h.unknownEndpoint(fmt.Sprintf("OpenHQM-Endpoint names %q, which cannot be selected", strings.Join(names, ", ")))
	}
	c.target = target
	return nil
}

// unknownEndpoint names what there is and the ways to choose.
func (h *Handler) unknownEndpoint(why string) *reply.Problem {
	names := h.targets.Names()
	known := "there is none to select"
	if len(names) > 0 {
		known = "there are " + strings.Join(names, ", ")
	}
	problem := reply.NewProblem(reply.KindUnknownEndpoint, why+"; "+known+
		"; choose one with the OpenHQM-Endpoint header, or metadata.endpoint of a submit, or set proxy.default_endpoint, or add a route (routes)")
	problem.Members = map[string]any{"endpoints": names}
	return problem
}

// refuseBody refuses by what the head says about a body that would be stored.
func (h *Handler) refuseBody(r *http.Request, c *call) *reply.Problem {
	if limit := h.maxBody(&c.target); r.ContentLength > limit {
		return TooLarge(limit)
	}
	if problem := h.full.refuse(r, c.target.Queue); problem != nil && !h.opens(c) {
		return problem
	}
	return nil
}

func carriesBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// TooLarge is the problem of a body over a limit.
func TooLarge(limit int64) *reply.Problem {
	return reply.NewProblem(reply.KindBodyTooLarge, fmt.Sprintf("the body exceeds the limit of %d bytes (proxy.max_request_size, or max_request_size of the endpoint); nothing was stored", limit))
}

func (h *Handler) maxBody(t *Target) int64 {
	if t.MaxBody > 0 {
		return t.MaxBody
	}
	return h.config.MaxBody
}

// originForm returns the target as an origin server sees it (RFC 9112 3.2): a path with its query byte for byte, what
// follows the authority of an absolute URL, or the * of OPTIONS. A URL of another scheme, or without a host, is none of these.
func originForm(method, target string) (string, bool) {
	switch {
	case target == "*":
		return target, method == http.MethodOptions
	case target != "" && target[0] == '/':
		return target, true
	}
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", false
	}
	start := strings.IndexAny(rest, "/?")
	if start == 0 || rest == "" {
		return "", false // without a host (RFC 9110 4.2.1)
	}
	switch {
	case start < 0 && method == http.MethodOptions:
		return "*", true // RFC 9112 3.2.4
	case start < 0:
		return "/", true
	case rest[start] == '?':
		return "/" + rest[start:], true
	}
	return rest[start:], true
}

// headSize is what the fields take on the wire: names, values, and four bytes each of separators.
func headSize(h http.Header) int {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value) + 4
		}
	}
	return size
}

// trusts reports whether the peer is a configured proxy.
func (h *Handler) trusts(remote string) bool {
	if len(h.config.TrustedProxies) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, network := range h.config.TrustedProxies {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
