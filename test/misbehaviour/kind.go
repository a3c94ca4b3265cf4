package misbehaviour

import (
	"fmt"
	"strings"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// A Kind is one way in which an endpoint misbehaves.
type Kind struct {
	Name  string // what the endpoint does, for people
	Class queue.Class
	May   Next // what happens to a request that may be repeated
	Not   Next // what happens to one that may not

	// Cut: what is wrong is the body of the answer, which a HEAD does not have: it gets a complete answer.
	Cut bool
	// Slow: only a timeout of the endpoint's configuration ends it.
	Slow bool
	// Endless: its body has no end.
	Endless bool
	// Credentials: OpenHQM itself authenticates to the endpoint.
	Credentials bool
	// Reused: it happens on a connection that was used before, so that another call has to come first, at concurrency 1.
	Reused bool

	reply func(nth int) recorder.Reply                   // to the nth arrival of one target, from 1
	open  func(p *pki, dir string) (site *Site, e error) // nil: plain TCP that gives the reply
}

// Next is what follows from a call: a closed set.
type Next uint8

// What follows, and how it ends for a request whose endpoint goes on like that; where it says later, the endpoint is well
// again by then.
const (
	Result  Next = iota + 1 // the answer is the result
	Closing                 // the answer is the result, and closes the endpoint for a time
	Again                   // sent again while attempts are left
	Unknown                 // never sent again: nobody knows whether it arrived
	Fail                    // never sent again: it arrived and failed
	Later                   // sent again later, without end
	Closed                  // the endpoint is closed for the time it asked for, then sent again
	Held                    // the endpoint is held until a person or a new secret opens it, then sent again
	Tried                   // tried again until its deadline, without an attempt
)

// An Ending is how a request ends after what follows.
type Ending struct {
	Status   string // a status word
	Reason   string // of FAILED
	Attempts int    // that were counted
	Arrivals int    // of the request at the endpoint
}

// Ending returns how a request ends that has so many attempts.
func (n Next) Ending(attempts int) Ending {
	switch n {
	case Result, Closing:
		return Ending{"COMPLETED", "", 1, 1}
	case Again:
		return Ending{"FAILED", string(queue.ReasonAttemptsExhausted), attempts, attempts}
	case Unknown:
		return Ending{"FAILED", string(queue.ReasonUnknownOutcome), 1, 1}
	case Fail:
		return Ending{"FAILED", string(queue.ReasonEndpointError), 1, 1}
	case Tried:
		return Ending{"TIMEOUT", "", 0, 0}
	}
	return Ending{"COMPLETED", "", 1, 2} // once it is well again
}

var words = [...]string{
	Result:  "COMPLETED with this answer",
	Closing: "COMPLETED with this answer; the endpoint is closed until the reset",
	Again:   "sent again, each time an attempt; then FAILED `attempts_exhausted`",
	Unknown: "FAILED `unknown_outcome`",
	Fail:    "FAILED `endpoint_error`, the answer kept",
	Later:   "sent again later, no attempt",
	Closed:  "the endpoint is closed until then; sent again, no attempt",
	Held:    "the endpoint is held (`auth`); sent again once it is opened, no attempt",
	Tried:   "tried again, no attempt; TIMEOUT at its deadline",
}

// String returns what the documents say.
func (n Next) String() string { return words[n] }

// Next returns the class and what follows for one request.
func (k *Kind) Next(method string, repeatable bool) (queue.Class, Next) {
	switch {
	case k.Cut && method == "HEAD":
		return queue.Answered, Result
	case repeatable:
		return k.Class, k.May
	}
	return k.Class, k.Not
}

// Table returns the table in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| what the endpoint does | class | a request that may be repeated | one that may not |\n|---|---|---|---|\n")
	for _, k := range Kinds() {
		same := k.Not.String()
		if k.May == k.Not {
			same = "the same"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", k.Name, k.Class, k.May, same)
	}
	return b.String()
}
