package queue

import (
	"math/rand/v2"
	"time"
)

// Policy is how the Broker treats the messages of one queue. It may change while messages wait; what it fixed at submit
// (OnLost, deadline, retention) stays as it was.
type Policy struct {
	MaxAttempts   int            // counted attempts before a message is dead; at least 1 (max_retries + 1)
	MaxDeliveries int            // poison limit: deliveries that ended in a crash
	RouteAttempts map[string]int // MaxAttempts of messages that came by a route of this name; nil: as the others
	Backoff       Backoff
	MaxAge        time.Duration // default deadline after acceptance; 0: none
	KeepResult    time.Duration
	KeepDead      time.Duration // 0: for ever

	RetryUnsafe          bool // a request that is not idempotent may be repeated when its outcome is unknown
	HonorsIdempotencyKey bool // the endpoint deduplicates by Idempotency-Key
	InjectsAuth          bool // 401 and 403 to a request with credentials of OpenHQM's own are faults of configuration

	Statuses map[int]Verdict // overrides of the status table
}

// attempts returns how many attempts a message may have that came by a route.
func (p *Policy) attempts(route string) int {
	if n, ok := p.RouteAttempts[route]; ok {
		return n
	}
	return p.MaxAttempts
}

// DefaultPolicy is what applies to a queue without a policy of its own.
func DefaultPolicy() Policy {
	return Policy{
		MaxAttempts:   4,
		MaxDeliveries: 5,
		Backoff:       Backoff{Base: time.Second, Max: time.Minute},
		MaxAge:        24 * time.Hour,
		KeepResult:    24 * time.Hour,
		KeepDead:      14 * 24 * time.Hour,
	}
}

// Backoff is exponential with full jitter: the n-th wait is uniform between 0 and min(Max, Base * 2^(n-1)).
type Backoff struct {
	Base time.Duration
	Max  time.Duration
}

// Delay returns the wait after the n-th failure, n from 1.
func (b Backoff) Delay(n int) time.Duration {
	ceiling := b.Ceiling(n)
	if ceiling <= 0 {
		return 0
	}
	return rand.N(ceiling) + 1
}

// Ceiling returns the longest wait after the n-th failure.
func (b Backoff) Ceiling(n int) time.Duration {
	d := b.Base
	for i := 1; i < n && d < b.Max; i++ {
		d *= 2
	}
	return min(d, b.Max)
}

// Bounds of how long an endpoint's Retry-After may close it.
const (
	MinCooldown = time.Second
	MaxCooldown = time.Hour
)

// Cooldown returns the time for which an answer's Retry-After closes the endpoint: clamped to MinCooldown and
// MaxCooldown.
func Cooldown(retryAfter time.Duration) time.Duration {
	return min(max(retryAfter, MinCooldown), MaxCooldown)
}
