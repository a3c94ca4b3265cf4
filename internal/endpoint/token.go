package endpoint

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/openhqm/openhqm/queue"
)

// token is an access token. It never leaves the process but in requests to the endpoint.
type token struct {
	value   string
	fetched time.Time // when it was asked for
	renewAt time.Time // from then on another one is fetched beside its use; zero: never
	endsAt  time.Time // from then on it is not used any more; zero: until it is refused

	renewed  bool        // fetched because the one before was refused
	accepted atomic.Bool // the endpoint answered something else than 401 to it
}

// newToken returns a token that is renewed when four fifths of its life are over, or a minute before its end if that is
// later, and not used in the last twentieth or the last ten seconds, since it has to be valid still when it arrives.
func newToken(value string, fetched, expires time.Time) *token {
	t := &token{value: value, fetched: fetched}
	if !expires.IsZero() {
		life := max(expires.Sub(fetched), 0)
		t.renewAt = expires.Add(-min(life/5, time.Minute))
		t.endsAt = expires.Add(-min(life/20, 10*time.Second))
	}
	return t
}

func (t *token) usable(now time.Time) bool {
	return t != nil && (t.endsAt.IsZero() || now.Before(t.endsAt))
}

func (t *token) due(now time.Time) bool { return !t.renewAt.IsZero() && !now.Before(t.renewAt) }

// tokenPause is how long a fetch that failed is not repeated, and how long a new token is kept even though it is refused.
const tokenPause = time.Second

// tokens keeps the access token of an endpoint: fetched once for all calls, kept until its end, renewed ahead of it while
// calls go on with the one there is.
type tokens struct {
	fetch func() (*token, error)
	told  func(error) // nil when fetching succeeds again, else why it does not

	flight singleflight.Group

	mu       sync.Mutex
	now      *token // nil: none, or the last one was refused
	refused  bool   // the last one was refused
	failed   error  // of the last fetch
	failedAt time.Time
}

// get returns the token to send. It waits only where there is none. The error is a fault of class NotSent, or ctx's.
func (s *tokens) get(ctx context.Context) (*token, error) {
	now := time.Now()
	s.mu.Lock()
	have, failed := s.now, s.failed
	if failed != nil && now.Sub(s.failedAt) >= tokenPause {
		failed = nil
	}
	s.mu.Unlock()
	usable := have.usable(now)
	switch {
	case usable && (!have.due(now) || failed != nil):
		return have, nil
	case failed != nil:
		return nil, failed
	}
	fetched := s.flight.DoChan("", func() (any, error) { return s.renew() })
	if usable {
		return have, nil
	}
	select {
	case got := <-fetched:
		if got.Err != nil {
			return nil, got.Err
		}
		return got.Val.(*token), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// renew fetches a token, unless somebody just has.
func (s *tokens) renew() (*token, error) {
	s.mu.Lock()
	have := s.now
	s.mu.Unlock()
	if now := time.Now(); have.usable(now) && !have.due(now) {
		return have, nil
	}
	got, err := s.fetch()
	s.mu.Lock()
	defer s.mu.Unlock()
	news := (err == nil) != (s.failed == nil)
	s.failed = err
	if err != nil {
		s.failedAt = time.Now()
	} else {
		got.renewed, s.refused, s.now = s.refused, false, got
	}
	if news {
		s.told(err)
	}
	return got, err
}

// answered takes up how the endpoint answered a call with a token, and reports whether the call is to be made again with
// another one: only a 401 says that of a token (RFC 6750 3.1), and a token that was fetched because of it must not be
// refused in turn. Once for each message: refusedAt is when its last attempt, if it was answered 401, began.
func (s *tokens) answered(t *token, status int, refusedAt time.Time) (again bool) {
	if status != http.StatusUnauthorized {
		t.accepted.Store(true)
		return false
	}
	second := t.renewed && !t.accepted.Load() || !refusedAt.IsZero() && t.fetched.After(refusedAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == t && (!second || time.Since(t.fetched) >= tokenPause) {
		s.now, s.refused = nil, true
	}
	return !second
}

// refusedAt returns when the last attempt of a message began, if it was answered 401; else zero.
func refusedAt(r *queue.Record) time.Time {
	if n := len(r.History); n > 0 && r.History[n-1].Class == queue.Answered && r.History[n-1].Status == http.StatusUnauthorized {
		return r.History[n-1].StartedAt
	}
	return time.Time{}
}
