package client

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Raw is an endpoint's answer as it gave it, or OpenHQM's word that there is none yet.
type Raw struct {
	Status     string // status word; while it is not terminal there is no answer and Body is OpenHQM's
	StatusCode int
	Header     http.Header
	Trailer    http.Header   // complete once Body was read to its end
	Body       io.ReadCloser // the caller closes it
}

// Terminal reports whether the endpoint's answer is there.
func (r *Raw) Terminal() bool { return Terminal(r.Status) }

// Raw returns the stored answer: status, fields and bytes. An end without an answer (FAILED, TIMEOUT, CANCELLED) is an
// *Error, and so is a truncated answer. For wait see Status.
func (c *Client) Raw(ctx context.Context, id string, wait time.Duration) (*Raw, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	// Named, or net/http would ask for gzip by itself and decode what the endpoint had encoded.
	header := http.Header{"Accept-Encoding": {"identity"}, "Te": {"trailers"}}
	response, err := c.do(ctx, http.MethodGet, "/response/"+id+"/raw", waiting(wait), header, nil)
	if err != nil {
		return nil, err
	}
	own := response.Header.Get("OpenHQM-Source") == "openhqm"
	status := response.Header.Get("OpenHQM-State")
	if own && response.StatusCode >= 400 || status == "" {
		defer response.Body.Close()
		return nil, errorOf(response)
	}
	return &Raw{Status: status, StatusCode: response.StatusCode, Header: response.Header, Trailer: response.Trailer,
		Body: response.Body}, nil
}
