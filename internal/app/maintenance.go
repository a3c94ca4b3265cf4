package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/queue"
)

// window is a time of the week in which an endpoint is not called.
type window struct {
	days              [7]bool // on which it begins, by time.Weekday
	fromHour, fromMin int
	toHour, toMin     int
	overnight         bool
	zone              *time.Location
	text              string // for people
}

// windows returns the maintenance windows of an endpoint; the configuration has been validated.
func windows(e *config.Endpoint) []window {
	var all []window
	for i := range e.Maintenance {
		m := &e.Maintenance[i]
		w := window{text: m.From + " to " + m.To}
		w.fromHour, w.fromMin = config.Clock(m.From)
		w.toHour, w.toMin = config.Clock(m.To)
		w.overnight = m.To <= m.From
		for day := range w.days {
			name := strings.ToLower(time.Weekday(day).String()[:3])
			w.days[day] = len(m.Days) == 0 || slices.Contains(m.Days, name)
		}
		var err error
		if w.zone, err = time.LoadLocation(m.Timezone); err != nil {
			w.zone = time.UTC
		}
		if len(m.Days) > 0 {
			w.text = strings.Join(m.Days, ", ") + " " + w.text
		}
		w.text += " " + w.zone.String()
		all = append(all, w)
	}
	return all
}

// on returns when the window that begins on the given day of its zone, an offset from now's, begins and ends. A time that does not
// exist, because the clock is put forward, is an hour later.
func (w *window) on(now time.Time, offset int) (begin, end time.Time, ok bool) {
	y, m, d := now.In(w.zone).Date()
	begin = time.Date(y, m, d+offset, w.fromHour, w.fromMin, 0, 0, w.zone)
	day := d + offset
	if w.overnight {
		day++
	}
	end = time.Date(y, m, day, w.toHour, w.toMin, 0, 0, w.zone)
	weekday := time.Date(y, m, d+offset, 12, 0, 0, 0, w.zone).Weekday()
	return begin, end, w.days[weekday] && end.After(begin) // a clock that is put forward may leave nothing of it
}

// inMaintenance returns until when the windows keep an endpoint closed, and the first of them; false if none does.
func inMaintenance(all []window, now time.Time) (until time.Time, text string, closed bool) {
	for again := true; again; { // one window may begin where another ends
		again = false
		at := now
		if closed {
			at = until
		}
		for i := range all {
			for offset := -1; offset <= 0; offset++ {
				begin, end, ok := all[i].on(at, offset)
				if !ok || at.Before(begin) || !at.Before(end) || closed && !end.After(until) {
					continue
				}
				until, again = end, until.Sub(now) < 8*24*time.Hour
				if !closed {
					text, closed = all[i].text, true
				}
			}
		}
	}
	return until, text, closed
}

// nextMaintenance returns how long it is until a window begins, at most longest.
func nextMaintenance(all []window, now time.Time, longest time.Duration) time.Duration {
	for i := range all {
		for offset := 0; offset <= 1; offset++ {
			if begin, _, ok := all[i].on(now, offset); ok && begin.After(now) {
				longest = min(longest, begin.Sub(now))
			}
		}
	}
	return longest
}

// slack is how far the end of a hold may be off: clocks of two machines differ.
const slack = 2 * time.Second

// maintain adds to a change what an endpoint's windows ask of its gate. The hold ends by itself, also when no process is there to
// end it. news is what a window says that begins to keep the endpoint closed.
func maintain(change *queue.GateChange, all []window, have queue.Gate, stored, now time.Time) (news string) {
	hold, held := have.Holds[queue.HoldMaintenance]
	held = held && (hold.Until.IsZero() || hold.Until.After(stored))
	until, text, closed := inMaintenance(all, now)
	left := until.Sub(now)
	switch {
	case !closed && held:
		change.Release = append(change.Release, queue.HoldMaintenance)
	case closed && (!held || hold.Until.Sub(stored.Add(left)).Abs() > slack):
		if held {
			change.Release = append(change.Release, queue.HoldMaintenance) // a timed hold is never shortened
		}
		change.Hold = append(change.Hold, queue.HoldChange{Reason: queue.HoldMaintenance, For: left, Note: text})
		if !held {
			return fmt.Sprintf("%s, for %s", text, left.Round(time.Second))
		}
	}
	return ""
}
