package queue

import (
	"fmt"
	"time"
)

// Settlement ends one lease. The store applies it as it is; the Broker decides it.
type Settlement struct {
	LeaseRef
	Kind       SettleKind
	Reason     Reason        // SettleDead
	After      time.Duration // SettleRetry: eligible again after so long by the store's clock; 0: at once
	Result     *Result       // SettleDone: the answer; SettleDead: the last answer, if any
	Attempt    *Attempt      // entry for the history; nil for SettleRelease
	MayHaveRun bool          // SettleCancelled
}

// SettleKind says how a lease ends.
type SettleKind uint8

// How a lease ends.
const (
	SettleDone      SettleKind = iota + 1 // finished with a result
	SettleRetry                           // scheduled again
	SettleDead                            // into the dead letter queue
	SettleRelease                         // given back untouched: ready at once, in its old place, uncounted
	SettleCancelled                       // aborted on request
)

var settleNames = [...]string{SettleDone: "done", SettleRetry: "retry", SettleDead: "dead", SettleRelease: "release",
	SettleCancelled: "cancelled"}

// String returns done, retry, dead, release or cancelled.
func (k SettleKind) String() string {
	if int(k) < len(settleNames) && settleNames[k] != "" {
		return settleNames[k]
	}
	return fmt.Sprintf("settle(%d)", uint8(k))
}
