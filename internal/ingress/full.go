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

// fullness remembers that the store was full a moment ago, so that large uploads are refused by their head. Small requests
// always ask the store: they cost nothing, and only the store knows when there is room again.
type fullness struct{ last atomic.Pointer[refusal] }

type refusal struct {
	at  time.Time
	err error
}

// note remembers an error of Submit.
func (f *fullness) note(err error) {
	if errors.Is(err, queue.ErrFull) {
		f.last.Store(&refusal{at: time.Now(), err: err})
	}
}

// refuse returns a problem for a large upload soon after a refusal, or nil.
func (f *fullness) refuse(r *http.Request) *reply.Problem {
	last := f.last.Load()
	if last == nil || r.ContentLength >= 0 && r.ContentLength <= queue.InlineLimit || time.Since(last.at) > fullFor {
		return nil
	}
	return reply.ProblemOf(last.err)
}
