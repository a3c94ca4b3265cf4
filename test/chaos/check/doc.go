// Package check judges a run. Check is a pure function of the run's log: it looks at no clock, no file and no product.
//
// # Guarantees
//
// What makes a run invalid, by the member of Report that counts it:
//
//  1. Lost: an accepted request whose message has no terminal state in the end.
//  2. Unexpected: an arrival nobody sent; two messages of one request; an end that what happened does not explain;
//     an arrival after its cancellation; an acknowledgement after a failed fsync; urgent requests that wait longer than others.
//  3. Corrupt: a request that arrived other than it was sent, or a result that no answer of the endpoint is, header
//     fields included; an answer cut for want of disk while the disk was not full; wrong bytes out of a damaged directory.
//  4. Changed: two fetches of one result that differ, within one generation.
//  5. Stale: a result of a delivery after which another one was made.
//  6. Backwards: a status whose revision, generation or deliveries fell, or that left a terminal state.
//  7. RefusedButExecuted: a refused or broken-off request that arrived.
//  8. UnsafeTwice: a request that may not be repeated, which arrived again although its outcome was not known.
//  9. DuplicatesWithoutFault: any other second arrival that neither the endpoint's answer nor a fault explains.
//  10. BeyondInFlight: duplicates at a fault above the number of calls in flight then.
//  11. Unclean: a process that did not end well after SIGTERM, a store with drift, a recovery that took too long.
//  12. Early: an arrival before the delay of its request was over.
//  13. Unnoticed: a message that damage at rest took away or set back, of which nothing was said.
//  14. Missing: what should have happened in a run of this size, and did not.
//
// Each has a test with a log written by hand that is flagged for it (TestCheckFlagsEveryKindOfFault).
//
// # Not here
//
// Duplicates that the endpoint asked for (a 500, a reset) and those at a named fault are counted, and are no violation.
package check
