package app

import (
	"crypto/tls"
	"fmt"
	"reflect"
	"slices"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
)

// endpointConfig translates the configuration of one endpoint.
func endpointConfig(name string, e *config.Endpoint, p *config.Proxy) endpoint.Config {
	l := limits(e)
	c := endpoint.Config{
		Name:                 name,
		URL:                  e.URL.Reveal(),
		Host:                 e.Host,
		Protocol:             protocolOf(e),
		Timeout:              e.Timeout.Std(),
		ConnectTimeout:       e.ConnectTimeout.Std(),
		FirstByteTimeout:     e.FirstByteTimeout.Std(),
		ExpectContinue:       e.ExpectContinue,
		Headers:              revealed(e.Headers),
		HeaderNames:          e.HeaderNames,
		ForwardHeaders:       e.ForwardHeaders,
		StripHeaders:         slices.Concat(p.StripHeaders, e.StripHeaders),
		TLS:                  tlsOf(&e.TLS, e.URL.Reveal()),
		Auth:                 authOf(e),
		ForwardAuthorization: e.AuthType != config.AuthNone && e.Authorization == config.AuthorizationForward,
		ReplaceAuthorization: e.AuthType == config.AuthNone && e.Authorization == config.AuthorizationReplace,
		MaxResponseSize:      int64(e.MaxResponseSize),
		Rules:                rulesOf(e),
		Concurrency:          l.MaxLeased,
		Rate:                 l.Rate,
		Burst:                l.Burst,
	}
	return c
}

func protocolOf(e *config.Endpoint) endpoint.Protocol {
	if e.Protocol == config.ProtocolHTTP1 {
		return endpoint.HTTP1
	}
	return endpoint.Protocol(e.Protocol)
}

func revealed(fields map[string]config.Secret) map[string]string {
	shown := make(map[string]string, len(fields))
	for name, value := range fields {
		shown[name] = value.Reveal()
	}
	return shown
}

// tlsOf returns how an https endpoint is spoken to; nothing for others.
func tlsOf(t *config.TLS, url string) endpoint.TLS {
	if !https(url) {
		return endpoint.TLS{}
	}
	c := endpoint.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName,
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.MinVersion == "1.3" {
		c.MinVersion = tls.VersionTLS13
	}
	return c
}

func authOf(e *config.Endpoint) endpoint.Auth {
	if e.AuthType == config.AuthNone {
		return endpoint.Auth{}
	}
	secret := e.AuthToken.Reveal()
	if e.AuthType == config.AuthBasic {
		secret = e.AuthPassword.Reveal()
	}
	return endpoint.Auth{
		Scheme:   endpoint.AuthScheme(e.AuthType),
		Username: e.AuthUsername,
		Header:   e.AuthHeaderName,
		Secret:   func() string { return secret },
		OAuth2:   oauth2Of(e),
	}
}

// oauth2Of returns where tokens are fetched; nil if none are.
func oauth2Of(e *config.Endpoint) *endpoint.OAuth2 {
	if e.AuthType != config.AuthOAuth2 {
		return nil
	}
	o := &e.OAuth2
	return &endpoint.OAuth2{TokenURL: o.TokenURL.Reveal(), ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(),
		Scopes: o.Scopes, Params: revealed(o.Params), InBody: o.ClientAuth == config.ClientAuthPost, Timeout: o.Timeout.Std(),
		CAFile: o.CAFile}
}

// sameEndpoint reports whether two configurations make the same endpoint, so that a reload keeps its connections.
func sameEndpoint(name string, before, after *config.Config) bool {
	a, had := before.Proxy.Endpoints[name]
	b := after.Proxy.Endpoints[name]
	p, q := before.Proxy, after.Proxy
	return had && reflect.DeepEqual(a, b) && reflect.DeepEqual(p.StripHeaders, q.StripHeaders)
}

// sameSecret reports whether the endpoint is given the same credentials as before.
func sameSecret(a, b *config.Endpoint) bool {
	return a.AuthType == b.AuthType && a.AuthToken == b.AuthToken && a.AuthUsername == b.AuthUsername &&
		a.AuthPassword == b.AuthPassword && a.AuthHeaderName == b.AuthHeaderName && reflect.DeepEqual(a.OAuth2, b.OAuth2)
}

// checkNames refuses a handler whose name is an endpoint's too: one queue feeds one of them.
func checkNames(c *config.Config, handlers map[string]queue.Handler) error {
	for name := range handlers {
		if name == "" || len(name) > queue.MaxNameLength || queue.Hidden(name) {
			return fmt.Errorf("handler %q: want a name of 1 to %d bytes that does not begin with an underscore", name, queue.MaxNameLength)
		}
		if _, taken := c.Proxy.Endpoints[name]; taken && c.Proxy.Enabled {
			return fmt.Errorf("proxy.endpoints.%s: this binary has a handler of the same name; rename the endpoint", name)
		}
	}
	return nil
}
