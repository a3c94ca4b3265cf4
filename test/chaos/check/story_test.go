package check

import (
	"fmt"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// A story is a log written by hand. Times are in milliseconds.
type story []history.Event

func at(ms int64, e history.Event) history.Event {
	e.At = ms * int64(time.Millisecond)
	return e
}

func id(op int64) string { return fmt.Sprintf("id-%d", op) }

// invoke sends a request whose method says whether it may be repeated.
func invoke(ms, op int64, method string) history.Event {
	return at(ms, history.Event{Kind: history.Invoke, Op: op, Try: 1, Method: method, Target: "/x", Body: "sent", Unsafe: method == "POST"})
}

func accept(ms, op int64) history.Event {
	return at(ms, history.Event{Kind: history.OK, Op: op, Try: 1, ID: id(op), Status: 202})
}

func arrive(ms, op, call int64, delivery int, method string) history.Event {
	return at(ms, history.Event{Kind: history.Arrive, Op: op, ID: id(op), Call: call, Delivery: delivery, Method: method, Target: "/x"})
}

// leave answers with a body that only this call has.
func leave(ms, call int64, status int) history.Event {
	return at(ms, history.Event{Kind: history.Leave, Call: call, Outcome: history.Answered, Body: "sent", Status: status, Answer: answer(call)})
}

func left(ms, call int64, outcome string) history.Event {
	return at(ms, history.Event{Kind: history.Leave, Call: call, Outcome: outcome, Body: "sent"})
}

func answer(call int64) string { return fmt.Sprintf("answer-%d", call) }

func status(ms, op int64, state, reason string, revision uint64) history.Event {
	e := at(ms, history.Event{Kind: history.State, Op: op, ID: id(op), State: state, Reason: reason, Revision: revision, Deliveries: 1})
	e.From = e.At - int64(time.Millisecond)
	if state == "COMPLETED" {
		e.Status = 200
	}
	return e
}

func read(ms, op int64, code int, digest string) history.Event {
	return at(ms, history.Event{Kind: history.Read, Op: op, ID: id(op), Status: code, Answer: digest})
}

func begin(ms int64, number int, kind string) history.Event {
	return at(ms, history.Event{Kind: history.Fault, Fault: kind, Number: number})
}

func over(ms int64, number int, kind string) history.Event {
	return at(ms, history.Event{Kind: history.Over, Fault: kind, Number: number})
}

// good is a request that was accepted, arrived once, was answered and read twice.
func good(op int64, method string) story {
	return story{
		invoke(1, op, method), accept(2, op), arrive(3, op, op, 1, method), leave(50, op, 200),
		status(60, op, "COMPLETED", "", 3), read(61, op, 200, answer(op)), read(62, op, 200, answer(op)),
	}
}

// ended is how a request ends that a call of its own settles: read twice.
func ended(ms, op, call int64) story {
	return story{status(ms, op, "COMPLETED", "", 9), read(ms+1, op, 200, answer(call)), read(ms+2, op, 200, answer(call))}
}
