package config

import (
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/openhqm/openhqm/internal/telemetry"
)

var (
	// endpointName is what an endpoint may be called: queues, metrics and paths bear its name, and "_" begins our own queues.
	endpointName = regexp.MustCompile(`^[A-Za-z0-9.-][A-Za-z0-9._-]*$`)
	// fieldName is a header field name, a token by RFC 9110 5.6.2; methods are tokens too.
	fieldName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	// statusPattern is a key of an endpoint's `on`: a final status or a class of them.
	statusPattern = regexp.MustCompile(`^[2-5]([0-9][0-9]|xx)$`)
	// failedStatus is one of a breaker's `statuses`.
	failedStatus = regexp.MustCompile(`^[45][0-9][0-9]$`)
)

func (k *checker) proxy() {
	p := &k.c.Proxy
	names := slices.Sorted(maps.Keys(p.Endpoints))
	for _, name := range names {
		k.endpoint(name)
	}
	if d := p.DefaultEndpoint; d != "" {
		if e, ok := p.Endpoints[d]; !ok {
			k.unknownDefault(d, names)
		} else if !e.Selectable {
			k.wrong("proxy.default_endpoint", "%q has selectable: false; name another, or make it selectable", d)
		}
	}
	switch {
	case p.Enabled && len(names) == 0 && k.failed["proxy.default_endpoint"]:
		// Once that is right, there is an endpoint.
	case p.Enabled && len(names) == 0:
		k.wrong("proxy.enabled", "is true, but no endpoint is configured; set proxy.default_endpoint to a URL, or proxy.endpoints")
	case !p.Enabled && len(names) > 0:
		k.note(k.c.sourceOf("proxy.enabled"), "proxy.enabled", "is false: no endpoint is used, the demo handler answers")
	}
	k.patterns("proxy.forward_headers", p.ForwardHeaders)
	k.patterns("proxy.strip_headers", p.StripHeaders)
}

func (k *checker) unknownDefault(name string, names []string) {
	near, shown := nearestWord(names, name), URL(name).String()
	if near == "" && hasPort(name) {
		near = URL("http://" + name).String() // which masks what a URL without a scheme cannot
		shown = strings.TrimPrefix(near, "http://")
	}
	hint := "no endpoint is configured"
	if len(names) > 0 {
		hint = "configured are " + strings.Join(names, ", ")
	}
	switch {
	case near != "":
		hint += "; did you mean " + near + "?"
	case len(names) == 0:
		hint += "; give a URL such as http://localhost:8080"
	}
	k.wrong("proxy.default_endpoint", "%q is neither a configured endpoint nor a URL; %s", shown, hint)
}

// hasPort tells whether text is a URL that only lacks its scheme: host:port, and maybe a path.
func hasPort(text string) bool {
	authority, _, _ := strings.Cut(text, "/")
	host, port, err := net.SplitHostPort(authority)
	return err == nil && validHost(host) && validPort(port)
}

