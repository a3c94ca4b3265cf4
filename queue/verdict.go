package queue

import "net/http"

// Verdict says what a complete answer means for its message: a closed set.
type Verdict uint8

// The verdicts.
const (
	VerdictByStatus Verdict = iota // let Judge decide
	VerdictResult                  // it is the result: done
	VerdictRetry                   // try again; costs an attempt
	VerdictWait                    // try again later; costs no attempt
	VerdictFail                    // dead with endpoint_error
	VerdictUnknown                 // dead with unknown_outcome
	VerdictAuth                    // configuration fault: hold the endpoint, try again later; costs no attempt
	VerdictAgain                   // refused unread for a reason that is gone, such as an old token: at once again; costs no attempt
)

// Answer is what Judge looks at.
type Answer struct {
	Status       int
	Repeatable   bool // the request may be repeated (RFC 9110 9.2.2, or by configuration)
	HasAfter     bool // the answer bears a valid Retry-After
	InjectedAuth bool // the request bore credentials that OpenHQM itself added, and this queue wants to know
}

// Judge is the one table of what an answer's status means.
//
//	status            may be repeated            may not
//	429               wait                       wait
//	503 + Retry-After wait                       wait
//	408 425 503       retry                      retry
//	500               retry                      fail (endpoint_error), the answer kept
//	502 504           retry                      unknown (unknown_outcome), the answer kept
//	401 403           auth, where OpenHQM injects the credentials
//	every other       result
func Judge(a Answer) Verdict {
	switch a.Status {
	case http.StatusTooManyRequests:
		return VerdictWait
	case http.StatusServiceUnavailable:
		if a.HasAfter {
			return VerdictWait
		}
		return VerdictRetry
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return VerdictRetry
	case http.StatusInternalServerError:
		if a.Repeatable {
			return VerdictRetry
		}
		return VerdictFail
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		if a.Repeatable {
			return VerdictRetry
		}
		return VerdictUnknown
	case http.StatusUnauthorized, http.StatusForbidden:
		if a.InjectedAuth {
			return VerdictAuth
		}
	}
	return VerdictResult
}

// Idempotent reports whether the method is idempotent by RFC 9110 9.2.2, so that a request may be repeated when its
// outcome is unknown.
func Idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// Safe reports whether the method is safe by RFC 9110 9.2.1.
func Safe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
