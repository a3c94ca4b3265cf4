package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Admin speaks to the admin listener: the calls of operators.
type Admin struct{ caller }

// NewAdmin returns a client of the admin listener at an http or https address such as http://localhost:8001. Without a
// token the server lets only loopback in.
func NewAdmin(address string, o Options) (*Admin, error) {
	c, err := newCaller(address, o)
	return &Admin{c}, err
}

// Queues returns every queue.
func (a *Admin) Queues(ctx context.Context) ([]Queue, error) {
	var list Queues
	err := a.json(ctx, http.MethodGet, "/queues", nil, nil, nil, &list)
	return list.Queues, err
}

// Queue returns one queue.
func (a *Admin) Queue(ctx context.Context, name string) (*Queue, error) {
	q := &Queue{}
	return q, a.json(ctx, http.MethodGet, "/queues/"+url.PathEscape(name), nil, nil, nil, q)
}

// Pause stops deliveries of a queue; what runs goes on. It returns the queue as it is then.
func (a *Admin) Pause(ctx context.Context, name string, h HoldRequest) (*Queue, error) {
	q := &Queue{}
	return q, a.json(ctx, http.MethodPost, "/queues/"+url.PathEscape(name)+"/pause", nil, nil, h, q)
}

// Resume ends a pause; other holds stay.
func (a *Admin) Resume(ctx context.Context, name string) (*Queue, error) {
	q := &Queue{}
	return q, a.json(ctx, http.MethodPost, "/queues/"+url.PathEscape(name)+"/resume", nil, nil, nil, q)
}

// PauseIntake lets no new requests into a queue, which get 503; what is there is delivered as before.
func (a *Admin) PauseIntake(ctx context.Context, name string, h HoldRequest) (*Queue, error) {
	q := &Queue{}
	return q, a.json(ctx, http.MethodPost, "/queues/"+url.PathEscape(name)+"/intake/pause", nil, nil, h, q)
}

// ResumeIntake ends a pause of the intake.
func (a *Admin) ResumeIntake(ctx context.Context, name string) (*Queue, error) {
	q := &Queue{}
	return q, a.json(ctx, http.MethodPost, "/queues/"+url.PathEscape(name)+"/intake/resume", nil, nil, nil, q)
}

// Purge removes messages of a queue: those that wait, or those in the states that the filter names. Running ones stay.
// One call does a bounded part; go on with Next as the filter's Cursor until it is empty.
func (a *Admin) Purge(ctx context.Context, name string, f Filter) (*Purged, error) {
	p := &Purged{}
	return p, a.json(ctx, http.MethodPost, "/queues/"+url.PathEscape(name)+"/purge", f.query(), nil, nil, p)
}

// Messages returns a page of messages, oldest first.
func (a *Admin) Messages(ctx context.Context, f Filter) (*Messages, error) {
	m := &Messages{}
	return m, a.json(ctx, http.MethodGet, "/messages", f.query(), nil, nil, m)
}

// Message returns one record; with body also the request's body, if it is at most 64 KiB.
func (a *Admin) Message(ctx context.Context, id string, body bool) (*Message, error) {
	m := &Message{}
	query := url.Values{}
	if body {
		query.Set("body", "true")
	}
	return m, a.json(ctx, http.MethodGet, "/messages/"+url.PathEscape(id), query, nil, nil, m)
}

// Explain returns why a request is where it is.
func (a *Admin) Explain(ctx context.Context, id string) (*Explanation, error) {
	e := &Explanation{}
	return e, a.json(ctx, http.MethodGet, "/messages/"+url.PathEscape(id)+"/explain", nil, nil, nil, e)
}

// ExplainQueue returns why the work of a queue is where it is.
func (a *Admin) ExplainQueue(ctx context.Context, name string) (*Explanation, error) {
	e := &Explanation{}
	return e, a.json(ctx, http.MethodGet, "/queues/"+url.PathEscape(name)+"/explain", nil, nil, nil, e)
}

// Dead returns a page of the dead letter queue, oldest first.
func (a *Admin) Dead(ctx context.Context, f Filter) (*Messages, error) {
	m := &Messages{}
	return m, a.json(ctx, http.MethodGet, "/dead", f.query(), nil, nil, m)
}

