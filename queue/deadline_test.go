package queue_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func TestBrokerTakesTheEarliestDeadline(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		now := time.Now()
		for _, c := range []struct {
			maxAge   time.Duration
			deadline time.Time
			want     time.Duration
		}{
			{0, time.Time{}, 24 * time.Hour},
			{time.Hour, time.Time{}, time.Hour},
			{48 * time.Hour, time.Time{}, 24 * time.Hour},
			{0, now.Add(2 * time.Hour), 2 * time.Hour},
			{time.Hour, now.Add(2 * time.Hour), time.Hour},
			{3 * time.Hour, now.Add(2 * time.Hour), 2 * time.Hour},
			{0, now.Add(48 * time.Hour), 24 * time.Hour},
		} {
			s := submission(http.MethodPost)
			s.MaxAge, s.Deadline = c.maxAge, c.deadline
			receipt, err := b.Submit(b.ctx, s)
			if err != nil || receipt.ExpiresAt.Sub(now) != c.want {
				t.Errorf("max age %v, deadline in %v: expires in %v, %v; want %v", c.maxAge, c.deadline.Sub(now), receipt.ExpiresAt.Sub(now), err, c.want)
			}
		}
	})
}

func TestBrokerRefusesADeadlineThatCannotBeKept(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		for names, change := range map[string]func(*queue.Submission){
			"later one":           func(s *queue.Submission) { s.Deadline = time.Now() },
			"max_age":             func(s *queue.Submission) { s.MaxAge = -1 },
			"raise queue.max_age": func(s *queue.Submission) { s.Delay = 25 * time.Hour },
			"later deadline":      func(s *queue.Submission) { s.Delay, s.MaxAge = 2*time.Hour, time.Hour },
			"give a later":        func(s *queue.Submission) { s.Delay, s.Deadline = time.Hour, time.Now().Add(time.Minute) },
		} {
			s := submission(http.MethodPost)
			change(s)
			if _, err := b.Submit(b.ctx, s); !errors.Is(err, queue.ErrInvalid) || !strings.Contains(err.Error(), names) {
				t.Errorf("%v, want one that says %q", err, names)
			}
		}
	})
}

// A client that did not get its answer repeats the very same request, with the deadline that it had.
func TestBrokerFindsARepeatAfterItsDeadline(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		deadline := time.Now().Add(time.Minute)
		keyed := func(key string) *queue.Submission {
			s := submission(http.MethodPost)
			s.Deadline, s.Delay, s.IdempotencyKey = deadline, 10*time.Second, key
			var err error
			if s.Fingerprint, err = s.Request.Fingerprint(b.ctx); err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := b.submit(keyed("k"))
		b.settle(b.lease(), answered(200))
		for range 2 {
			time.Sleep(45 * time.Second) // its delay, then its deadline too are beyond what is left
			receipt, err := b.Submit(b.ctx, keyed("k"))
			if err != nil || !receipt.Duplicate || receipt.ID != first {
				t.Errorf("a repeat: %+v, %v", receipt, err)
			}
		}
		late := b.submit(keyed("another")) // which nobody sent before
		synctest.Wait()
		b.want(late, queue.Expired, "", 0)
		contrary := keyed("third")
		contrary.NotBefore = deadline.Add(time.Hour)
		if _, err := b.Submit(b.ctx, contrary); !errors.Is(err, queue.ErrInvalid) {
			t.Errorf("not before a time beyond its deadline: %v, want ErrInvalid", err)
		}
	})
}
