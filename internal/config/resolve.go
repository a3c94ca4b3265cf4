package config

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

const (
	typeEmbedded = "embedded"
	typeRedis    = "redis"

	defaultEndpointName = "default"
	defaultRedisURL     = "redis://localhost:6379"
	defaultKeyHeader    = "X-API-Key"
)

// checker derives the values that depend on others, then judges the whole.
type checker struct {
	*report
	c *Config
}

// isSet tells whether a layer set key, rightly or wrongly.
func (k *checker) isSet(key string) bool {
	_, ok := k.c.sources[key]
	return ok
}

// wrong reports what is wrong with key, unless something already is.
func (k *checker) wrong(key, format string, args ...any) {
	if !k.failed[key] {
		k.fail(k.c.sourceOf(key), key, format, args...)
	}
}

func (k *checker) resolve() {
	k.resolveQueue()
	k.resolveDefaultEndpoint()
	for _, name := range slices.Sorted(maps.Keys(k.c.Proxy.Endpoints)) {
		k.resolveEndpoint(name)
	}
	k.resolveRoutes()
	if p := &k.c.Proxy; !k.isSet("proxy.enabled") {
		p.Enabled = len(p.Endpoints) > 0
	}
}

func (k *checker) resolveQueue() {
	q := &k.c.Queue
	hasRedis := q.RedisURL != "" || len(q.Redis.Addrs) > 0
	switch {
	case k.isSet("queue.type"):
		q.Type = strings.ToLower(strings.TrimSpace(q.Type))
	case hasRedis:
		q.Type = typeRedis
		key := "queue.redis_url"
		if q.RedisURL == "" {
			key = "queue.redis.addrs"
		}
		k.c.sources["queue.type"] = fmt.Sprintf("%s, which sets %s", k.c.sourceOf(key), key)
	}
	if q.Type == typeRedis && !hasRedis {
		q.RedisURL = defaultRedisURL
	}
	if q.Type != typeRedis && hasRedis {
		for _, key := range []string{"queue.redis_url", "queue.redis.addrs"} {
			if k.isSet(key) {
				k.note(k.c.sourceOf(key), key, "has no effect with queue.type %s", q.Type)
			}
		}
	}
}

// resolveDefaultEndpoint makes the endpoint that a URL stands for, and finds the default when none is named.
func (k *checker) resolveDefaultEndpoint() {
	p := &k.c.Proxy
	key, target := "proxy.default_endpoint", p.DefaultEndpoint
	if p.BackendURL != "" {
		if target != "" && target != p.BackendURL.Reveal() {
			k.wrong("proxy.backend_url", "means the same as proxy.default_endpoint, which is set too; remove one")
			return
		}
		key, target = "proxy.backend_url", p.BackendURL.Reveal()
	}
	made := target != "" && (key == "proxy.backend_url" || strings.Contains(target, "://"))
	if made {
		k.makeDefaultEndpoint(key, target)
	} else {
		for key, value := range proxyAuth(p) {
			if value != "" {
				k.wrong("proxy."+key, "is for an endpoint given as a URL; set it below proxy.endpoints.NAME")
			}
		}
	}
	if p.DefaultEndpoint == "" && len(p.Endpoints) == 1 {
		for name, e := range p.Endpoints {
			if e.Selectable {
				p.DefaultEndpoint = name
			}
		}
	}
}

func (k *checker) makeDefaultEndpoint(key, target string) {
	p := &k.c.Proxy
	path := "proxy.endpoints." + defaultEndpointName
	if _, exists := p.Endpoints[defaultEndpointName]; exists {
		k.wrong(key, "%q makes an endpoint named %q, which is configured too (%s); name it instead of giving a URL",
			URL(target).String(), defaultEndpointName, k.c.sourceOf(path))
		return
	}
	e := defaultEndpoint()
	e.URL = URL(strings.TrimSpace(target))
	e.AuthType, e.AuthToken, e.AuthHeaderName = p.AuthType, p.AuthToken, p.AuthHeaderName
	e.AuthUsername, e.AuthPassword = p.AuthUsername, p.AuthPassword
	for auth := range proxyAuth(p) {
		if k.isSet("proxy." + auth) {
			k.c.sources[path+"."+auth] = k.c.sources["proxy."+auth]
		}
		if k.failed["proxy."+auth] {
			k.failed[path+"."+auth] = true
		}
	}
	k.c.sources[path] = k.c.sourceOf(key)
	if p.Endpoints == nil {
		p.Endpoints = map[string]Endpoint{}
	}
	p.Endpoints[defaultEndpointName] = e
	// From here on the endpoint is the only place that says it.
	p.DefaultEndpoint, p.BackendURL = defaultEndpointName, ""
	p.AuthType, p.AuthToken, p.AuthUsername, p.AuthPassword, p.AuthHeaderName = "", "", "", "", ""
}

// proxyAuth yields the credentials given for the endpoint that a URL makes, by key.
func proxyAuth(p *Proxy) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		_ = yield("auth_type", p.AuthType) &&
			yield("auth_token", p.AuthToken.Reveal()) &&
			yield("auth_username", p.AuthUsername) &&
			yield("auth_password", p.AuthPassword.Reveal()) &&
			yield("auth_header_name", p.AuthHeaderName)
	}
}

// resolveEndpoint fills in what an endpoint takes from the worker section and from its own other keys.
func (k *checker) resolveEndpoint(name string) {
	path := "proxy.endpoints." + name
	e := k.c.Proxy.Endpoints[name]
	if !k.isSet(path + ".timeout") {
		e.Timeout = k.c.Worker.Timeout
	}
	if !k.isSet(path + ".max_request_size") {
		e.MaxRequestSize = k.c.Proxy.MaxRequestSize
	}
	if !k.isSet(path + ".max_response_size") {
		e.MaxResponseSize = k.c.Proxy.MaxResponseSize
	}
	if !k.isSet(path + ".max_retries") {
		e.MaxRetries = k.c.Worker.MaxRetries
	}
	if !k.isSet(path + ".forward_headers") {
		e.ForwardHeaders = k.c.Proxy.ForwardHeaders
	}
	if e.AuthType == AuthAPIKey && e.AuthHeaderName == "" {
		e.AuthHeaderName = defaultKeyHeader
	}
	if e.Authorization == "" {
		e.Authorization = AuthorizationForward
		if e.AuthType != AuthNone {
			e.Authorization = AuthorizationReplace
		}
	}
	k.c.Proxy.Endpoints[name] = e
}