func (k *checker) endpoint(name string) {
	path := "proxy.endpoints." + name
	e := k.c.Proxy.Endpoints[name]
	if !endpointName.MatchString(name) || len(name) > 200 {
		k.wrong(path, "%q is not accepted as a name; use letters, digits, \".\", \"_\" and \"-\", no \"_\" at the beginning, "+
			"at most 200 characters", name)
	}
	if e.URL == "" {
		k.wrong(path+".url", "is missing; give an absolute URL such as http://localhost:8080")
	} else {
		k.httpURL(path+".url", e.URL)
	}
	if e.Method != "" && !fieldName.MatchString(e.Method) {
		k.wrong(path+".method", "%q is not accepted; give a method such as POST", e.Method)
	}
	if strings.EqualFold(e.Method, "CONNECT") {
		k.wrong(path+".method", "CONNECT cannot be queued; give a method such as POST")
	}
	k.endpointHost(path+".host", e.Host)
	for _, field := range slices.Sorted(maps.Keys(e.Headers)) {
		k.field(path+".headers."+field, field, e.Headers[field].Reveal())
	}
	if k.isSet(path + ".forward_headers") {
		k.patterns(path+".forward_headers", e.ForwardHeaders)
	}
	k.patterns(path+".strip_headers", e.StripHeaders)
	for _, spelling := range e.HeaderNames {
		if !fieldName.MatchString(spelling) {
			k.wrong(path+".header_names", "%q is not accepted; give header names", spelling)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(e.On)) {
		if !statusPattern.MatchString(status) {
			k.wrong(path+".on."+status, "%q is not accepted; give a status from 200 to 599 or a class such as 5xx", status)
		}
	}
	if q := k.c.Queue.MaxBytes; q < e.MaxRequestSize && k.isSet(path+".max_request_size") {
		k.wrong(path+".max_request_size", "%v is more than queue.max_bytes, %v; give at most that", e.MaxRequestSize, q)
	}
	if e.MethodOverride != "" && (!fieldName.MatchString(e.MethodOverride) ||
		slices.Contains([]string{"CONNECT", "HEAD", "OPTIONS", "TRACE"}, strings.ToUpper(e.MethodOverride))) {
		k.wrong(path+".method_override", "%q is not accepted; give a method such as POST", e.MethodOverride)
	}
	k.maintenance(path+".maintenance", &e)
	k.protocol(path, &e)
	k.rules(path, &e)
	k.keyField(path+".caller_header", e.CallerHeader)
	k.keySource(path+".ordering", e.Ordering.Header, e.Ordering.Claim)
	k.credentials(path, &e)
	k.oauth2(path+".oauth2", &e)
	k.tls(path+".tls", &e)
	k.breaker(path+".breaker", &e.Breaker)
	if a := &e.Adaptive; a.Min > a.Max {
		k.wrong(path+".adaptive.min", "%d is more than max, which is %d; lower it, or raise max", a.Min, a.Max)
	} else if a.Enabled && e.Concurrency > 0 && a.Min > e.Concurrency {
		k.wrong(path+".adaptive.min", "%d is more than concurrency, which is %d; lower it, or raise concurrency", a.Min, e.Concurrency)
	}
	if e.Burst > 1 && e.Rate.Count == 0 && k.isSet(path+".burst") {
		k.note(k.c.sourceOf(path+".burst"), path+".burst", "has no effect without rate")
	}
}

// keyField judges a field whose value is stored as a key or a caller, and shown wherever the message is.
func (k *checker) keyField(key, name string) {
	if name == "" {
		return
	}
	k.field(key, name, "")
	if telemetry.SecretName(name) {
		k.wrong(key, "%q holds a secret, and its value is shown to operators; give a field that may be seen", name)
	}
}

// keySource judges where requests name a key.
func (k *checker) keySource(path, header, claim string) {
	k.keyField(path+".header", header)
	switch {
	case claim == "":
	case header != "":
		k.wrong(path+".claim", "is set together with header; remove one of both")
	case strings.HasPrefix(claim, ".") || strings.HasSuffix(claim, ".") || strings.Contains(claim, ".."):
		k.wrong(path+".claim", "%q is not accepted; give the name of a claim, or names joined by points such as realm.tenant", claim)
	}
}

func (k *checker) breaker(path string, b *Breaker) {
	for _, status := range b.Statuses {
		if !failedStatus.MatchString(status) {
			k.wrong(path+".statuses", "%q is not accepted; give statuses from 400 to 599", status)
		}
	}
	if b.WaitMax < b.Wait {
		k.wrong(path+".wait_max", "%s is less than wait, which is %s; raise it, or lower wait", b.WaitMax, b.Wait)
	}
}

func (k *checker) endpointHost(key, host string) {
	bare := host
	if h, port, err := net.SplitHostPort(host); err == nil && validPort(port) {
		bare = h
	}
	if !validHost(bare) {
		k.wrong(key, "%q is not accepted; give auto, preserve, endpoint, or the Host field to send", host)
	}
}

// field judges a configured header field. Its value may be a secret and is never shown.
func (k *checker) field(key, name, value string) {
	switch {
	case !fieldName.MatchString(name):
		k.wrong(key, "%q is not accepted; give the name of a header field", name)
	case slices.ContainsFunc(framing, func(f string) bool { return strings.EqualFold(f, name) }):
		k.wrong(key, "%s cannot be set: it belongs to the connection, not to the request; give another field", name)
	case strings.EqualFold(name, "Via"):
		k.wrong(key, "Via cannot be set: OpenHQM finds by it that a request goes in a circle; give another field")
	case strings.EqualFold(name, "Host"):
		k.wrong(key, "Host cannot be set here; use the endpoint's host")
	case len(name) > len(own) && strings.EqualFold(name[:len(own)], own):
		k.wrong(key, "%s cannot be set: only OpenHQM itself sends such fields; give another field", name)
	}
	k.visible(key, value)
}

// visible judges text that becomes part of a header field.
func (k *checker) visible(key, value string) {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		k.wrong(key, "the value holds a line break or another control character; remove it")
	}
}

