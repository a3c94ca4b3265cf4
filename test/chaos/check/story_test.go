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

func cancel(ms, op int64, status int, state string) history.Event {
	return at(ms, history.Event{Kind: history.Cancel, Op: op, ID: id(op), Status: status, State: state})
}

// redriven is a dead letter that a person put back, and that was answered then.
func redriven() story {
	back := at(300, history.Event{Kind: history.Redrive, Op: 1, ID: id(1), Status: 200, From: 290 * int64(time.Millisecond)})
	end, first, second := status(500, 1, "COMPLETED", "", 9), read(501, 1, 200, answer(2)), read(502, 1, 200, answer(2))
	end.Generation, first.Generation, second.Generation = 1, 1, 1
	return story{invoke(1, 1, "POST"), accept(2, 1), arrive(3, 1, 1, 1, "POST"), left(50, 1, history.Half),
		status(60, 1, "FAILED", "unknown_outcome", 3), read(61, 1, 504, "p"), read(62, 1, 504, "p"), back,
		arrive(310, 1, 2, 2, "POST"), leave(350, 2, 200), end, first, second}
}

// cutStory is a request of whose answer only the beginning was kept, while the disk was full or not.
func cutStory(full bool) story {
	whole := leave(50, 1, 200)
	whole.Prefix = "beginning"
	first, second := read(61, 1, 200, "beginning"), read(62, 1, 200, "beginning")
	first.Cut, second.Cut = true, true
	s := story{invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), whole, status(60, 1, "COMPLETED", "", 3), first, second}
	if full {
		s = append(s, begin(40, 1, history.Disk), over(55, 1, history.Disk))
	}
	return s
}

// besideDamage is what a damaged copy tells of request 1.
func besideDamage(e history.Event, state string) story {
	e.Kind, e.Op, e.ID, e.Number = history.Read, 1, id(1), 1
	s := status(110, 1, state, "", 3)
	s.Number = 1
	return story{begin(100, 1, history.Damage), s, at(120, e)}
}
