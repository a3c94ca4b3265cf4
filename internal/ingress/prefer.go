package ingress

import (
	"strconv"
	"strings"
	"time"
)

// preferences are the parts of Prefer (RFC 7240) that OpenHQM itself obeys.
type preferences struct {
	async   bool          // respond-async
	hasWait bool          // wait=N, N in whole seconds
	wait    time.Duration // at most maxPreferred
}

// maxPreferred is the longest wait that is read; a longer one counts as this.
const maxPreferred = 24 * time.Hour

// readPreferences reads every Prefer line. The first occurrence of a preference counts (RFC 7240 2); what is unknown or
// malformed is ignored.
func readPreferences(lines []string) preferences {
	var p preferences
	var sawAsync, sawWait bool
	for _, line := range lines {
		for item := range splitList(line) {
			name, value := preference(item)
			switch {
			case strings.EqualFold(name, "respond-async") && !sawAsync:
				sawAsync, p.async = true, true
			case strings.EqualFold(name, "wait") && !sawWait:
				sawWait = true
				p.wait, p.hasWait = deltaSeconds(value)
			}
		}
	}
	return p
}

// deltaSeconds is the delta-seconds of RFC 9110 10.2.3: digits only, overflow counts as the largest value.
func deltaSeconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > int64(maxPreferred/time.Second) {
		return maxPreferred, true
	}
	return time.Duration(n) * time.Second, true
}

// withoutConsumed returns the Prefer lines without the preferences that OpenHQM obeyed, so that the endpoint does not
// obey them once more; nil if none is left. What remains stays as it was written, a malformed wait too: Prefer is
// end-to-end (RFC 7240 2). Repeats of an obeyed preference go with it, else the endpoint would take the second for the first.
func (p *preferences) withoutConsumed(lines []string) []string {
	var kept []string
	for _, line := range lines {
		var rest []string
		consumed := false
		for item := range splitList(line) {
			name, _ := preference(item)
			if p.async && strings.EqualFold(name, "respond-async") || p.hasWait && strings.EqualFold(name, "wait") {
				consumed = true
			} else if item != "" {
				rest = append(rest, item)
			}
		}
		switch {
		case !consumed:
			kept = append(kept, line)
		case len(rest) > 0:
			kept = append(kept, strings.Join(rest, ", "))
		}
	}
	return kept
}

// preference splits `name = value ; parameters`; a quoted value loses its quotes.
func preference(item string) (name, value string) {
	name, _ = cutUnquoted(item, ';')
	name, value, _ = strings.Cut(name, "=")
	value = trimBlanks(value)
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return trimBlanks(name), value
}

// splitList yields the members of a comma-separated list (RFC 9110 5.6.1), blanks trimmed; commas in quoted strings do not
// separate.
func splitList(line string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for more := true; more; {
			var item string
			rest := line
			item, more = cutUnquoted(rest, ',')
			if more {
				line = rest[len(item)+1:]
			}
			if !yield(trimBlanks(item)) {
				return
			}
		}
	}
}

// cutUnquoted returns what stands before the first separator outside a quoted string, and whether there was one.
func cutUnquoted(s string, separator byte) (before string, found bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == separator:
			return s[:i], true
		}
	}
	return s, false
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }

// Values of Preference-Applied that need no building.
var (
	appliedAsync = []string{"respond-async"}
	appliedNone  []string
)

// applied returns Preference-Applied for an answer: what of the preferences shaped it (RFC 7240 3). A wait that was
// shortened to the target's bound was not applied.
func (p *preferences) applied(mode Mode, waited time.Duration) []string {
	wait := p.hasWait && mode == ModeAuto && waited == p.wait
	switch {
	case p.async && wait:
		return []string{"respond-async, wait=" + strconv.Itoa(int(p.wait/time.Second))}
	case p.async:
		return appliedAsync
	case wait:
		return []string{"wait=" + strconv.Itoa(int(p.wait/time.Second))}
	}
	return appliedNone
}

// waitWithin returns how long to wait for a target: its own time, or the client's within the target's bound.
func (p *preferences) waitWithin(t *Target) time.Duration {
	if !p.hasWait {
		return t.Wait
	}
	return min(p.wait, max(t.MaxWait, t.Wait))
}
