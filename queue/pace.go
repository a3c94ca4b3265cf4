package queue

import "time"

// Pace keeps the rate of one lane for a store. Not more of its messages are ready than there are tokens, so that the first that
// is leased finds one: each takes its token in the step of the lease. A store keeps a Pace until it is idle, as [Pace.IdleAt] says.
type Pace struct {
	bucket        Bucket
	ready, leased int
}

// NewPace returns the pace of a lane that nothing is known of in a store that was opened at a time: what was sent before counts
// as much as it can have been.
func NewPace(l Lane, opened time.Time) *Pace {
	return &Pace{bucket: EmptyBucket(opened, l.limits())}
}

func (l Lane) limits() Limits { return Limits{Rate: l.Rate, Burst: l.Burst} }

// Count adds to how many messages of the lane are in a state.
func (p *Pace) Count(s State, by int) {
	switch s {
	case Ready:
		p.ready = max(p.ready+by, 0)
	case Leased:
		p.leased = max(p.leased+by, 0)
	}
}

// Admits reports whether one more message of the lane may become ready. If not, it returns when that may be; zero: when one of
// those that are ready has been leased.
func (p *Pace) Admits(l Lane, now time.Time) (at time.Time, ok bool) {
	limits := l.limits()
	if p.ready >= limits.burst() {
		return time.Time{}, false
	}
	at = p.bucket.next.Add(time.Duration(p.ready+1-limits.burst()) * limits.interval())
	return at, !at.After(now)
}

// HasToken reports whether there is a token.
func (p *Pace) HasToken(l Lane, now time.Time) bool { return !p.bucket.At(l.limits()).After(now) }

// Take takes the token of a message that is being leased, and reports whether there was one.
func (p *Pace) Take(l Lane, now time.Time) bool { return p.bucket.Take(now, l.limits()) }

// IdleAt returns when the pace may be forgotten, if nothing happens until then; false while messages are ready or leased.
func (p *Pace) IdleAt() (time.Time, bool) { return p.bucket.next, p.ready == 0 && p.leased == 0 }
