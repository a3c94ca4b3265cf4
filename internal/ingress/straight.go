package ingress

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/route"
)

// Switch is what operators turn at a route while it serves. Many goroutines may use it at once. The zero value queues nothing;
// see [NewSwitch].
type Switch struct {
	percent atomic.Int32
	bypass  atomic.Bool
}

// NewSwitch returns a switch in a position.
func NewSwitch(p Position) *Switch {
	s := &Switch{}
	s.Turn(p)
	return s
}

// Position is how a switch stands.
type Position struct {
	QueuePercent int  `json:"queue_percent"` // of the keys whose requests are queued, 0 to 100
	Bypass       bool `json:"bypass"`        // every request goes straight through, and needs no store
}

// Turn brings the switch into a position. Requests that are under way end as they began.
func (s *Switch) Turn(p Position) {
	s.percent.Store(int32(p.QueuePercent))
	s.bypass.Store(p.Bypass)
}

// Position returns how the switch stands.
func (s *Switch) Position() Position {
	return Position{QueuePercent: int(s.percent.Load()), Bypass: s.bypass.Load()}
}

// Straight says why a request goes straight through whatever the mode of its route: a closed set, shared by
// metrics, the API and `openhqm route test`.
type Straight string

// The reasons.
const (
	NotStraight       Straight = ""
	StraightByShare   Straight = "share"      // its key is outside of queue_percent
	StraightByBypass  Straight = "bypass"     // the route is bypassed
	StraightByFailure Straight = "store_down" // the store took nothing, and on_store_down is open
)

// Meter counts the requests of a route that went straight through.
type Meter interface {
	// Passed is told of each: why it went straight ("": it is the mode of the route), the status that its client got, and how long
	// that took.
	Passed(why Straight, status int, took time.Duration)
}

// straight says whether a request of the route goes straight through though its mode would store it; where a bypass is on, also
// one that would pass in any case, since then it needs no store.
func (a *Action) straight(r *http.Request, mode Mode) Straight {
	if a == nil || a.Switch == nil {
		return NotStraight
	}
	if a.Switch.bypass.Load() {
		return StraightByBypass
	}
	percent := int(a.Switch.percent.Load())
	if mode == ModeSync || percent >= 100 || asksTheQueue(r.Header) || route.InShare(a.QueueKey(r), percent) {
		return NotStraight
	}
	return StraightByShare
}

// asksTheQueue reports whether a request asks for what only the queue has: a share of requests that go straight is taken from
// those that do not know of it.
func asksTheQueue(h http.Header) bool {
	if len(h[callbackField]) > 0 {
		return true
	}
	for i := range controls {
		if len(h[controls[i].field]) > 0 {
			return true
		}
	}
	return false
}

// measure tells the meter of the request's route what a call that went straight through came to.
func (c *call) measure(began time.Time, status int) {
	if c.action != nil && c.action.Meter != nil && status != 0 {
		c.action.Meter.Passed(c.straight, status, time.Since(began))
	}
}
