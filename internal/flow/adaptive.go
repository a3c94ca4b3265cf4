package flow

import (
	"math"
	"slices"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Adaptive is what a user sets for a limit of calls at once that finds itself. The zero value: there is none.
type Adaptive struct {
	Min, Max int // the limit stays between them
	Initial  int // where it begins when nothing is known
}

// Within returns what a limit that was found is under this configuration: 0 where none is looked for, and where it begins if
// none was found.
func (a *Adaptive) Within(found int) int {
	switch {
	case a.Max <= 0:
		return 0
	case found == 0:
		return a.clamp(float64(a.Initial))
	}
	return a.clamp(float64(found))
}

func (a *Adaptive) clamp(limit float64) int { return min(max(int(limit), a.Min, 1), max(a.Max, 1)) }

const (
	// windowTime is how long calls are counted at least before the limit is judged, and windowCalls how many.
	windowTime  = 500 * time.Millisecond
	windowCalls = 10
	// samples is of how many calls of a window the latency is remembered at most.
	samples = 256
	// probeEvery is after how many windows the endpoint is asked anew how fast it is without a queue.
	probeEvery = 60
	// idleFor is how many windows in which hardly any call waits say that the limit is far from its bound.
	idleFor = 8
	// keep is the part of its calls that an endpoint keeps which says that it has too many.
	keep = 0.8
)

// adaptive finds how many calls at once an endpoint bears, by the algorithm that TCP Vegas uses for the packets of a connection
// (Brakmo, O'Malley, Peterson 1994): of the calls that are under way, so many wait within the endpoint as the latency exceeds
// that of an endpoint without a queue. A few that wait keep it busy; more only wait. An answer that says "too many" cuts the limit
// at once, whatever the latency.
//
// The latency without a queue is the lowest that was seen. So that an endpoint which has become slower for good is not taken for
// a crowded one, every probeEvery windows half as many calls run for a moment, and what they take is believed.
type adaptive struct {
	limit     int       // 0: not known yet
	base      float64   // seconds a call takes without a queue; 0: not known yet
	changedAt time.Time // when this process last decided on a limit
	cutAt     time.Time // calls begun before the last cut tell of the time before

	begun  time.Time // of the window
	calls  int       // that ended well in it
	spent  float64   // seconds they took, together
	took   []float64 // of some of them
	turn   int       // counts windows
	atOnce float64   // calls under way in the last window, on average
	idle   int       // windows in a row in which hardly any waited; it begins with enough of them

	before   int  // while a probe runs: the limit that it interrupts
	draining bool // the calls that were under way when the probe began are not over
}

// ended takes a call into account and returns the new limit, or false where it stays.
func (a *adaptive) ended(c *Config, call *queue.Call, now time.Time) (limit int, changed bool) {
	if c.Adaptive.Max <= 0 || call.Ours {
		return 0, false
	}
	if a.limit == 0 {
		a.limit = c.Adaptive.Within(0)
	}
	switch {
	case tooMany(call):
		return a.cut(c, call, now)
	case call.Class == queue.Answered && call.Verdict == queue.VerdictResult:
		return a.count(c, now.Sub(call.StartedAt).Seconds(), now)
	}
	return 0, false
}

// tooMany reports whether a call says that the endpoint has more of them than it bears. What was not sent is for the breaker.
func tooMany(call *queue.Call) bool {
	return call.Class == queue.Unanswered || call.Class == queue.Answered && (call.Status == 429 || call.Status == 503 || call.Status == 504)
}

// cut lowers the limit, once for all calls that were under way together.
func (a *adaptive) cut(c *Config, call *queue.Call, now time.Time) (int, bool) {
	if call.StartedAt.Before(a.cutAt) {
		return 0, false
	}
	used := float64(a.limit)
	if a.atOnce > 0 {
		used = min(used, a.atOnce+1)
	}
	a.cutAt, a.before, a.idle = now, 0, 0
	a.next(now)
	return a.change(c, used*keep, now)
}

// count counts a call that ended well, and judges the limit at the end of a window.
func (a *adaptive) count(c *Config, seconds float64, now time.Time) (int, bool) {
	if a.begun.IsZero() {
		a.next(now)
	}
	a.calls++
	a.spent += seconds
	if len(a.took) < samples {
		a.took = append(a.took, seconds)
	}
	window := now.Sub(a.begun)
	if a.calls < windowCalls || window < windowTime || window.Seconds() < 2*a.base {
		return 0, false
	}
	latency := a.latency()
	a.atOnce = a.spent / window.Seconds()
	a.next(now)
	if a.before > 0 {
		return a.probed(c, latency, now)
	}
	if a.base == 0 || latency < a.base {
		a.base = latency
	}
	if a.turn++; a.turn%probeEvery > 0 || a.atOnce <= float64(a.limit)/2 {
		return a.judge(c, latency, now)
	}
	if a.limit <= max(c.Adaptive.Min, 1) {
		a.base = latency // there is no less to try
		return 0, false
	}
	a.before, a.draining = a.limit, true
	return a.change(c, float64(a.limit)/2, now)
}

// latency returns what a call of the window took: the mean, without the slowest tenth, of which one may be a hundred others.
func (a *adaptive) latency() float64 {
	slices.Sort(a.took)
	most := a.took[:len(a.took)-len(a.took)/10]
	sum := 0.0
	for _, seconds := range most {
		sum += seconds
	}
	return sum / float64(len(most))
}

// next begins a window.
func (a *adaptive) next(now time.Time) { a.begun, a.calls, a.spent, a.took = now, 0, 0, a.took[:0] }

// probed ends a window of a probe: the first one saw the calls that had been under way, so that the second one counts.
func (a *adaptive) probed(c *Config, latency float64, now time.Time) (int, bool) {
	if a.draining {
		a.draining = false
		return 0, false
	}
	before := a.before
	a.base, a.before = latency, 0
	return a.change(c, float64(before), now)
}

// judge moves the limit by how many calls wait within the endpoint: none means that it bears more, and a handful that it is busy.
func (a *adaptive) judge(c *Config, latency float64, now time.Time) (int, bool) {
	limit := float64(a.limit)
	waiting, step := min(a.atOnce, limit)*(1-a.base/latency), max(1, math.Log10(limit))
	if waiting > step {
		a.idle = 0
	}
	switch {
	case waiting > min(6*step, 0.75*limit): // of few calls it is soon most that wait
		limit -= max(step, limit/10)
	case waiting > min(3*step, limit/2) || a.atOnce < 0.7*limit: // enough, or nobody asks for more
		return 0, false
	case waiting <= step && a.idle >= idleFor:
		limit += max(6*step, limit/4)
	default:
		a.idle++
		limit += step
	}
	return a.change(c, limit, now)
}

// change sets the limit.
func (a *adaptive) change(c *Config, limit float64, now time.Time) (int, bool) {
	next := c.Adaptive.clamp(math.Round(limit))
	if next == a.limit {
		return 0, false
	}
	a.limit, a.changedAt = next, now
	return next, true
}

// seen takes over what the store says, unless this process has decided on something since the store was asked.
func (a *adaptive) seen(g queue.Gate, asked time.Time) {
	if g.Adaptive > 0 && g.Adaptive != a.limit && !asked.Before(a.changedAt) {
		a.limit, a.before = g.Adaptive, 0
	}
}
