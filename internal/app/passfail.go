package app

import (
	"net/http"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/internal/reply"
)

// passFailed answers a passed-through request for which the endpoint gave no answer, in the voice of every own answer. What
// the client did wrong itself is not counted or logged as trouble of the endpoint.
func passFailed(replies *reply.Replies, seen *troubles) func(http.ResponseWriter, *http.Request, endpoint.Failure) {
	return func(w http.ResponseWriter, r *http.Request, f endpoint.Failure) {
		if kind := clientKind(f.Status); kind != "" {
			w.Header().Set("Connection", "close") // where the next request begins is not known
			replies.Problem(w, r, &reply.Problem{Kind: kind, Detail: f.Detail})
			return
		}
		seen.passFailed(f)
		kind := reply.KindEndpointFailed
		switch f.Status {
		case http.StatusGatewayTimeout:
			kind = reply.KindEndpointTimeout
		case http.StatusLoopDetected:
			kind = reply.KindLoop
		}
		replies.Problem(w, r, &reply.Problem{
			Kind:   kind,
			Detail: "endpoint " + f.Endpoint + ": " + f.Detail,
			About:  reply.About{Queue: f.Endpoint},
			Members: map[string]any{
				"endpoint": f.Endpoint,
				"class":    f.Class.String(),
			},
		})
	}
}

// clientKind returns the kind of a failure that is the client's own, else "".
func clientKind(status int) reply.Kind {
	switch status {
	case http.StatusBadRequest:
		return reply.KindBadFraming
	case http.StatusRequestTimeout:
		return reply.KindRequestTimeout
	}
	return ""
}
