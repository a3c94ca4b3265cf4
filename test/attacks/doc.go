// Package attacks sends what attackers send, byte for byte, to the built binary in front of two real servers, nginx and one
// of Go's, and holds what arrives there against what OpenHQM itself took in.
//
// It owns the words attack (one row: an input, what must become of it, and why), way (straight through or by the queue) and
// marker (a word of its own in every request of a row, by which its arrivals are known).
//
// # Guarantees
//
//  1. Every row goes both ways to both servers, with an honest request behind it on the same connection. What arrives is
//     exactly what the row says, or nothing. TestAttacks.
//  2. Requests that did not come on the wire are attacked as well: submits, edits of dead letters, and answers of the
//     endpoint. TestHostileSubmits, TestHostileEdits, TestHostileAnswers.
//  3. Over HTTP/2 the frames are written by hand. TestHTTP2Attacks.
//
// # Not here
//
// What a field means to OpenHQM, and how trusted proxies are believed: the tests of the packages that decide it.
package attacks
