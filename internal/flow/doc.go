// Package flow slows the calls of one endpoint down by what the last ones came to.
//
// It owns the words breaker (closes an endpoint that fails), probe (the one call that finds out whether it is back), slow
// start (more calls at once, step by step, after an outage), retry budget (how many of an endpoint's calls may be
// retries) and adaptive limit (how many calls at once an endpoint is found to bear).
//
//	          Failures in a row                hold ends
//	closed --------------------> open (hold) -----------> one probe at once
//	  ^                            ^                        |          |
//	  |                            +--------- failed -------+          | succeeded
//	  |                            |                                   v
//	  +------ Full at once --------+-- as many in a row fail -- 2, 4, 8 ... at once
//
// # Guarantees
//
//  1. A breaker opens after Failures failed calls in a row, queued and passed-through ones together, and while it is open
//     nothing is sent. TestBreakerOpensAfterSoManyFailuresInARow.
//  2. When the hold ends there is one call at once until one succeeded. Each one that fails closes the endpoint again, for
//     as long as the outage has lasted, within Wait and WaitMax. TestProbesComeOneByOneAndEverMoreRarely.
//  3. The failure of a probe costs no attempt. TestAFailedProbeCostsNoAttempt.
//  4. After a probe that succeeded, the number of calls at once doubles with each round of as many that succeed, until it
//     is Full. TestSlowStartDoublesTheCallsAtOnce.
//  5. All of this is in the gate, so that it survives a restart and holds over all processes. TestAnOpenBreakerIsTakenUp.
//  6. Retries planned for one second are at most RetryPercent of the first attempts in a second, measured over the last ten,
//     or MinRetries. Others come later; none is lost. TestRetriesStayWithinTheBudget.
//  7. An adaptive limit finds how many calls at once an endpoint bears, follows it, and stays within Min and Max; see adaptive.go.
//     TestTheLimitFindsTheKneeAndFollowsIt, TestTheLimitStaysWithinItsBounds.
//
// # Concurrency
//
// All methods may be called by many goroutines at once. Calls of one queue wait for each other, briefly.
//
// # Failure
//
// Nothing here fails. What it remembers is a copy of the gate: a change that the store did not take is forgotten as soon as
// the gate is seen again, at most a second later.
//
// # Not here
//
// Limits that are configured, and what a status means for its message (queue); the cooldown that an answer asks for
// (queue.Broker); how a gate is kept (the stores).
package flow
