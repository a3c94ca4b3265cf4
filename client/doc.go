// Package client is the Go client of OpenHQM's HTTP API, and the one place where the API's wire types are written down:
// the server answers with the same types.
//
// It owns the words of the wire: [Accepted], [Status], [Response], [Problem], and for operators [Queue], [Message] and
// [Endpoint].
//
// # Guarantees
//
//  1. No submit is repeated by itself: one that failed on the way may have been stored, and only an idempotency key
//     ([Submission.IdempotencyKey]) makes it safe to submit again.
//  2. Every answer of 400 and above is returned as an [*Error], except what [Client.Raw] returns: there a status may be
//     the endpoint's own.
//
// # Concurrency
//
// A [Client] and an [Admin] may be used by many goroutines at once. An [EventStream] belongs to one.
//
// # Failure
//
// Errors are an [*Error] for what the server answered, and otherwise wrap what net/http said. A context that ends ends
// the call.
//
// # Not here
//
// Configuration, retries, printing. It imports the standard library only.
package client
