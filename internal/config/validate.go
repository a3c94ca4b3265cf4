package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// backendName is what a queue backend may be called.
var backendName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// validate judges what a single key's type cannot: the form of texts, and values that must fit each other.
func (k *checker) validate(backends []string) {
	k.server()
	k.queue(backends)
	k.worker()
	k.proxy()
	k.routes()
	k.routing()
	k.callback()
}

func (k *checker) server() {
	s, a := &k.c.Server, &k.c.Admin
	k.host("server.host", s.Host)
	k.host("admin.host", a.Host)
	k.listenerTLS("server.tls", &s.TLS)
	k.listenerTLS("admin.tls", &a.TLS)
	if s.Port == a.Port && s.Port != 0 && overlap(s.Host, a.Host) {
		k.wrong("admin.port", "%d is server.port too; give another port, or 0 for a free one", a.Port)
	}
	if p := s.APIPrefix; len(p) < 2 || p[0] != '/' || strings.HasSuffix(p, "/") || strings.Contains(p, "//") || !plainPath(p) {
		k.wrong("server.api_prefix", "%q is not accepted; give a path such as /api/v1, without a slash at its end", p)
	}
	if s.PublicURL != "" {
		k.httpURL("server.public_url", s.PublicURL)
	}
	for _, network := range s.TrustedProxies {
		if _, err := netip.ParsePrefix(network); err == nil {
			continue
		}
		if _, err := netip.ParseAddr(network); err != nil {
			k.wrong("server.trusted_proxies", "%q is not accepted; give networks or addresses such as 10.0.0.0/8", network)
		}
	}
	for _, origin := range s.CORS.Origins {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil) {
			k.wrong("server.cors.origins", "%q is not accepted; give origins such as https://app.example.com, or *", URL(origin).String())
		}
	}
	for _, list := range []struct {
		key, what string
		words     []string
	}{{"server.cors.methods", "methods such as POST", s.CORS.Methods}, {"server.cors.headers", "header names", s.CORS.Headers}} {
		for _, word := range list.words {
			if !fieldName.MatchString(word) || word == "*" { // which means itself where there are credentials
				k.wrong(list.key, "%q is not accepted; give %s", word, list.what)
			}
		}
	}
	if s.CORS.Credentials && slices.Contains(s.CORS.Origins, "*") {
		k.wrong("server.cors.credentials", "is true while server.cors.origins has *: any page could act as its visitor; list the origins one by one")
	}
}

// host accepts an address or a name to bind to; empty would silently mean every interface.
func (k *checker) host(key, host string) {
	if !validHost(host) {
		k.wrong(key, "%q is not accepted; give an address or a name, 0.0.0.0 for every interface", host)
	}
}

func (k *checker) queue(backends []string) {
	q := &k.c.Queue
	if backends == nil {
		backends = []string{typeEmbedded}
	}
	switch {
	case !backendName.MatchString(q.Type):
		k.wrong("queue.type", "%q is not accepted; give one of %s", q.Type, strings.Join(backends, ", "))
	case !slices.Contains(backends, q.Type):
		hint := ""
		if near := nearestWord(backends, q.Type); near != "" {
			hint = "; did you mean " + near + "?"
		}
		k.wrong("queue.type", "%q is no queue backend of this binary, which has %s%s", q.Type, strings.Join(backends, ", "), hint)
	}
	if strings.TrimSpace(q.Embedded.Dir) == "" {
		k.wrong("queue.embedded.dir", "is empty; give a directory")
	}
	if q.MaxBytes < k.c.Proxy.MaxRequestSize {
		k.wrong("queue.max_bytes", "%v is less than proxy.max_request_size, %v; give at least that", q.MaxBytes, k.c.Proxy.MaxRequestSize)
	}
	k.redis()
}

func (k *checker) redis() {
	q := &k.c.Queue
	if q.RedisURL != "" {
		if u, err := url.Parse(q.RedisURL.Reveal()); err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Host == "" {
			k.wrong("queue.redis_url", "%q is not accepted; give redis://[user:password@]host:port[/database], rediss:// for TLS",
				q.RedisURL.String())
		}
		if len(q.Redis.Addrs) > 0 {
			k.wrong("queue.redis.addrs", "is set together with queue.redis_url; remove one")
		}
	}
	for _, addr := range q.Redis.Addrs {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || !validHost(host) || !validPort(port) {
			k.wrong("queue.redis.addrs", "%q is not accepted; give addresses such as redis:6379", URL(addr).String())
		}
	}
	if q.Redis.Mode == "sentinel" && q.Redis.Master == "" {
		k.wrong("queue.redis.master", "is empty; queue.redis.mode sentinel needs the master's name")
	}
}

func (k *checker) worker() {
	w := &k.c.Worker
	if w.RetryDelayMax < w.RetryDelayBase {
		k.wrong("worker.retry_delay_max", "%v is less than worker.retry_delay_base, %v; give at least that", w.RetryDelayMax, w.RetryDelayBase)
	}
	if w.DrainLag > w.Grace {
		key := "worker.drain_lag"
		if !k.isSet(key) {
			key = "worker.grace"
		}
		k.wrong(key, "worker.drain_lag, %v, lies within worker.grace, %v; make it the shorter one", w.DrainLag, w.Grace)
	}
}

// httpURL accepts an absolute http or https URL without credentials and returns it, or nil after reporting.
func (k *checker) httpURL(key string, value URL) *url.URL {
	u, err := url.Parse(value.Reveal())
	scheme := ""
	if err == nil {
		scheme = strings.ToLower(u.Scheme)
	}
	switch {
	case err != nil, scheme != "http" && scheme != "https", u.Hostname() == "", u.Opaque != "", !validHost(u.Hostname()),
		u.Port() != "" && !validPort(u.Port()), strings.HasSuffix(u.Host, ":"):
		k.wrong(key, "%q is not accepted; give an absolute URL such as http://localhost:8080", value.String())
	case u.User != nil:
		k.wrong(key, "%q holds credentials; set auth_type: basic, auth_username and auth_password instead", value.String())
	case u.Fragment != "":
		k.wrong(key, "%q holds a fragment, which is never sent; remove it", value.String())
	default:
		return u
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?$`)

func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return hostName.MatchString(host)
}

func validPort(port string) bool {
	n, err := strconv.Atoi(port)
	return err == nil && n >= 1 && n <= 65535
}

// plainPath tells a path of which every byte may stand in a URL as it is.
func plainPath(p string) bool {
	for i := range len(p) {
		c := p[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`?#%{}\^|"<>`+"`", c) >= 0 {
			return false
		}
	}
	return true
}

// overlap tells whether listeners on two hosts would meet on one port.
func overlap(a, b string) bool { return a == b || anyHost(a) || anyHost(b) }

func anyHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}
