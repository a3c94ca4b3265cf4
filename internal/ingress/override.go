package ingress

import "net/http"

// Override returns the method that a request to the target counts as and is sent by. What asks for less than an answer with its
// body, or for another protocol, keeps its own: a HEAD cannot be answered as a POST is.
func (t *Target) Override(r *http.Request) string {
	switch r.Method {
	case http.MethodHead, http.MethodOptions, http.MethodTrace:
		return r.Method
	}
	if t.Method == "" || upgrades(r) {
		return r.Method
	}
	return t.Method
}

// as returns the request with another method: the server's own, which frames the answer by it, keeps the client's.
func as(r *http.Request, method string) *http.Request {
	if r.Method == method {
		return r
	}
	copied := *r
	copied.Method = method
	return &copied
}
