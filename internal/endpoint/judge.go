package endpoint

import (
	"context"
	"io"
	"net/http"

	"github.com/openhqm/openhqm/internal/rule"
	"github.com/openhqm/openhqm/queue"
)

// source is the body of an answer as it is read. It remembers the error of reading it, to tell it from one of storing it, and,
// if watched, its beginning.
type source struct {
	io.Reader
	err     error
	watched bool
	start   []byte // of what was read, up to rule.MaxBody
	cut     bool   // there is more than start
	ended   bool   // read to its end
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	if s.watched {
		fits := min(n, rule.MaxBody-len(s.start))
		s.start = append(s.start, p[:fits]...)
		s.cut, s.ended = s.cut || fits < n, s.ended || err == io.EOF
	}
	return n, err
}

// judge lets the endpoint's rules say what a complete answer means, where they do.
func (e *Endpoint) judge(ctx context.Context, o *queue.Outcome, answer *http.Response, seen *source) {
	if e.rules == nil {
		return
	}
	found := e.rules.Judge(ctx, &rule.Answer{Status: answer.StatusCode, Header: answer.Header, Bodyless: bodyless(answer),
		Body: seen.start, Whole: seen.ended && !seen.cut && !o.Result.Truncated})
	o.Verdict = found.Verdict
	if o.Err == nil && found.Why != "" && found.Verdict != queue.VerdictResult {
		o.Err = &fault{class: queue.Answered, text: found.Why}
	}
}
