package queue

import (
	"maps"
	"time"
)

// Gate is what limits the deliveries of one queue over all workers and pass-through calls. It is durable.
type Gate struct {
	Holds    map[HoldReason]Hold // while any of them stands, nothing is leased
	Limits   Limits
	Recovery Recovery
	// Adaptive is how many leases and reservations at once the endpoint was found to bear, beside Limits.MaxLeased; 0: that is
	// not looked for.
	Adaptive int `json:",omitzero"`
	// Intake is the pause in which no new message is accepted; nil: they are. What is in the queue does not feel it.
	Intake *Hold `json:",omitempty"`
}

// Recovery is how far an endpoint has come back since its breaker opened. The zero value: it is not recovering.
type Recovery struct {
	Since     time.Time // when the breaker opened, by the store's clock
	MaxLeased int       // leases and reservations at once, beside Limits.MaxLeased; 0: it is not recovering
}

// Limits bound the rate and number of deliveries of one queue. Zero values do not limit.
type Limits struct {
	MaxLeased int     // leases and reservations at once
	Rate      float64 // leases and reservations per second
	Burst     int     // how many of them may come at one moment when the queue was idle; 0 means 1
	// SyncShare is how many of a hundred slots and tokens are for reservations while leases want them too, as [Shares] says; 0
	// means DefaultSyncShare. What one side does not want is the other's.
	SyncShare int `json:",omitzero"`
}

// HoldReason says why a queue is held: a closed set, shared by records, logs, metric labels and the API.
type HoldReason string

// The reasons of holds. Each is set and released on its own.
const (
	HoldPaused          HoldReason = "paused"           // an operator paused the queue
	HoldOperator        HoldReason = "operator"         // an operator holds the endpoint
	HoldCooldown        HoldReason = "cooldown"         // the endpoint asked for time: Retry-After or RateLimit
	HoldBreaker         HoldReason = "breaker"          // the circuit breaker is open
	HoldEndpointMissing HoldReason = "endpoint_missing" // the configuration no longer names the endpoint
	HoldAuth            HoldReason = "auth"             // the endpoint refused the configured credentials
	HoldMaintenance     HoldReason = "maintenance"      // a configured maintenance window
	HoldDisk            HoldReason = "disk"             // the store has no room for answers: shown in Stats, never set by anybody
)

// HoldReasons returns the closed set of hold reasons.
func HoldReasons() []HoldReason {
	return []HoldReason{HoldPaused, HoldOperator, HoldCooldown, HoldBreaker, HoldEndpointMissing, HoldAuth, HoldMaintenance,
		HoldDisk}
}

// Hold keeps a queue closed.
type Hold struct {
	Since time.Time
	Until time.Time // zero: until it is released
	Note  string    // for people; never holds secrets
}

// GateChange says what SetGate changes; what it does not name stays.
type GateChange struct {
	Hold    []HoldChange
	Release []HoldReason
	Limits  *Limits
	Recover *int // leases and reservations at once while the endpoint recovers; 0: it has recovered
	Adapt   *int // the new Adaptive
	Intake  *IntakeChange
}

// HoldChange sets one hold.
type HoldChange struct {
	Reason HoldReason
	For    time.Duration // by the store's clock; 0: until it is released. A timed hold never shortens one that stands.
	Note   string
}

// IntakeChange pauses or resumes the intake of a queue.
type IntakeChange struct {
	Pause bool
	For   time.Duration // of a pause, by the store's clock; 0: until the intake is resumed
	Note  string
}

// Apply returns the gate after the change at the given time of the store's clock. Holds that ended are dropped.
func (g Gate) Apply(c GateChange, now time.Time) Gate {
	holds := maps.Clone(g.Holds)
	if holds == nil {
		holds = make(map[HoldReason]Hold, len(c.Hold))
	}
	maps.DeleteFunc(holds, func(_ HoldReason, h Hold) bool { return h.ended(now) })
	for _, reason := range c.Release {
		delete(holds, reason)
	}
	for _, change := range c.Hold {
		next := Hold{Since: now, Note: change.Note}
		if change.For > 0 {
			next.Until = now.Add(change.For)
		}
		if old, ok := holds[change.Reason]; ok {
			next.Since = old.Since
			if change.For > 0 && (old.Until.IsZero() || old.Until.After(next.Until)) {
				next.Until = old.Until
			}
		}
		holds[change.Reason] = next
	}
	g.Holds = holds
	if c.Limits != nil {
		g.Limits = *c.Limits
	}
	if c.Recover != nil {
		since := g.Recovery.Since
		if g.Recovery.MaxLeased == 0 {
			since = now
		}
		if g.Recovery = (Recovery{}); *c.Recover > 0 {
			g.Recovery = Recovery{Since: since, MaxLeased: *c.Recover}
		}
	}
	if c.Adapt != nil {
		g.Adaptive = *c.Adapt
	}
	g.Intake = g.intake(c.Intake, now)
	return g
}