// framing are the fields of a connection (RFC 9110 7.6.1), which each hop makes itself.
var framing = []string{
	"Connection", "Content-Length", "Expect", "HTTP2-Settings", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
}

// own begins the fields that only OpenHQM sets.
const own = "OpenHQM-"

func (k *checker) credentials(path string, e *Endpoint) {
	given := map[string]string{
		"auth_token": e.AuthToken.Reveal(), "auth_username": e.AuthUsername, "auth_password": e.AuthPassword.Reveal(),
		"auth_header_name": e.AuthHeaderName,
	}
	needs := map[string][]string{
		AuthBearer: {"auth_token"},
		AuthAPIKey: {"auth_token", "auth_header_name"},
		AuthBasic:  {"auth_username", "auth_password"},
		AuthCustom: {"auth_token", "auth_header_name"},
	}[e.AuthType]
	for _, key := range needs {
		if given[key] == "" {
			k.wrong(path+"."+key, "is empty; auth_type %s needs it", e.AuthType)
		}
	}
	if k.failed[path+".auth_type"] {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch {
		case given[key] == "" || slices.Contains(needs, key):
		case e.AuthType == AuthNone && key != "auth_header_name":
			k.wrong(path+"."+key, "is set without auth_type; give one of bearer, api_key, basic, custom, oauth2")
		default:
			k.note(k.c.sourceOf(path+"."+key), path+"."+key, "has no effect with %s", authName(e.AuthType))
		}
	}
	if e.AuthHeaderName != "" {
		k.field(path+".auth_header_name", e.AuthHeaderName, "")
	}
	for _, key := range []string{"auth_token", "auth_username", "auth_password"} {
		k.visible(path+"."+key, given[key])
	}
	if strings.Contains(e.AuthUsername, ":") {
		k.wrong(path+".auth_username", "holds a colon, which basic authentication cannot carry (RFC 7617)")
	}
}

func authName(authType string) string {
	if authType == AuthNone {
		return "no auth_type"
	}
	return "auth_type " + authType
}

// patterns accepts header names, and prefixes that end in "*".
func (k *checker) patterns(key string, list []string) {
	for _, p := range list {
		if !fieldName.MatchString(p) { // an asterisk may stand in a name, too
			k.wrong(key, "%q is not accepted; give header names, patterns such as X-*, or *", p)
		}
	}
}

// SelfEndpoint returns an error naming the first endpoint whose URL is this process's own ingress or admin listener, on the
// ports that were really bound. A process without listeners need not ask.
func (c *Config) SelfEndpoint(serverPort, adminPort int) error {
	for _, name := range slices.Sorted(maps.Keys(c.Proxy.Endpoints)) {
		key := "proxy.endpoints." + name + ".url"
		u, err := url.Parse(c.Proxy.Endpoints[name].URL.Reveal())
		if err != nil {
			continue
		}
		for _, l := range []struct {
			host, port string
			bound      int
		}{{c.Server.Host, "server.port", serverPort}, {c.Admin.Host, "admin.port", adminPort}} {
			if portOf(u) == l.bound && sameHost(u.Hostname(), l.host) {
				k := &checker{report: &report{}, c: c}
				k.wrong(key, "%q is this process itself: its port is %s; give the application's own address",
					c.Proxy.Endpoints[name].URL.String(), l.port)
				return k.errs
			}
		}
	}
	return nil
}

func portOf(u *url.URL) int {
	if n, err := strconv.Atoi(u.Port()); err == nil {
		return n
	}
	if strings.EqualFold(u.Scheme, "https") {
		return 443
	}
	return 80
}

// sameHost tells whether a call to target reaches a listener bound to bound.
func sameHost(target, bound string) bool {
	if strings.EqualFold(target, bound) {
		return true
	}
	local := func(host string) bool {
		addr, err := netip.ParseAddr(host)
		return strings.EqualFold(host, "localhost") || err == nil && (addr.IsLoopback() || addr.IsUnspecified())
	}
	return local(target) && local(bound)
}
