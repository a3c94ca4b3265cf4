package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"github.com/openhqm/openhqm/internal/telemetry"
)

// mask stands for a secret wherever one would be shown.
const mask = "***"

// Secret is text that prints, marshals and logs as "***", or as nothing when it is empty.
type Secret string

// Reveal returns the secret itself, for the one place that sends or compares it.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText hides the secret from JSON, YAML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

var errMask = errors.New("is the mask that config print writes, not a secret")

// UnmarshalText takes text as it is, except for the mask itself: that is printed configuration, not a secret.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == mask {
		return errMask
	}
	*s = Secret(text)
	return nil
}

// URL is an address that may hold credentials: it prints, marshals and logs with them masked.
type URL string

// Reveal returns the address as it was given.
func (u URL) Reveal() string { return string(u) }

// String returns the address with its credentials masked. Even where the scheme is missing, what stands before an "@" is
// taken for credentials.
func (u URL) String() string {
	if at := strings.LastIndexByte(string(u), '@'); at >= 0 && !strings.Contains(string(u), "://") {
		return mask + string(u[at:])
	}
	return MaskURL(string(u))
}

// Format masks credentials for every verb.
func (u URL) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = fmt.Fprintf(f, "%q", u.String())
		return
	}
	_, _ = io.WriteString(f, u.String())
}

// MarshalText masks credentials.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// LogValue masks credentials.
func (u URL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// UnmarshalText takes text as it is, unless its credentials are masked; validate judges it where the key is known.
func (u *URL) UnmarshalText(text []byte) error {
	if strings.Contains(string(text), "://"+mask+"@") {
		return errMask
	}
	*u = URL(strings.TrimSpace(string(text)))
	return nil
}

// MaskURL hides the user information of a URL and the values of query parameters that look like secrets. Text that is no
// URL comes back unchanged. In doubt it hides more: a password with an unescaped "/" or "@" in it is hidden whole.
func MaskURL(s string) string {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return s
	}
	// Up to which "@" is user information? For http a parser may say; elsewhere, and where it cannot, up to the last one.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		parsed, err := url.Parse(s)
		isHTTP := strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
		if !isHTTP || err != nil || parsed.User != nil {
			rest = mask + rest[at:]
		}
	}
	return scheme + "://" + telemetry.MaskQuery(rest)
}

// SecretField reports whether the value of a header field that an endpoint is sent must not be shown: by its name, because it
// bears the endpoint's credentials, or because its text held a variable.
func (c *Config) SecretField(endpoint, name string) bool {
	e := c.Proxy.Endpoints[endpoint]
	if telemetry.SecretName(name) || strings.EqualFold(name, e.AuthHeaderName) {
		return true
	}
	for field := range e.Headers {
		if strings.EqualFold(field, name) && c.filled["proxy.endpoints."+endpoint+".headers."+field] {
			return true
		}
	}
	return false
}
