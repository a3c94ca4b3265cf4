package endpoint

import (
	"context"
	"net/http"

	"github.com/openhqm/openhqm/queue"
)

// Sent is a request as it would be sent.
type Sent struct {
	Method string
	URL    string
	Host   string
	Header http.Header // credentials and all: whoever shows it masks them
}

// Preview returns what would be sent for a request, but for the fields that say which delivery it is. It sends nothing.
func (e *Endpoint) Preview(r *queue.Request, queued bool) (Sent, error) {
	in := &arrival{method: r.Method, host: r.Host, scheme: r.Scheme, proto: r.Proto, remote: r.Remote, header: r.Header, queued: queued, shown: true}
	request, err := e.head(context.Background(), in)
	if err != nil {
		return Sent{}, err
	}
	for name, values := range request.Header {
		if values == nil { // keeps the transport from adding a field of its own
			delete(request.Header, name)
		}
	}
	return Sent{Method: r.Method, URL: e.base.scheme + "://" + e.base.host + e.base.join(r.Target), Host: request.Host, Header: request.Header}, nil
}
