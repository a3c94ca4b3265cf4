package ingress

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"time"
)

// tokenPayload returns the claims of the JWT in Authorization, as JSON that nobody has looked at, or nil. The signature is not
// looked at either.
func tokenPayload(h http.Header) []byte {
	values := h["Authorization"]
	if len(values) != 1 {
		return nil
	}
	kind, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(kind, "Bearer") {
		return nil
	}
	parts := strings.Split(trimBlanks(token), ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return nil
	}
	return payload
}

// tokenExpiry returns when the JWT in Authorization expires (RFC 7519 4.1.4), zero if there is none: only the holder of the token
// is hurt by a wrong time.
func tokenExpiry(h http.Header) time.Time {
	var claims struct {
		Expires float64 `json:"exp"` // seconds since 1970, perhaps with a fraction
	}
	if json.Unmarshal(tokenPayload(h), &claims) != nil || claims.Expires <= 0 || claims.Expires > math.MaxInt32*8 {
		return time.Time{}
	}
	return time.UnixMilli(int64(claims.Expires * 1000))
}

// tokenDeadline returns the deadline that a forwarded token sets. One that has expired already sets none: the endpoint
// answers it as it would have answered a direct call.
func tokenDeadline(h http.Header, now time.Time) time.Time {
	if expires := tokenExpiry(h); expires.After(now) {
		return expires
	}
	return time.Time{}
}
