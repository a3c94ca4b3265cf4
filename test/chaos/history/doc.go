// Package history is the log of a run: what each part of the harness saw, one JSON object a line, in the order in which it
// was written.
//
// # Guarantees
//
//  1. An event is with the operating system when Log returns: it survives the end of the harness, so an endpoint that logs
//     an arrival before it answers has logged whatever the product was answered.
//  2. The times of one log are of one clock, which does not jump: nanoseconds since the log began.
//
// # Concurrency
//
// A Log may be used by any number of goroutines.
//
// # Failure
//
// A log that cannot be written ends the run at once: what it would prove would have holes.
package history
