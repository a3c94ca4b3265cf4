package rule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/openhqm/openhqm/queue"
)

// Answer is what is judged.
type Answer struct {
	Status   int
	Header   http.Header
	Bodyless bool   // it has none, as the answer to a HEAD
	Body     []byte // its beginning, as it was sent
	Whole    bool   // Body is all of it
}

// Finding is what a Set says of an answer.
type Finding struct {
	Verdict queue.Verdict // VerdictByStatus: nothing
	Why     string        // for people; holds nothing of the answer. "" where the verdict is by status
}

// ReadsBody reports whether Judge wants to see a body.
func (s *Set) ReadsBody() bool { return s != nil && s.body }

// Judge says what an answer means.
func (s *Set) Judge(ctx context.Context, a *Answer) Finding {
	if s == nil {
		return Finding{}
	}
	return s.judge(a.Status, a.Header, &sight{ctx: ctx, answer: a})
}

// JudgeHead says what the head of an answer means whose body is not looked at: rules with conditions on it do not match, and
// success does not ask for them.
func (s *Set) JudgeHead(status int, h http.Header) Finding {
	if s == nil {
		return Finding{}
	}
	return s.judge(status, h, &sight{answer: &Answer{Bodyless: true}})
}

func (s *Set) judge(status int, h http.Header, body *sight) Finding {
	for i := range s.rules {
		r := &s.rules[i]
		if r.head(status, h) && (!r.readsBody() || body.meets(h, &r.conditions)) {
			return Finding{Verdict: r.then, Why: fmt.Sprintf("rule %d of the endpoint matches the answer", i+1)}
		}
	}
	if s.success == nil || status >= http.StatusBadRequest {
		return Finding{}
	}
	if s.success.head(status, h) && (body.answer.Bodyless || !s.success.readsBody() || body.meets(h, s.success)) {
		return Finding{}
	}
	return Finding{Verdict: s.otherwise, Why: "the answer does not meet the conditions of success"}
}

func (c *conditions) head(status int, h http.Header) bool {
	met := c.low == nil
	for i := range c.low {
		met = met || c.low[i] <= status && status <= c.high[i]
	}
	if !met {
		return false
	}
	for _, f := range c.fields {
		if !f.in(h) {
			return false
		}
	}
	return true
}

func (f *field) in(h http.Header) bool {
	for _, value := range h[f.name] {
		if f.value.MatchString(value) {
			return true
		}
	}
	return false
}

// sight decodes and parses a body once, when the first condition asks for it.
type sight struct {
	ctx    context.Context // of the one call of Judge that this lives for
	answer *Answer

	decoded, parsed bool
	text            []byte
	whole, readable bool
	value           any
	isJSON          bool
}

func (s *sight) meets(h http.Header, c *conditions) bool {
	if s.answer.Bodyless {
		return false
	}
	if !s.decoded {
		s.decoded = true
		s.text, s.whole, s.readable = decode(h, s.answer.Body, s.answer.Whole)
	}
	if !s.readable || c.body != nil && !c.body.Match(s.text) {
		return false
	}
	return c.jq == nil || s.json() && s.holds(c)
}

// json parses the body, which must be one JSON text and seen whole.
func (s *sight) json() bool {
	if !s.parsed {
		s.parsed = true
		s.isJSON = s.whole && json.Unmarshal(bytes.TrimPrefix(s.text, []byte("\ufeff")), &s.value) == nil
	}
	return s.isJSON
}

// holds runs a program until its first output.
func (s *sight) holds(c *conditions) bool {
	ctx, cancel := context.WithTimeout(s.ctx, MaxTime)
	defer cancel()
	switch first, ok := c.jq.RunWithContext(ctx, s.value).Next(); v := first.(type) {
	case error, nil:
		return false
	case bool:
		return ok && v
	default:
		return ok
	}
}
