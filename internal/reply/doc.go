// Package reply turns records, receipts and errors into HTTP answers. Everything that OpenHQM itself says to a client, and
// every stored answer that it hands out, is written here, so that ingress and API speak with one voice.
//
// It owns the words own answer (made by OpenHQM), replay (a stored answer given out again) and problem (an error as
// RFC 9457 shapes it).
//
// # Guarantees
//
//  1. Every own answer bears OpenHQM-Source, Referrer-Policy and X-Correlation-ID (TestOwnAnswersSayWhoMadeThem).
//  2. A replay has the status, the fields with their values in order, and the bytes of the stored answer, but for the
//     differences that [Replies.Raw] lists (TestReplayEqualsTheStoredAnswer).
//  3. Fields of one connection (RFC 9110 7.6.1), names and values that are not valid, and OpenHQM-* of the endpoint are
//     never replayed (TestReplayDropsWhatIsNotTheEndpointsToSay).
//  4. Details of failures that are not the client's own are logged under an ID and never sent
//     (TestAnUnknownErrorIsAnsweredWithItsIDOnly).
//  5. A stored body is streamed: memory does not grow with its size.
//
// # Concurrency
//
// A [Replies] may be used by many goroutines at once.
//
// # Failure
//
// What cannot be told to the client any more, because the answer has begun, ends the connection, so that a client never
// takes a part for the whole.
//
// # Not here
//
// Which requests are answered how: ingress and api decide. Cross-origin rules. JSON envelopes of results.
package reply
