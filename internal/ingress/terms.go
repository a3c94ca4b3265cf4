package ingress

import (
	"fmt"
	"net/http"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// Terms are what an endpoint asks of the requests that are stored for it. Names of fields are canonical.
type Terms struct {
	RequireKey   bool         // an Idempotency-Key must be there, unless the method is safe
	HonorsKey    bool         // the endpoint itself takes requests with one Idempotency-Key for one
	CallerHeader string       // field that says who the caller is; "" for none
	Ordering     KeySource    // of the ordering key
	OnDead       queue.OnDead // what a dead letter does to its ordering key
	Fair         KeySource    // of whose share of the endpoint it takes, in place of an ordering key
	FairRate     float64      // how many of one such key may start in a second; 0: no limit
	FairBurst    int          // and how many at once after a pause
	FairShare    int          // how many of one such key may be ready or under way at once
}

// Key returns the idempotency key that a request bears, "" if it has none and needs none. The method is that of the request
// to the endpoint.
func (t *Terms) Key(method string, h http.Header) (string, *reply.Problem) {
	key, problem := idempotencyKey(h)
	if problem == nil && key == "" && t.RequireKey && !queue.Safe(method) {
		problem = reply.NewProblem(reply.KindBadParameter,
			"Idempotency-Key is missing, and this endpoint requires one (require_idempotency_key); "+
				"send the field with a value of your own, such as a UUID, and the same value when you repeat the request")
	}
	return key, problem
}

// Caller returns who the caller of a request is, "" if nobody is known.
func (t *Terms) Caller(h http.Header) (string, *reply.Problem) {
	return one(h, t.CallerHeader, queue.MaxNameLength)
}

// Lane returns the lane of a request with these fields: that of the ordering key which it names itself, or of the one that
// the endpoint orders by.
func (t *Terms) Lane(named string, h http.Header) (queue.Lane, *reply.Problem) {
	if !t.Fair.IsZero() {
		return t.fair(named, h)
	}
	key, problem := t.Ordering.read(h)
	switch {
	case problem != nil:
		return queue.Lane{}, problem
	case key == "":
		key = named
	case named != "" && named != key:
		return queue.Lane{}, reply.NewProblem(reply.KindBadParameter, fmt.Sprintf(
			"the ordering key is not that of %s, by which this endpoint orders; leave one of both out", t.Ordering))
	}
	if key == "" {
		return queue.Lane{}, nil
	}
	return queue.Lane{Key: key, Bound: 1, OnDead: t.OnDead}, nil
}

// fair returns the lane of a request that takes a share of the endpoint. It stands in no order, so that one which names an
// ordering key is refused.
func (t *Terms) fair(named string, h http.Header) (queue.Lane, *reply.Problem) {
	if named != "" {
		return queue.Lane{}, reply.NewProblem(reply.KindBadParameter, fmt.Sprintf(
			"an ordering key cannot be kept here: this route shares its endpoint out by %s (fairness); leave the key out", t.Fair))
	}
	key, problem := t.Fair.read(h)
	if problem != nil || key == "" {
		return queue.Lane{}, problem
	}
	return queue.Lane{Key: key, Bound: t.FairShare, Fair: true, Rate: t.FairRate, Burst: t.FairBurst}, nil
}

// one returns the value of a field, "" if it is missing.
func one(h http.Header, name string, limit int) (string, *reply.Problem) {
	if name == "" {
		return "", nil
	}
	values := h[name]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", reply.NewProblem(reply.KindBadParameter, name+" is given more than once")
	}
	value := trimBlanks(values[0])
	if value != "" && !plain(value, limit) {
		return "", reply.NewProblem(reply.KindBadParameter,
			fmt.Sprintf("%s: want at most %d bytes of text in UTF-8 without control characters", name, limit))
	}
	return value, nil
}
