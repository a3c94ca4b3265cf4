package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DefaultPrefix is the path under which the server has its calls unless it is configured otherwise (server.api_prefix).
const DefaultPrefix = "/api/v1"

// MaxWait is the longest that one call may ask the server to wait.
const MaxWait = 60 * time.Second

// Options are what a client is made of beside its address. The zero value is usable.
type Options struct {
	HTTPClient *http.Client // nil: http.DefaultClient. Redirects are never followed: a 3xx is an endpoint's answer
	Token      string       // sent as a bearer token; empty: none
	Prefix     string       // empty: DefaultPrefix
	UserAgent  string       // empty: openhqm-client
}

// Client speaks to the ingress listener: the calls of producers.
type Client struct{ caller }

// New returns a client of the server at an http or https address such as http://localhost:8000. A path in the address
// precedes the prefix.
func New(address string, o Options) (*Client, error) {
	c, err := newCaller(address, o)
	return &Client{c}, err
}

// Submit stores a request. When it returns nil the request is stored as durably as Accepted's answer stated.
func (c *Client) Submit(ctx context.Context, s Submission) (*Accepted, error) {
	header := http.Header{}
	if s.IdempotencyKey != "" {
		header.Set("Idempotency-Key", s.IdempotencyKey)
	}
	accepted := &Accepted{}
	return accepted, c.json(ctx, http.MethodPost, "/submit", nil, header, s, accepted)
}

// Status returns what has become of a request. With wait above 0 the server answers once it is terminal, or when the wait
// is over (at most MaxWait); it may answer earlier.
func (c *Client) Status(ctx context.Context, id string, wait time.Duration) (*Status, error) {
	status := &Status{}
	if err := checkID(id); err != nil {
		return nil, err
	}
	return status, c.json(ctx, http.MethodGet, "/status/"+id, waiting(wait), nil, nil, status)
}

// Wait returns the status once it is terminal. It asks again and again until ctx ends.
func (c *Client) Wait(ctx context.Context, id string) (*Status, error) {
	for {
		asked := time.Now()
		status, err := c.Status(ctx, id, MaxWait)
		if err != nil || status.Terminal() {
			return status, err
		}
		// A server that is short of room answers at once.
		if err := pause(ctx, time.Second-time.Since(asked)); err != nil {
			return status, err
		}
	}
}

// Response returns the JSON envelope of the result; while there is none its status is not terminal. For wait see Status.
func (c *Client) Response(ctx context.Context, id string, wait time.Duration) (*Response, error) {
	response := &Response{}
	if err := checkID(id); err != nil {
		return nil, err
	}
	return response, c.json(ctx, http.MethodGet, "/response/"+id, waiting(wait), nil, nil, response)
}

// Cancel withdraws a request. A running call is aborted: then the status is still PROCESSING. One that has finished is an
// Error with status 409.
func (c *Client) Cancel(ctx context.Context, id string) (*Status, error) {
	status := &Status{}
	if err := checkID(id); err != nil {
		return nil, err
	}
	return status, c.json(ctx, http.MethodDelete, "/requests/"+id, nil, nil, nil, status)
}

// checkID refuses what is no correlation ID. It must not reach the server: a path with another text in the place of the
// ID is not OpenHQM's own, and would go to the app as a request to be delivered.
func checkID(id string) error {
	if len(id) == 36 && id[8] == '-' && id[13] == '-' && id[14] == '7' && id[18] == '-' && id[23] == '-' &&
		strings.Trim(id, "-0123456789abcdefABCDEF") == "" {
		return nil
	}
	return fmt.Errorf("%q is not a correlation ID: want 36 characters as in 018f3e1a-7c00-7abc-8def-0123456789ab", id)
}

// OpenAPI returns the server's own description of its API.
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	var document json.RawMessage
	err := c.json(ctx, http.MethodGet, "/openapi.json", nil, nil, nil, &document)
	return document, err
}

// waiting is the query of a call that waits.
func waiting(wait time.Duration) url.Values {
	if wait <= 0 {
		return nil
	}
	return url.Values{"wait": {strconv.FormatFloat(min(wait, MaxWait).Seconds(), 'f', -1, 64)}}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// caller makes the calls of both listeners.
type caller struct {
	base    *url.URL // without a trailing slash, prefix included
	http    http.Client
	options Options
}

// Address returns where the calls go, prefix included.
func (c *caller) Address() string { return c.base.String() }

func newCaller(address string, o Options) (caller, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return caller{}, fmt.Errorf("address %q: want an http or https URL such as http://localhost:8000", address)
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.UserAgent == "" {
		o.UserAgent = "openhqm-client"
	}
	c := caller{base: base.JoinPath(o.Prefix), options: o}
	if o.HTTPClient != nil {
		c.http = *o.HTTPClient
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// json makes a call with an optional JSON body and reads a JSON answer into out, or an *Error.
func (c *caller) json(ctx context.Context, method, path string, query url.Values, header http.Header, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(encoded)
		if header == nil {
			header = http.Header{}
		}
		header.Set("Content-Type", "application/json")
	}
	response, err := c.do(ctx, method, path, query, header, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 || response.Header.Get("OpenHQM-Source") != "openhqm" {
		return errorOf(response)
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w; is %s the address of OpenHQM?", method, path, err, c.base)
	}
	return nil
}

// do sends one request; the path begins with a slash and is escaped.
func (c *caller) do(ctx context.Context, method, path string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	target := strings.TrimSuffix(c.base.String(), "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("User-Agent", c.options.UserAgent)
	if c.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	return c.http.Do(request)
}
