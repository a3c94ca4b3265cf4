package api

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	routing "github.com/openhqm/openhqm/internal/route"
	"github.com/openhqm/openhqm/queue"
)

// Ruler may be implemented by Targets that have the rules of a routing.yaml.
type Ruler interface {
	// Rule returns what the rules make of a submit that names no endpoint; nil where there are no rules, or where none takes it
	// and the default target stands in.
	Rule(m *routing.Message) (*Ruled, error)
	// HasRules reports whether there are any.
	HasRules() bool
}

// Ruled is what a rule makes of a submit.
type Ruled struct {
	Target  Target
	Name    string
	Method  string        // of a submit that names none; ""
	Timeout time.Duration // bound on one attempt; 0
	Outcome routing.Outcome
}

// maxRuled is the largest payload that rules look at and transform, in bytes.
const maxRuled = 1 << 20

// rule asks the rules for the target of a submit and does what they say, but for the payload, which it leaves in m: a repeat is
// known by the payload that the client sent.
func (p *Producer) rule(ctx context.Context, request *queue.Request, e *envelope, m *metadata) (*Ruled, error) {
	ruler, ok := p.o.Targets.(Ruler)
	if !ok || m.endpoint != "" || !ruler.HasRules() {
		return nil, nil
	}
	if request.Body.Size() > maxRuled {
		return nil, reply.NewProblem(reply.KindBodyTooLarge, fmt.Sprintf("the payload has %d bytes, and the rules of routing look at %d at most; "+
			"name the endpoint in metadata.endpoint", request.Body.Size(), maxRuled))
	}
	metadata, _ := routing.DecodeJSON(e.metadata).(map[string]any)
	ruled, err := ruler.Rule(&routing.Message{Payload: jsonOf(ctx, request.Body, maxRuled), Headers: request.Header, Metadata: metadata})
	if err != nil || ruled == nil {
		return nil, err
	}
	for name, values := range ruled.Outcome.Header {
		request.Header[name] = values
	}
	if query := ruled.Outcome.Query; query != "" {
		joint := "?"
		if strings.Contains(request.Target, "?") {
			joint = "&"
		}
		request.Target += joint + query
	}
	m.method = firstOf(m.method, ruled.Method)
	if ruled.Timeout > 0 && (m.Timeout == 0 || m.Timeout > ruled.Timeout) {
		m.Timeout = ruled.Timeout
	}
	m.transformed = ruled.Outcome.Payload
	return ruled, nil
}

// transform puts what the rules made of a payload in its place.
func (p *Producer) transform(ctx context.Context, s *queue.Submission, payload []byte) error {
	if payload == nil {
		return nil
	}
	body, err := queue.ReceiveBody(ctx, p.o.Broker.Bodies(), bytes.NewReader(payload), int64(len(payload)), int64(len(payload)))
	if err != nil {
		return fmt.Errorf("store the transformed payload: %w", err)
	}
	p.discard(ctx, s.Request.Body)
	s.Request.Body = body
	return nil
}
