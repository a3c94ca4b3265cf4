package embedded

import (
	"time"

	"github.com/openhqm/openhqm/internal/fault"
)

// clock is the store's time: the wall clock as it was at open, or the latest time that an earlier process wrote down if
// that is later, advanced by the monotonic clock. A jump of the wall clock therefore moves nothing while the store is
// open, and a jump backwards between two processes moves nothing either (R13).
type clock struct {
	base  time.Time // without a monotonic reading, so that what is kept equals what is read back
	start time.Time // with one
}

func newClock(highWater time.Time) clock {
	start := time.Now()
	base := time.Unix(0, start.UnixNano()).UTC()
	if base.Before(highWater) {
		base = highWater
	}
	return clock{base: base, start: start}
}

func (c clock) now() time.Time {
	if fault.Planted(fault.LeaseOnWallClock) {
		return time.Unix(0, time.Now().UnixNano()).UTC()
	}
	return c.base.Add(time.Since(c.start))
}
