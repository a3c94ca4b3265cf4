package endpoint

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	planted "github.com/openhqm/openhqm/internal/fault"
)

// longestAfter bounds what is believed of an answer; the Broker clamps it further.
const longestAfter = 365 * 24 * time.Hour

// retryAfter returns how long an answer asks callers to wait: Retry-After in both forms (RFC 9110 10.2.3), else the reset
// of an exhausted RateLimit (draft-ietf-httpapi-ratelimit-headers-10, 4). 0 means that it asks for nothing; a valid
// Retry-After of no time at all gives the shortest positive duration, because it still says that waiting is meant.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if d, ok := parseRetryAfter(h.Get("Retry-After"), answeredAt(h, now)); ok && !planted.Planted(planted.RetryAfterIgnored) {
		return min(max(d, 1), longestAfter)
	}
	return limitReset(h)
}

// limitReset returns how long the answer's RateLimit stays used up; 0 if it is not.
func limitReset(h http.Header) time.Duration {
	return min(rateLimitReset(h["Ratelimit"]), longestAfter)
}

// answeredAt returns the answer's own time, so that a date in it is measured by the clock that made it.
func answeredAt(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

func parseRetryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.Trim(value, " \t")
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		return seconds(value), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return at.Sub(now), true
}

// seconds reads digits; more than can be counted is the longest time.
func seconds(digits string) time.Duration {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > int64(longestAfter/time.Second) {
		return longestAfter
	}
	return time.Duration(n) * time.Second
}

// rateLimitReset returns the longest reset of the policies that have nothing remaining.
func rateLimitReset(lines []string) time.Duration {
	var longest time.Duration
	for _, line := range lines {
		for _, item := range splitList(line, ',') {
			parameters := splitList(item, ';')
			remaining, reset := "", ""
			for _, p := range parameters[1:] {
				key, value, _ := strings.Cut(p, "=")
				switch strings.Trim(key, " \t") {
				case "r":
					remaining = strings.Trim(value, " \t")
				case "t":
					reset = strings.Trim(value, " \t")
				}
			}
			if zero(remaining) && reset != "" && strings.Trim(reset, "0123456789") == "" {
				longest = max(longest, seconds(reset))
			}
		}
	}
	return longest
}

// zero reports whether an integer of RFC 9651 is none at all: 0, 00 and -0 are.
func zero(integer string) bool {
	digits := strings.TrimPrefix(integer, "-")
	return digits != "" && strings.Trim(digits, "0") == ""
}
