package endpoint

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/rule"
	"github.com/openhqm/openhqm/queue"
	"golang.org/x/net/http/httpguts"
)

// Defaults of what a Config leaves at zero.
const (
	DefaultTimeout         = 300 * time.Second
	DefaultConnectTimeout  = 10 * time.Second
	DefaultMaxResponseSize = 10 << 20
	DefaultPool            = 64

	// DefaultIdleTimeout is shorter than the keep-alive timeouts of common servers (the shortest are 2 s), because a
	// server that closes a connection just as a request is written on it leaves its outcome unknown.
	DefaultIdleTimeout = 1500 * time.Millisecond

	// MaxResponseHeader bounds the head of an answer in bytes, all 1xx answers before it included.
	MaxResponseHeader = 1 << 20
)

// Config is what a user sets for one endpoint.
type Config struct {
	Name string
	// URL is where requests go: absolute, http or https. Its path precedes the request's own target without any cleaning,
	// and stands for the client's root as it is; its query, if any, precedes the request's.
	URL string
	// Host is auto, preserve, endpoint, or the value to send. Auto, the default: the client's for an endpoint on loopback,
	// else the endpoint's own.
	Host string

	Protocol Protocol

	Timeout          time.Duration // one attempt, the answer's body included; for Pass until the answer's head
	ConnectTimeout   time.Duration // DNS, connect and TLS
	FirstByteTimeout time.Duration // from the request's last byte to the answer's head; 0: Timeout
	// ExpectContinue asks the endpoint what a client of a passed request asks by Expect: 100-continue.
	ExpectContinue bool
	IdleTimeout    time.Duration // how long an unused connection is kept

	// Headers are set on every request and replace the client's fields of those names.
	Headers map[string]string
	// HeaderNames are exact spellings on the wire, such as SOAPAction.
	HeaderNames []string
	// ForwardHeaders and StripHeaders choose among the client's fields by name or pattern (X-*, *-Token, * for all), whatever
	// the case. Nil forwards all; what is stripped is never forwarded. Via always is; Forwarded and X-Forwarded-For, -Host,
	// -Proto and -Port are unless they are stripped.
	ForwardHeaders []string
	StripHeaders   []string

	TLS TLS

	Auth Auth
	// ForwardAuthorization keeps the client's Authorization field, if it sent one, where it would be replaced because Auth
	// is set.
	ForwardAuthorization bool
	// ReplaceAuthorization drops the client's Authorization field where it would be forwarded because Auth is not set.
	ReplaceAuthorization bool

	MaxResponseSize int64 // bytes of an answer's body that are kept

	Rules rule.Config // what answers mean besides their status

	Concurrency int     // calls at once; also how many idle connections are kept. 0: not limited
	Rate        float64 // calls per second; 0: not limited
	Burst       int
}

// Auth says how OpenHQM authenticates to the endpoint. The zero value: not at all.
type Auth struct {
	Scheme   AuthScheme
	Username string // AuthBasic
	// Secret returns the token or password. It is asked for each request, so that a secret can change.
	Secret func() string
	OAuth2 *OAuth2 // AuthOAuth2
	Header string  // AuthAPIKey, AuthCustom: the field that bears the token; for AuthAPIKey X-API-Key if empty
}

// AuthScheme is a closed set.
type AuthScheme string

// The schemes.
const (
	AuthNone   AuthScheme = ""
	AuthBearer AuthScheme = "bearer"  // Authorization: Bearer token (RFC 6750 2.1)
	AuthBasic  AuthScheme = "basic"   // Authorization: Basic (RFC 7617)
	AuthAPIKey AuthScheme = "api_key" // the token in a field
	AuthCustom AuthScheme = "custom"  // the token as it is in a field that must be named
	AuthOAuth2 AuthScheme = "oauth2"  // a bearer token that is fetched and renewed
)

// Values of Config.Host with a meaning.
const (
	HostAuto     = "auto"
	HostPreserve = "preserve"
	HostEndpoint = "endpoint"
)

// Options are what the caller injects. The zero value is usable.
type Options struct {
	// Pseudonym names this process in Via (RFC 9110 7.6.3) and finds circles, so it should be unique, and begin
	// with Family. Default: Family.
	Pseudonym string
	// Roots are the authorities that an https endpoint's certificate must come from, unless TLS names others. nil: the
	// system's.
	Roots *x509.CertPool
	// FilesRead is told when the files of an endpoint's TLS have changed: nil once they are used, else why they cannot be,
	// while those before stay. It must not block. May be nil.
	FilesRead func(endpoint string, err error)
	// TokenFetched is told when fetching the tokens of an endpoint begins to fail, and with nil when it succeeds again. It
	// must not block. May be nil.
	TokenFetched func(endpoint string, err error)
	// WriteError answers a passed-through request for which the endpoint gave no answer. Default: plain text.
	WriteError func(w http.ResponseWriter, r *http.Request, f Failure)
	// Passed is told what came of each passed-through request: when the head of its answer is there, or when there will be
	// none, before WriteError. It may block, and the answer waits for it. May be nil.
	Passed func(ctx context.Context, endpoint string, p queue.Passed)
}

