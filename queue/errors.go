package queue

import (
	"errors"
	"fmt"
	"time"
)

// Sentinel errors. Callers compare with errors.Is; stores and the Broker wrap them.
var (
	// ErrBadID is returned by ParseID: the text is not an ID. Correct the text.
	ErrBadID = errors.New("malformed correlation ID")
	// ErrNotFound is returned by record methods: no record has this ID. It never existed here, or was removed.
	ErrNotFound = errors.New("not found")
	// ErrGone is returned by the Broker: the record was removed at the end of its retention.
	ErrGone = errors.New("removed after its retention")
	// ErrLeaseLost is returned by Extend and Settle: the lease ended, or another call settled it. Drop the work.
	ErrLeaseLost = errors.New("lease lost")
	// ErrTerminal is returned by Cancel: the message has already finished.
	ErrTerminal = errors.New("already finished")
	// ErrRunning is returned by Cancel with NeverLeased: the message is or was with a worker.
	ErrRunning = errors.New("already started")
	// ErrNotDead is returned by Redrive: only a dead message can be redriven.
	ErrNotDead = errors.New("not in the dead letter queue")
	// ErrKeyReused is returned by Enqueue: the idempotency key stands for a different request. Use a new key.
	ErrKeyReused = errors.New("idempotency key already used for a different request")
	// ErrFull is returned by Enqueue (as a [FullError]): a bound of the queue is reached. Nothing was stored; try later.
	ErrFull = errors.New("queue full")
	// ErrIntakePaused is returned by Enqueue (as an [IntakeError]): an operator lets no new messages in. Nothing was stored;
	// try later.
	ErrIntakePaused = errors.New("intake paused")
	// ErrBodyTooLarge is returned by ReceiveBody: the body exceeds its limit. Nothing was stored.
	ErrBodyTooLarge = errors.New("body too large")
	// ErrGateClosed is returned by Reserve (as a [GateError]) when its context ended before there was room.
	ErrGateClosed = errors.New("endpoint closed")
	// ErrInvalid is returned by Enqueue and the Broker for a message that breaks a documented limit.
	ErrInvalid = errors.New("invalid message")
	// ErrUnsupported is returned by a store for what its Capabilities do not name. Checked at start-up.
	ErrUnsupported = errors.New("not supported by this store")
	// ErrUnavailable is returned when the store cannot be reached; nothing was done. Try later.
	ErrUnavailable = errors.New("store unavailable")
	// ErrOutcomeUnknown is returned when the reply to a write was lost: it may have been done. Repeat it with the same ID.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrCorrupt is returned (as a [CorruptError] where the place is known) when stored bytes fail their checksum.
	ErrCorrupt = errors.New("stored data is corrupt")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store closed")
)

// Causes for which the context of a delivery ends; context.Cause returns them.
var (
	// ErrCancelRequested ends a delivery because a client or an operator cancelled its message.
	ErrCancelRequested = errors.New("cancelled")
	// ErrDraining ends a delivery because the process stops and its grace period is over.
	ErrDraining = errors.New("process is stopping")
)

// FullError says which bound refused a message.
type FullError struct {
	Bound string // messages, bytes or disk
	Limit int64  // in the unit of the bound
}

// Error names the bound and its limit.
func (e *FullError) Error() string {
	if e.Bound == "disk" {
		return fmt.Sprintf("queue full: less than %d bytes are free on its disk", e.Limit)
	}
	return fmt.Sprintf("queue full: limit of %d %s reached", e.Limit, e.Bound)
}

// Is reports that a FullError is an ErrFull.
func (e *FullError) Is(target error) bool { return target == ErrFull }

// IntakeError says which queue takes no new messages, and for how long.
type IntakeError struct {
	Queue string
	After time.Duration // when it takes them again; 0: when an operator says so
	Note  string        // of the operator
}

// Error names the queue and the operator's note.
func (e *IntakeError) Error() string {
	text := fmt.Sprintf("queue %q takes no new requests: an operator paused its intake", e.Queue)
	if e.Note != "" {
		text += " (" + e.Note + ")"
	}
	return text
}

// Is reports that an IntakeError is an ErrIntakePaused.
func (e *IntakeError) Is(target error) bool { return target == ErrIntakePaused }

// LimitReached is the reason of a GateError when no hold but a limit keeps the gate closed.
const LimitReached = "limit"

// GateError says what keeps a queue's gate closed and for how long.
type GateError struct {
	Queue  string
	Reason string        // a HoldReason, or LimitReached
	After  time.Duration // when it may open; 0 if that is not known
}

// Error names the queue and the reason.
func (e *GateError) Error() string {
	if e.Reason == LimitReached {
		return fmt.Sprintf("endpoint of queue %q is at its limit (concurrency or rate), and no place came free in time", e.Queue)
	}
	return fmt.Sprintf("endpoint of queue %q closed: %s", e.Queue, e.Reason)
}

// Is reports that a GateError is an ErrGateClosed.
func (e *GateError) Is(target error) bool { return target == ErrGateClosed }

// CorruptError says where bytes failed their checksum.
type CorruptError struct {
	Path   string
	Offset int64 // -1 if not known
	Err    error
}

// Error names the path, the offset and what was found.
func (e *CorruptError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("corrupt data in %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("corrupt data in %s at offset %d: %v", e.Path, e.Offset, e.Err)
}

// Is reports that a CorruptError is an ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Unwrap returns what was found.
func (e *CorruptError) Unwrap() error { return e.Err }