// intake returns the pause of the intake after a change, or nil.
func (g Gate) intake(c *IntakeChange, now time.Time) *Hold {
	before, paused := g.IntakePaused(now)
	switch {
	case c == nil && paused:
		return g.Intake
	case c == nil || !c.Pause:
		return nil
	}
	next := &Hold{Since: now, Note: c.Note}
	if paused {
		next.Since = before.Since
	}
	if c.For > 0 {
		next.Until = now.Add(c.For)
	}
	return next
}

// IntakePaused returns the pause of the intake at the given time of the store's clock, and false if new messages are accepted.
func (g Gate) IntakePaused(now time.Time) (Hold, bool) {
	if g.Intake == nil || g.Intake.ended(now) {
		return Hold{}, false
	}
	return *g.Intake, true
}

// Refusal returns the error with which Enqueue refuses a new message of the queue at the given time of the store's clock, or
// nil.
func (g Gate) Refusal(queue string, now time.Time) error {
	pause, paused := g.IntakePaused(now)
	if !paused {
		return nil
	}
	e := &IntakeError{Queue: queue, Note: pause.Note}
	if !pause.Until.IsZero() {
		e.After = pause.Until.Sub(now)
	}
	return e
}

// MaxLeased returns how many leases and reservations the gate allows at once: the smallest of its limit, what the endpoint was
// found to bear, and what a recovering one is given. 0 does not limit.
func (g Gate) MaxLeased() int {
	most := 0
	for _, limit := range [...]int{g.Limits.MaxLeased, g.Adaptive, g.Recovery.MaxLeased} {
		if limit > 0 && (most == 0 || limit < most) {
			most = limit
		}
	}
	return most
}

func (h Hold) ended(now time.Time) bool { return !h.Until.IsZero() && !now.Before(h.Until) }

// Closed returns the hold that keeps the gate closed longest at the given time of the store's clock, and false if none
// does.
func (g Gate) Closed(now time.Time) (HoldReason, Hold, bool) {
	var reason HoldReason
	var longest Hold
	for r, h := range g.Holds {
		switch {
		case h.ended(now):
		case reason == "", h.Until.IsZero() && !longest.Until.IsZero(),
			!longest.Until.IsZero() && h.Until.After(longest.Until), h.Until.Equal(longest.Until) && r < reason:
			reason, longest = r, h
		}
	}
	return reason, longest, reason != ""
}

// Bucket is the state of a queue's rate limit: the generic cell rate algorithm, one time. In no second are more tokens
// taken than the rate and the burst together. The zero value is full.
type Bucket struct {
	next time.Time // when the bucket would be full again
}

// EmptyBucket returns a bucket without tokens: how a store starts when it does not know what was sent before.
func EmptyBucket(now time.Time, l Limits) Bucket {
	return Bucket{next: now.Add(time.Duration(l.burst()) * l.interval())}
}

// Under returns the bucket under new limits. It is at most empty by them, so that raising a rate does not leave the queue
// closed for as long as its tokens would have taken to come back before.
func (b Bucket) Under(now time.Time, l Limits) Bucket {
	if empty := EmptyBucket(now, l); l.Rate <= 0 || b.next.After(empty.next) {
		return empty
	}
	return b
}

// Take takes a token if there is one. Without a rate there always is.
func (b *Bucket) Take(now time.Time, l Limits) bool {
	if l.Rate <= 0 {
		return true
	}
	if b.At(l).After(now) {
		return false
	}
	if now.Sub(b.next) > l.grace() {
		b.next = now
	}
	b.next = b.next.Add(l.interval())
	return true
}

// At returns when the next token is there; a time that has passed means now.
func (b *Bucket) At(l Limits) time.Time {
	if l.Rate <= 0 {
		return time.Time{}
	}
	return b.next.Add(-time.Duration(l.burst()-1) * l.interval())
}

func (l Limits) burst() int { return max(l.Burst, 1) }

// maxGrace is more than a timer is late on a busy machine.
const maxGrace = 10 * time.Millisecond

// grace is how late a token may be taken without the next one coming later for it: who waits for a token wakes up after it
// came, and at a rate of 100/s and a burst of 1 a millisecond each time would be a tenth of all calls. Up to an interval of
// grace keeps the bound on a second; a quarter of one leaves the rest for calls that take unequally long to arrive.
func (l Limits) grace() time.Duration { return min(l.interval()/4, maxGrace) }

// interval returns how long one token takes to come. A burst takes ten years at most, far from what a Duration cannot hold.
func (l Limits) interval() time.Duration {
	const most = 10 * 365 * 24 * time.Hour
	if l.Rate <= 0 {
		return 0
	}
	return time.Duration(min(float64(time.Second)/l.Rate, float64(most)/float64(l.burst())))
}
