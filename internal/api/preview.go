package api

import (
	"errors"
	"net/http"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// IsSubmit reports whether a request is a submit to an API with the prefix.
func IsSubmit(prefix string, r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == prefix+"/submit"
}

// Preview returns what a submit would ask to be stored, and does not store it. The problem is what it would be answered. The
// payload lies in the Broker's bodies.
func (p *Producer) Preview(r *http.Request) (*queue.Submission, *reply.Problem) {
	s, err := p.submission(ingress.Discarding{}, r)
	if err == nil {
		return s, nil
	}
	var problem *reply.Problem
	if errors.As(explain(err), &problem) {
		return nil, problem
	}
	return nil, reply.ProblemOf(err)
}
