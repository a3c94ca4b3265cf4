package endpoint

import "net/http"

// Forwards reports whether the configuration lets a client's field of this name pass to the endpoint as it came.
func (e *Endpoint) Forwards(name string) bool { return e.forwards(http.CanonicalHeaderKey(name)) }
