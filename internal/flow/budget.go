package flow

import (
	"maps"
	"math/rand/v2"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
)

// MinRetries is how many retries a second are allowed however few first attempts there are: a budget puts retries off,
// and must not keep the last messages of a quiet queue waiting.
const MinRetries = 10

// window is over how many seconds first attempts are counted.
const window = 10

// budget counts an endpoint's first attempts, and plans when retries come. It measures time in seconds since it was made,
// on the monotonic clock, so that a step of the wall clock moves nothing (R13).
type budget struct {
	start   time.Time
	firsts  [window]int64
	counted int64           // the newest second in firsts
	planned map[int64]int64 // second -> retries
	full    span            // seconds known to be full, so that a long line is not walked for each retry
}

// span is a range of seconds, up to but not including the last, with a limit that they have reached.
type span struct{ from, to, limit int64 }

func (b *budget) second(t time.Time) int64 { return int64(t.Sub(b.start) / time.Second) }

// first counts a first attempt.
func (b *budget) first(now time.Time) {
	b.advance(now)
	b.firsts[b.counted%window]++
}

// advance forgets what is older than the window.
func (b *budget) advance(now time.Time) {
	second := b.second(now)
	if second <= b.counted {
		return
	}
	for n := max(b.counted+1, second-window+1); n <= second; n++ {
		b.firsts[n%window] = 0
	}
	b.counted = second
	maps.DeleteFunc(b.planned, func(n, _ int64) bool { return n < second })
}

// plan returns after, or more, so that the second in which the retry comes holds no more of them than it may.
func (b *budget) plan(now time.Time, after time.Duration, percent int) time.Duration {
	if fault.Planted(fault.RetryBudgetIgnored) {
		return after
	}
	b.advance(now)
	limit := b.limit(percent)
	wanted := b.second(now.Add(after))
	second := wanted
	if b.full.limit >= limit && second >= b.full.from && second < b.full.to {
		second = b.full.to
	}
	for b.planned[second] >= limit {
		second++
	}
	if second > wanted && (b.full.limit < limit || wanted < b.full.from || wanted > b.full.to) {
		b.full = span{from: wanted, to: second, limit: limit}
	} else if second > wanted {
		b.full.to, b.full.limit = max(b.full.to, second), min(b.full.limit, limit)
	}
	if b.planned == nil {
		b.planned = make(map[int64]int64)
	}
	b.planned[second]++
	if second == wanted {
		return after
	}
	begins := b.start.Add(time.Duration(second) * time.Second).Sub(now)
	return begins + rand.N(time.Second)
}

// limit returns how many retries may come in one second.
func (b *budget) limit(percent int) int64 {
	var n int64
	for _, firsts := range b.firsts {
		n += firsts
	}
	return max(MinRetries, n*int64(percent)/100/window)
}
