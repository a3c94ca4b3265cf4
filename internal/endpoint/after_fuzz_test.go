package endpoint

import (
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/openhqm/openhqm/queue"
)

// FuzzRetryAfter holds the time for which an answer asks callers to wait against the grammars once more: digits of any
// number (RFC 9110 10.2.3), the three forms of a date (5.6.7) by the answer's own clock, and, without either, a RateLimit
// read by a parser of structured fields that is not ours. Whatever an answer says, the wait is neither negative nor without
// end.
func FuzzRetryAfter(f *testing.F) {
	const sent = "Tue, 24 Nov 2026 10:00:00 GMT"
	for _, seed := range []string{"", "0", "120", " 7 ", "99999999999999999999999", "-1", "1.5", "0x10", "Tue, 24 Nov 2026 10:02:00 GMT",
		"Tuesday, 24-Nov-26 10:02:00 GMT", "Tue Nov 24 10:02:00 2026", "Tue, 24 Nov 2026 10:02:00 UTC", "Mon, 01 Jan 0001 00:00:00 GMT",
		"Fri, 31 Dec 9999 23:59:59 GMT", "١٢٠"} {
		f.Add(seed, sent, "")
	}
	f.Add("", "", `"hour";r=0;t=30, "day";r=0;t=60;pk=:YQ==:`)
	f.Add("soon", "never", `"a;r=0,b";r=1;t=9, "b"; r=0; t=99999999999999999999`)
	f.Add("", "", `"a";r=0;t=-5;t=5;r=00`)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, after, date, limit string) {
		h := http.Header{}
		for name, value := range map[string]string{"Retry-After": after, "Date": date, "Ratelimit": limit} {
			if value != "" {
				h[name] = []string{value}
			}
		}
		got := retryAfter(h, now)
		if got < 0 || got > longestAfter {
			t.Fatalf("Retry-After %q, Date %q, RateLimit %q: %v", after, date, limit, got)
		}
		if closed := queue.Cooldown(got); closed < queue.MinCooldown || closed > queue.MaxCooldown {
			t.Errorf("the endpoint would be closed for %v", closed)
		}
		if want, ok := askedAfter(after, date, now); ok {
			if got != want {
				t.Errorf("Retry-After %q at %q is %v, want %v", after, date, got, want)
			}
			return
		}
		if reset := limitReset(h); got != reset {
			t.Errorf("without a valid Retry-After (%q) the wait is %v, and RateLimit says %v", after, got, reset)
		}
		if want, ok := askedByLimit(limit); ok && got != want {
			t.Errorf("RateLimit %q is %v, want %v", limit, got, want)
		}
	})
}

// askedAfter is what a Retry-After asks for, within 1 ns and longestAfter, and whether it is one.
func askedAfter(value, date string, now time.Time) (time.Duration, bool) {
	value = strings.Trim(value, " \t")
	if value == "" {
		return 0, false
	}
	if !strings.ContainsFunc(value, func(r rune) bool { return r < '0' || r > '9' }) {
		n, _ := new(big.Int).SetString(value, 10)
		return within(n.Mul(n, big.NewInt(int64(time.Second)))), true
	}
	at, ok := httpDate(value)
	if !ok {
		return 0, false
	}
	if sent, ok := httpDate(date); ok {
		now = sent
	}
	wait := big.NewInt(at.Unix() - now.Unix())
	wait.Mul(wait, big.NewInt(int64(time.Second)))
	return within(wait.Add(wait, big.NewInt(int64(at.Nanosecond()-now.Nanosecond())))), true
}

func within(d *big.Int) time.Duration {
	switch {
	case d.Cmp(big.NewInt(1)) < 0:
		return 1
	case d.Cmp(big.NewInt(int64(longestAfter))) > 0:
		return longestAfter
	}
	return time.Duration(d.Int64())
}

func httpDate(text string) (time.Time, bool) {
	for _, layout := range []string{http.TimeFormat, time.RFC850, time.ANSIC} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// askedByLimit is the longest reset of the policies that have nothing remaining, and whether the field is a list of
// policies at all.
func askedByLimit(line string) (time.Duration, bool) {
	list, err := httpsfv.UnmarshalList([]string{line})
	if err != nil {
		return 0, false
	}
	longest := new(big.Int)
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			return 0, false
		}
		if _, ok := item.Value.(string); !ok {
			return 0, false
		}
		remaining, _ := item.Params.Get("r")
		reset, _ := item.Params.Get("t")
		if left, ok := remaining.(int64); !ok || left != 0 {
			continue
		}
		if seconds, ok := reset.(int64); ok && seconds > 0 {
			if n := big.NewInt(seconds); n.Cmp(longest) > 0 {
				longest = n
			}
		}
	}
	if longest.Sign() == 0 {
		return 0, true
	}
	return within(longest.Mul(longest, big.NewInt(int64(time.Second)))), true
}
