// Package rule tells what an answer means where its status does not: by its fields and its body too.
//
// It owns the words rule (conditions and the verdict where all of them hold) and success (conditions that an answer below
// 400 has to meet).
//
// # Guarantees
//
//  1. Everything is compiled once: a regular expression or jq program that is wrong is an error of New.
//     TestWhatIsWrongIsNamed.
//  2. The work on one answer is bounded: at most MaxBody bytes of a body are looked at, decoded or not; a jq program has
//     MaxTime, and only its first output counts. TestABodyIsLookedAtWithinItsBound, TestAJQProgramEndsInTime.
//  3. What cannot be seen proves nothing: a condition on a body that is absent, in a coding that is not read, or for jq cut or no
//     JSON, makes no rule match. TestWhatCannotBeSeenMatchesNoRule.
//  4. No text of a Finding holds anything of the answer. TestTheFirstRuleThatMatchesWins.
//
// # Concurrency
//
// A Set never changes; all methods may be called by many goroutines at once.
//
// # Failure
//
// Judge does not fail: a jq program that ends in an error, or too late, is a condition that does not hold.
//
// # Not here
//
// What a verdict leads to (queue.Broker), and what a status means where no rule speaks (queue.Judge).
package rule
