package ingress

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// fullFor is how long a refusal of the store speaks for later large uploads.
const fullFor = 200 * time.Millisecond

// fullness remembers that the store took nothing a moment ago, or nothing for one queue, so that large uploads are refused by
// their head. Small requests always ask the store: they cost nothing, and only the store knows when there is room again.
type fullness struct{ last atomic.Pointer[refusal] }

type refusal struct {
	at  time.Time
	err error
}

// note remembers an error of Submit.
func (f *fullness) note(err error) {
	if errors.Is(err, queue.ErrFull) || errors.Is(err, queue.ErrIntakePaused) {
		f.last.Store(&refusal{at: time.Now(), err: err})
	}
}

// refuse returns a problem for a large upload to a queue soon after a refusal, or nil.
func (f *fullness) refuse(r *http.Request, queueName string) *reply.Problem {
	last := f.last.Load()
	if last == nil || r.ContentLength >= 0 && r.ContentLength <= queue.InlineLimit || time.Since(last.at) > fullFor {
		return nil
	}
	if paused, ok := errors.AsType[*queue.IntakeError](last.err); ok && paused.Queue != queueName {
		return nil
	}
	return reply.ProblemOf(last.err)
}