// Redrive puts one dead message back as its next generation.
func (a *Admin) Redrive(ctx context.Context, id string) (*Message, error) {
	m := &Message{}
	return m, a.json(ctx, http.MethodPost, "/dead/"+url.PathEscape(id)+"/redrive", nil, nil, nil, m)
}

// RedriveEdited is Redrive with a changed request, which is kept beside the original and sent instead of it.
func (a *Admin) RedriveEdited(ctx context.Context, id string, e Edit) (*Message, error) {
	m := &Message{}
	return m, a.json(ctx, http.MethodPost, "/dead/"+url.PathEscape(id)+"/redrive", nil, nil, e, m)
}

// RedriveAll puts dead messages that match back, at most the filter's Limit, and no more than rate of them a second; 0
// does not pace them. Without any criterion it needs all. Go on with Next as the filter's Cursor until it is empty.
func (a *Admin) RedriveAll(ctx context.Context, f Filter, all bool, rate float64) (*Redriven, error) {
	r := &Redriven{}
	query := f.everything(all)
	if rate > 0 {
		query.Set("rate", strconv.FormatFloat(rate, 'f', -1, 64))
	}
	return r, a.json(ctx, http.MethodPost, "/dead/redrive", query, nil, nil, r)
}

// ExportDead streams the dead messages that match, in a format of ExportFormats, with secrets masked; the filter's Limit
// is the most of them. The caller closes it. A read error means that the export is not complete.
func (a *Admin) ExportDead(ctx context.Context, f Filter, format string) (io.ReadCloser, error) {
	query := f.query()
	query.Set("format", format)
	response, err := a.do(ctx, http.MethodGet, "/dead/export", query, nil, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("OpenHQM-Source") != "openhqm" {
		defer response.Body.Close()
		return nil, errorOf(response)
	}
	return response.Body, nil
}

// RemoveDead removes dead messages that match, at most the filter's Limit. Without any criterion it needs all. Go on with
// Next as the filter's Cursor until it is empty.
func (a *Admin) RemoveDead(ctx context.Context, f Filter, all bool) (*Purged, error) {
	p := &Purged{}
	return p, a.json(ctx, http.MethodDelete, "/dead", f.everything(all), nil, nil, p)
}

// Audit recounts all messages from their records and indexes. It takes as long as reading all of them does.
func (a *Admin) Audit(ctx context.Context) (*Audit, error) {
	found := &Audit{}
	return found, a.json(ctx, http.MethodGet, "/audit", nil, nil, nil, found)
}

// Backup copies the store of the running server into a directory there: an absolute path, empty or absent. It takes as
// long as copying all large bodies does.
func (a *Admin) Backup(ctx context.Context, dir string) (*Backup, error) {
	b := &Backup{}
	return b, a.json(ctx, http.MethodPost, "/backup", nil, nil, BackupRequest{Dir: dir}, b)
}

// Endpoints returns every configured endpoint.
func (a *Admin) Endpoints(ctx context.Context) ([]Endpoint, error) {
	var list Endpoints
	err := a.json(ctx, http.MethodGet, "/endpoints", nil, nil, nil, &list)
	return list.Endpoints, err
}

// Hold closes an endpoint; what runs goes on.
func (a *Admin) Hold(ctx context.Context, name string, h HoldRequest) (*Endpoint, error) {
	e := &Endpoint{}
	return e, a.json(ctx, http.MethodPost, "/endpoints/"+url.PathEscape(name)+"/hold", nil, nil, h, e)
}

// Release opens an endpoint that an operator, a cooldown, the breaker or refused credentials hold; or it releases the
// holds that are named.
func (a *Admin) Release(ctx context.Context, name string, r ReleaseRequest) (*Endpoint, error) {
	e := &Endpoint{}
	return e, a.json(ctx, http.MethodPost, "/endpoints/"+url.PathEscape(name)+"/release", nil, nil, r, e)
}

func (f Filter) query() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"queue": f.Queue, "endpoint": f.Endpoint, "reason": f.Reason,
		"caller": f.Caller, "key": f.Key, "cursor": f.Cursor} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for _, state := range f.States {
		v.Add("state", state)
	}
	for name, at := range map[string]time.Time{"after": f.After, "before": f.Before} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if f.Limit > 0 {
		v.Set("limit", strconv.Itoa(f.Limit))
	}
	return v
}

func (f Filter) everything(all bool) url.Values {
	v := f.query()
	if all {
		v.Set("all", "true")
	}
	return v
}
