package queue_test

import (
	"slices"
	"testing"

	"github.com/openhqm/openhqm/queue"
)

// The table of design section 4, written once more as sets, and compared for every status there is.
func TestEveryStatusHasItsVerdict(t *testing.T) {
	for status := 100; status <= 999; status++ {
		for bits := range 8 {
			a := queue.Answer{Status: status, Repeatable: bits&1 != 0, HasAfter: bits&2 != 0, InjectedAuth: bits&4 != 0}
			if got, want := queue.Judge(a), verdict(a); got != want {
				t.Errorf("Judge(%+v) = %d, want %d", a, got, want)
			}
		}
	}
}

func verdict(a queue.Answer) queue.Verdict {
	in := func(statuses ...int) bool { return slices.Contains(statuses, a.Status) }
	switch {
	case in(429), in(503) && a.HasAfter:
		return queue.VerdictWait
	case in(401, 403) && a.InjectedAuth:
		return queue.VerdictAuth
	case a.Repeatable && in(408, 425, 500, 502, 503, 504), in(408, 425, 503):
		return queue.VerdictRetry
	case in(500):
		return queue.VerdictFail
	case in(502, 504):
		return queue.VerdictUnknown
	}
	return queue.VerdictResult
}

func TestMethodsAreIdempotentAndSafeAsRFC9110Says(t *testing.T) {
	for method, want := range map[string][2]bool{
		"GET": {true, true}, "HEAD": {true, true}, "OPTIONS": {true, true}, "TRACE": {true, true},
		"PUT": {true, false}, "DELETE": {true, false},
		"POST": {}, "PATCH": {}, "CONNECT": {}, "get": {}, "PROPFIND": {}, "": {},
	} {
		if got := [2]bool{queue.Idempotent(method), queue.Safe(method)}; got != want {
			t.Errorf("%q is idempotent, safe: %v, want %v", method, got, want)
		}
	}
}
