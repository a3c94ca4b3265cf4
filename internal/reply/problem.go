package reply

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Problem is an error as clients see it (RFC 9457). It is itself an error, so that a handler can return one.
type Problem struct {
	Kind       Kind
	Detail     string         // for people: names the thing and the remedy; never holds secrets
	About      About          // the message, if it is about one
	RetryAfter time.Duration  // overrides what the kind says; 0 keeps it
	Members    map[string]any // further members of the document
	Err        error          // for the log only
}

// NewProblem returns a problem of a kind with its detail.
func NewProblem(kind Kind, detail string) *Problem { return &Problem{Kind: kind, Detail: detail} }

// Error returns kind and detail.
func (p *Problem) Error() string { return string(p.Kind) + ": " + p.Detail }

// Unwrap returns what is for the log only.
func (p *Problem) Unwrap() error { return p.Err }

// typePrefix begins the type of every problem.
const typePrefix = "urn:openhqm:problem:"

// unreadFor is how long a client may take to send the rest of a small body that was refused, before its connection ends.
const unreadFor = 5 * time.Second

// Problem answers with a problem document.
func (p *Replies) Problem(w http.ResponseWriter, r *http.Request, problem *Problem) {
	info, ok := kinds[problem.Kind]
	if !ok {
		problem.Kind, info = KindInternal, kinds[KindInternal]
	}
	if r.ContentLength != 0 {
		// Before it answers, Go's server reads on in a body that was refused: not for ever. It moves the deadline itself
		// before the next request.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadFor)) // not every transport has deadlines
	}
	h := w.Header()
	p.Own(h, r, problem.About)
	h["Content-Type"] = valueProblem
	switch {
	case problem.RetryAfter > 0:
		h["Retry-After"] = retryIn(problem.RetryAfter)
	case info.retry:
		h["Retry-After"] = p.RetryAfter(problem.About.Queue)
	}
	document := make(map[string]any, 8)
	for name, value := range problem.Members {
		document[name] = value
	}
	document["type"] = typePrefix + string(problem.Kind)
	document["title"] = info.title
	document["status"] = info.status
	document["detail"] = problem.Detail
	if !problem.About.ID.IsZero() {
		document["correlation_id"] = problem.About.ID
	}
	body, err := json.Marshal(document)
	if err != nil {
		p.log.ErrorContext(r.Context(), "problem document cannot be encoded", "kind", string(problem.Kind), "error", err)
	}
	w.WriteHeader(info.status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone does not read it
}

// Error answers an error with the status, type and Retry-After of the one table in errors.go. What the table does not
// know is 500 with an ID, under which the error is logged.
func (p *Replies) Error(w http.ResponseWriter, r *http.Request, err error) {
	p.ErrorAbout(w, r, About{}, err)
}

// ErrorAbout is Error for a request that is about a message or a queue.
func (p *Replies) ErrorAbout(w http.ResponseWriter, r *http.Request, a About, err error) {
	problem := ProblemOf(err)
	if problem.About == (About{}) {
		problem.About = a
	}
	if info := kinds[problem.Kind]; info.log && !errors.Is(err, r.Context().Err()) {
		incident := newIncident()
		problem.Detail += "; reported in the server's log under " + incident
		p.log.ErrorContext(r.Context(), "request failed", "incident", incident, "kind", string(problem.Kind), "error", err)
	}
	p.Problem(w, r, problem)
}

// JSON answers with a value as JSON. A value that cannot be encoded is a fault of ours: 500.
func (p *Replies) JSON(w http.ResponseWriter, r *http.Request, status int, a About, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		p.ErrorAbout(w, r, a, err)
		return
	}
	h := w.Header()
	p.Own(h, r, a)
	h["Content-Type"] = valueJSON
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone does not read it
}

// newIncident returns an ID for one failure, or for one own answer that is about no message.
func newIncident() string { return queue.NewID(0, time.Now()).String() }

// Status returns the status that the problem is answered with.
func (p *Problem) Status() int { return kinds[p.Kind].status }
