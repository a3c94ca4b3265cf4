package telemetry

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/openhqm/openhqm/queue"
)

// Label values of metrics: closed sets all of them.

// methods are the label values of HTTP methods; every other method is the last one.
var methods = [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect, "other"}

func methodIndex(method string) int {
	for i, m := range methods {
		if m == method {
			return i
		}
	}
	return len(methods) - 1
}

// Statuses beyond 100 to 599 share the label value of statusOther.
const (
	minStatus   = 100
	maxStatus   = 599
	statusOther = maxStatus + 1
)

func statusIndex(status int) int {
	if status < minStatus || status > maxStatus {
		return statusOther - minStatus
	}
	return status - minStatus
}

func statusLabel(index int) string {
	if index == statusOther-minStatus {
		return "other"
	}
	return strconv.Itoa(index + minStatus)
}

// published says what became of a submit.
type published uint8

const (
	publishSuccess published = iota
	publishDuplicate
	publishFull
	publishPaused
	publishInvalid
	publishKeyReused
	publishUnavailable
	publishError
	publishKinds
)

var publishNames = [publishKinds]string{"success", "duplicate", "full", "paused", "invalid", "key_reused", "unavailable", "error"}

// publishOf sorts the errors of Broker.Submit.
func publishOf(err error) published {
	switch {
	case err == nil:
		return publishSuccess
	case errors.Is(err, queue.ErrFull):
		return publishFull
	case errors.Is(err, queue.ErrIntakePaused):
		return publishPaused
	case errors.Is(err, queue.ErrInvalid):
		return publishInvalid
	case errors.Is(err, queue.ErrKeyReused):
		return publishKeyReused
	case errors.Is(err, queue.ErrUnavailable), errors.Is(err, queue.ErrClosed):
		return publishUnavailable
	}
	return publishError
}

// ended says how a delivery ended.
type ended uint8

const (
	endCompleted ended = iota
	endRetry
	endFailed
	endCancelled
	endReleased
	endLeaseLost
	endKinds
)

var endNames = [endKinds]string{"completed", "retry", "failed", "cancelled", "released", "lease_lost"}

// endOf reads the end of a delivery from its event.
func endOf(e *queue.Event) ended {
	if e.Kind == queue.EventLeaseLost {
		return endLeaseLost
	}
	switch e.State {
	case queue.Done:
		return endCompleted
	case queue.Dead:
		return endFailed
	case queue.Cancelled:
		return endCancelled
	case queue.Scheduled:
		return endRetry
	}
	return endReleased
}

// failure says what was wrong with a delivery that did not complete its message.
type failure uint8

const (
	failNotSent failure = iota
	failUnanswered
	failRejected
	failStatus4xx
	failStatus5xx
	failStatusOther
	failLeaseLost
	failLapsed
	failPanic
	failKinds
)

var failureNames = [failKinds]string{"not_sent", "unanswered", "rejected", "status_4xx", "status_5xx", "status_other",
	"lease_lost", "lapsed", "panic"}

// failureOf returns the failure that an event tells of, and false if it tells of none: a completed message, or one that
// was given back or cancelled before anything went wrong.
func failureOf(e *queue.Event) (failure, bool) {
	switch {
	case e.Kind == queue.EventLeaseLost:
		return failLeaseLost, true
	case e.Kind == queue.EventLapsed:
		return failLapsed, true
	case e.State == queue.Done, e.State == queue.Cancelled:
		return 0, false
	}
	switch e.Class {
	case queue.NotSent:
		return failNotSent, true
	case queue.Unanswered:
		return failUnanswered, true
	case queue.Rejected:
		return failRejected, true
	case queue.Answered:
		switch e.Status / 100 {
		case 4:
			return failStatus4xx, true
		case 5:
			return failStatus5xx, true
		}
		return failStatusOther, true
	}
	return 0, false
}

// transitions are the kinds of events that have no metric of their own.
var transitions = [...]queue.EventKind{queue.EventLeaseLost, queue.EventLapsed, queue.EventDue, queue.EventExpired,
	queue.EventCancelled, queue.EventRedriven, queue.EventRemoved}
