// Package queue is the domain of OpenHQM: messages that stand for stored HTTP requests, the rules of their life,
// the contract that every store fulfils, and the Broker, which holds the policy.
//
// It owns the words message, record, lane, gate, hold, lease, settlement, outcome, verdict, policy and store.
//
// # Life of a message
//
//	           Enqueue
//	              |  (durable)
//	              v
//	scheduled --due--> ready <--> parked (behind its lane's bound)
//	   ^                |  ^
//	   |              lease |
//	   |                v  |
//	   |              leased --settle done----------------> done
//	   |                |  | \--settle dead(reason)-------> dead  --redrive: next generation--> ready
//	   \--settle retry--/  | \--lease ends unsettled: OnLostRedeliver -> ready (until the poison limit)
//	                       |                          OnLostFail      -> dead (unknown_outcome)
//	                       \--settle release (request not begun): ready at once, uncounted
//	not terminal --cancel--> cancelled (a leased one: the worker aborts, then settles; marked if it may have run)
//	not leased --deadline--> expired
//	terminal --retention, purge--> gone
//
// The transitions of one record are the methods of [Record] in transition.go: every store that runs Go code applies
// those, so that a rule is written once. Stores add what depends on other records: lanes, gates, indexes, counters.
//
// # Guarantees
//
//  1. No false accept: when [Store].Enqueue returns nil for a message, it survives a crash at the level that
//     [Capabilities] names.
//  2. Nothing lost: every accepted message is in exactly one [State]; [Counts] move in the same write as the state, and
//     [Counts.Drift] is 0 at every moment.
//  3. Settled once: result and state change in one atomic write, guarded by the lease's [Token]; a stale holder gets
//     [ErrLeaseLost]. Within one generation the bytes of a result never change once they are readable.
//  4. At-least-once where that is safe, at-most-once where it is not: see [OnLost] and [Class].
//  5. A lease is durable before it is handed out.
//
// The suite in queue/storetest proves 1 to 3 and 5 for every store; TestBroker* in this package prove 4.
//
// # Concurrency
//
// Everything here may be used by many goroutines at once, except that a Message, Record or Result must not be changed
// by anyone after it was handed to or received from a store.
//
// # Failure
//
// Errors of a store are the sentinels of errors.go or wrap one; every other error means that the store is broken and
// that the outcome of the call is unknown.
//
// # Not here
//
// HTTP in either direction, configuration, files, networks, logging.
package queue
