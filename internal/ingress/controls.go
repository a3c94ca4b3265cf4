package ingress

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// Controls are what a request asks of the queue, by fields of its own or as metadata of a submit. Zero values ask nothing.
type Controls struct {
	Priority    int
	Timeout     time.Duration // bound on one attempt
	Delay       time.Duration // not before so long from now
	NotBefore   time.Time     // the later of both counts
	MaxAge      time.Duration // TIMEOUT if it still waits so long from now
	Deadline    time.Time     // the earlier of both counts
	OrderingKey string
}

// MaxSeconds bounds the durations of Controls, in seconds: ten years.
const MaxSeconds = 10 * 366 * 24 * 3600

// What a value of Controls has to be, as the answer to another one says.
var (
	WantPriority    = fmt.Sprintf("want a whole number from 0 to %d, 9 being the most urgent", queue.MaxPriority)
	WantTimeout     = fmt.Sprintf("want seconds above 0, at most %d (ten years), as a number or as text such as \"30s\": the bound on one attempt", MaxSeconds)
	WantDelay       = fmt.Sprintf("want seconds of 0 or more, at most %d (ten years), as a number or as text such as \"10m\"", MaxSeconds)
	WantMaxAge      = fmt.Sprintf("want seconds above 0, at most %d (ten years), as a number or as text such as \"10m\": how long it may wait for its turn", MaxSeconds)
	WantOrderingKey = fmt.Sprintf("want text of 1 to %d bytes without control characters", queue.MaxKeyLength)
)

// WantFuture is the answer to a deadline that has passed.
const WantFuture = "this time has passed; give a later one"

const wantTime = "want a time of RFC 3339 such as 2030-01-31T08:00:00Z, or a date of HTTP"

// control is one field that a request may bear.
type control struct {
	field string // canonical, as Go's server gives it
	name  string // as people write it
	want  string
	read  func(c *Controls, value string) bool
}

var controls = []control{
	{"Openhqm-Priority", "OpenHQM-Priority", WantPriority, func(c *Controls, v string) (ok bool) {
		c.Priority, ok = readPriority(v)
		return ok
	}},
	{"Openhqm-Timeout", "OpenHQM-Timeout", WantTimeout, func(c *Controls, v string) (ok bool) {
		c.Timeout, ok = ReadDuration(v)
		return ok && c.Timeout > 0
	}},
	{"Openhqm-Delay", "OpenHQM-Delay", WantDelay, func(c *Controls, v string) (ok bool) {
		c.Delay, ok = ReadDuration(v)
		return ok
	}},
	{"Openhqm-Not-Before", "OpenHQM-Not-Before", wantTime, func(c *Controls, v string) (ok bool) {
		c.NotBefore, ok = readTime(v)
		return ok
	}},
	{"Openhqm-Max-Age", "OpenHQM-Max-Age", WantMaxAge, func(c *Controls, v string) (ok bool) {
		c.MaxAge, ok = ReadDuration(v)
		return ok && c.MaxAge > 0
	}},
	{"Openhqm-Deadline", "OpenHQM-Deadline", wantTime, func(c *Controls, v string) (ok bool) {
		c.Deadline, ok = readTime(v)
		return ok
	}},
	{"Openhqm-Ordering-Key", "OpenHQM-Ordering-Key", WantOrderingKey, func(c *Controls, v string) bool {
		c.OrderingKey = v
		return IsOrderingKey(v)
	}},
}

// ReadControls reads the fields of a request that ask something of the queue, and returns the names of those that are
// there. A problem names the field and what it has to be.
func ReadControls(h http.Header) (c Controls, given []string, problem *reply.Problem) {
	for i := range controls {
		if len(h[controls[i].field]) > 0 {
			return readGiven(h)
		}
	}
	return c, nil, nil // as nearly every request, without an allocation
}

func readGiven(h http.Header) (c Controls, given []string, problem *reply.Problem) {
	for i := range controls {
		known := &controls[i]
		values := h[known.field]
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1:
			return c, nil, reply.NewProblem(reply.KindBadParameter, known.name+" is given more than once")
		case !known.read(&c, trimBlanks(values[0])):
			return c, nil, reply.NewProblem(reply.KindBadParameter, known.name+": "+known.want)
		}
		given = append(given, known.name)
	}
	if Passed(c.Deadline) && !Keyed(h) {
		return c, nil, reply.NewProblem(reply.KindBadParameter, "OpenHQM-Deadline: "+WantFuture)
	}
	return c, given, nil
}

// Keyed reports whether a request bears an idempotency key: then it may repeat one that came before its deadline, and is not
// refused for that.
func Keyed(h http.Header) bool { return len(h["Idempotency-Key"]) > 0 }

// Passed reports whether a deadline that a client gives is over already.
func Passed(deadline time.Time) bool { return !deadline.IsZero() && !deadline.After(time.Now()) }

// readControls reads what a captured request asks of the queue. One that passes through never stands in it: it is refused,
// for a wish that is silently forgotten is none.
func (h *Handler) readControls(r *http.Request, c *call) *reply.Problem {
	var given []string
	var problem *reply.Problem
	if c.controls, given, problem = ReadControls(r.Header); problem != nil {
		return problem
	}
	if c.mode == ModeSync && len(given) > 0 {
		return reply.NewProblem(reply.KindBadParameter, given[0]+
			": this request passes through and is not queued; send it with Prefer: respond-async, or without the field")
	}
	return nil
}

// Ask adds to a submission what its request asks of the queue.
func (c *Controls) Ask(s *queue.Submission) {
	s.Priority, s.AttemptTimeout = c.Priority, c.Timeout
	s.Delay, s.NotBefore = c.Delay, c.NotBefore
	s.MaxAge = c.MaxAge
	if s.Deadline.IsZero() || !c.Deadline.IsZero() && c.Deadline.Before(s.Deadline) {
		s.Deadline = c.Deadline
	}
}

// due returns when a message accepted at a moment becomes due; zero if at once.
func (c *Controls) due(accepted time.Time) time.Time {
	if delayed := accepted.Add(c.Delay); c.Delay > 0 && delayed.After(c.NotBefore) {
		return delayed
	}
	return c.NotBefore
}

func readPriority(v string) (int, bool) {
	if len(v) != 1 || v[0] < '0' || v[0] > '0'+queue.MaxPriority {
		return 0, false
	}
	return int(v[0] - '0'), true
}

// ReadDuration reads a number of seconds, or text such as 10m; not below 0, and at most MaxSeconds.
func ReadDuration(v string) (time.Duration, bool) {
	d, err := time.ParseDuration(v)
	if err != nil {
		seconds, err := strconv.ParseFloat(v, 64)
		if err != nil || !(seconds >= 0 && seconds <= MaxSeconds) {
			return 0, false
		}
		return time.Duration(seconds * float64(time.Second)), true
	}
	return d, d >= 0 && d <= MaxSeconds*time.Second
}

func readTime(v string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		t, err = http.ParseTime(v)
	}
	return t, err == nil
}

// IsOrderingKey reports whether text can be an ordering key.
func IsOrderingKey(key string) bool { return plain(key, queue.MaxKeyLength) }

// plain reports whether text has 1 to limit bytes, all of which can be shown.
func plain(text string, limit int) bool {
	return text != "" && len(text) <= limit && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f })
}
