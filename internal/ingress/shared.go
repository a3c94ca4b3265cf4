package ingress

import (
	"net/http"
	"time"
)

// What a submit through the API has in common with a captured request is read by the same code.

// ScopedKey returns an idempotency key within the scope of a queue: one client may use one key for calls to two endpoints. By
// a route it counts for the route, whichever of several endpoints that chooses.
func ScopedKey(queueName string, action *Action, key string) string {
	if action != nil {
		queueName = "" // the route's name is part of the scope already
	}
	return queueName + "\x00" + key
}

// dedupeKey returns the key of a request by what is in it, of a form that no client's own key has.
func dedupeKey(fingerprint [32]byte) string { return "\x00\x00" + string(fingerprint[:]) }

// TokenDeadline returns the deadline that a JWT in Authorization sets if it is forwarded: when it expires. Zero if there
// is none, or if it has expired already.
func TokenDeadline(h http.Header, now time.Time) time.Time { return tokenDeadline(h, now) }

// Prefers returns what the client prefers (RFC 7240): respond-async, and how long to wait, if it says.
func Prefers(h http.Header) (async bool, wait time.Duration, waits bool) {
	p := readPreferences(h["Prefer"])
	return p.async, p.wait, p.hasWait
}