// Failure is why a passed-through request has no answer of the endpoint.
type Failure struct {
	Endpoint string
	Status   int         // 502, 504 or 508; 400 or 408 if the client's body was at fault, which also ends its connection
	Class    queue.Class // NotSent, Unanswered or Rejected
	Detail   string      // for people; holds no secrets
}

// Limits returns the limits of the endpoint's gate.
func (c *Config) Limits() queue.Limits {
	return queue.Limits{MaxLeased: c.Concurrency, Rate: c.Rate, Burst: c.Burst}
}

// withDefaults fills what is not set.
func (c Config) withDefaults() Config {
	c.Timeout = orDefault(c.Timeout, DefaultTimeout)
	c.ConnectTimeout = orDefault(c.ConnectTimeout, DefaultConnectTimeout)
	c.FirstByteTimeout = orDefault(c.FirstByteTimeout, c.Timeout)
	c.IdleTimeout = orDefault(c.IdleTimeout, DefaultIdleTimeout)
	c.MaxResponseSize = orDefault(c.MaxResponseSize, DefaultMaxResponseSize)
	if c.Host == "" {
		c.Host = HostAuto
	}
	if c.Auth.Scheme == AuthAPIKey && c.Auth.Header == "" {
		c.Auth.Header = "X-API-Key"
	}
	return c
}

func orDefault[T time.Duration | int64](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// validate returns the parsed URL, or says what is wrong with the configuration without repeating a secret.
func (c *Config) validate() (*url.URL, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("endpoint %q: the url cannot be parsed", c.Name) // the error would repeat the URL
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("endpoint %q: want an absolute http or https url", c.Name)
	case u.User != nil:
		return nil, fmt.Errorf("endpoint %q: no credentials in the url; use auth", c.Name)
	case !validTarget(u.RequestURI()):
		return nil, fmt.Errorf("endpoint %q: the path of the url cannot be sent", c.Name)
	case c.Host != HostAuto && c.Host != HostPreserve && c.Host != HostEndpoint && !httpguts.ValidHostHeader(c.Host):
		return nil, fmt.Errorf("endpoint %q: host %q cannot be sent", c.Name, c.Host)
	}
	for name, value := range c.Headers {
		switch canonical := http.CanonicalHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("endpoint %q: header %q cannot be sent", c.Name, name)
		case !configurable(canonical):
			return nil, fmt.Errorf("endpoint %q: header %q is not configurable", c.Name, name)
		}
	}
	for _, name := range c.HeaderNames {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("endpoint %q: header name %q cannot be sent", c.Name, name)
		}
	}
	if err := c.Protocol.validate(u.Scheme); err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", c.Name, err)
	}
	if err := c.TLS.validate(c.Name, u.Scheme); err != nil {
		return nil, err
	}
	return u, c.Auth.validate(c.Name)
}

// configurable reports whether a field may be set by the configuration: neither the connection nor OpenHQM makes it, and no
// circle is found by it.
func configurable(canonical string) bool {
	return !hopByHop[canonical] && !framing[canonical] && !ours(canonical) && canonical != "Via"
}

func (a *Auth) validate(endpoint string) error {
	switch a.Scheme {
	case AuthNone:
		return nil
	case AuthBearer:
	case AuthOAuth2:
		return a.OAuth2.validate(endpoint)
	case AuthBasic:
		if a.Username == "" || strings.Contains(a.Username, ":") {
			return fmt.Errorf("endpoint %q: basic authentication needs a username without a colon", endpoint)
		}
	case AuthAPIKey, AuthCustom:
		if !httpguts.ValidHeaderFieldName(a.Header) {
			return fmt.Errorf("endpoint %q: %s authentication needs the name of a header field", endpoint, a.Scheme)
		}
		if !configurable(http.CanonicalHeaderKey(a.Header)) {
			return fmt.Errorf("endpoint %q: credentials cannot be sent in the field %q", endpoint, a.Header)
		}
	default:
		return fmt.Errorf("endpoint %q: unknown authentication scheme %q", endpoint, string(a.Scheme))
	}
	if a.Secret == nil {
		return fmt.Errorf("endpoint %q: %s authentication needs a secret", endpoint, a.Scheme)
	}
	return nil
}
