package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// Most messages that one call lists, redrives or removes. What is left is gone on with by the cursor.
const (
	defaultList  = 100
	maxList      = 1000
	defaultPurge = 1000
	maxPurge     = queue.ScanLimit
)

// bounds of a call's limit.
type bounds struct{ otherwise, most int }

var (
	listBounds  = bounds{defaultList, maxList}
	purgeBounds = bounds{defaultPurge, maxPurge}
)

// filterNames are the parameters that select messages.
var filterNames = []string{"queue", "state", "reason", "endpoint", "caller", "key", "after", "before", "limit", "cursor"}

// readFilter reads the parameters that select messages, and nothing but those and the extra ones.
func readFilter(query url.Values, b bounds, extra ...string) (queue.Filter, error) {
	f := queue.Filter{
		Queue:    query.Get("queue"),
		Endpoint: query.Get("endpoint"),
		Caller:   query.Get("caller"),
		LaneKey:  query.Get("key"),
		Cursor:   query.Get("cursor"),
		Limit:    b.otherwise,
	}
	for name := range query {
		if !slices.Contains(filterNames, name) && !slices.Contains(extra, name) {
			return f, badParameter(name, query.Get(name), "no such parameter; known are "+strings.Join(append(filterNames, extra...), ", "))
		}
	}
	for _, list := range query["state"] {
		for name := range strings.SplitSeq(list, ",") {
			states := statesOf(name)
			if states == nil {
				return f, badParameter("state", name, "want "+knownStates())
			}
			f.States = append(f.States, states...)
		}
	}
	if text := query.Get("reason"); text != "" {
		f.Reason = queue.Reason(text)
		if !slices.Contains(queue.Reasons(), f.Reason) {
			return f, badParameter("reason", text, fmt.Sprintf("want one of %v", queue.Reasons()))
		}
	}
	for name, at := range map[string]*time.Time{"after": &f.After, "before": &f.Before} {
		if text := query.Get(name); text != "" {
			t, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return f, badParameter(name, text, "want a time of RFC 3339 such as 2030-01-31T08:00:00Z")
			}
			*at = t
		}
	}
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > b.most {
			return f, badParameter("limit", text, fmt.Sprintf("want a whole number from 1 to %d", b.most))
		}
		f.Limit = n
	}
	return f, nil
}

// statesOf reads a stored state, or a status word, which stands for several.
func statesOf(name string) []queue.State {
	if s, ok := queue.ParseState(name); ok {
		return []queue.State{s}
	}
	var states []queue.State
	for _, s := range queue.States() {
		if s.Status() == name {
			states = append(states, s)
		}
	}
	return states
}

func knownStates() string {
	var names []string
	for _, s := range queue.States() {
		names = append(names, s.String())
	}
	return strings.Join(names, ", ") + ", or a status word such as PENDING"
}

// narrow reports whether a filter selects anything less than all.
func narrow(f *queue.Filter) bool {
	return f.Queue != "" || f.Reason != "" || f.Endpoint != "" || f.Caller != "" || f.LaneKey != "" || !f.After.IsZero() || !f.Before.IsZero()
}

func badParameter(name, value, want string) error {
	return reply.NewProblem(reply.KindBadParameter, fmt.Sprintf("%s=%q: %s", name, value, want))
}
