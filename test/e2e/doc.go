// Package e2e tests the built binary from outside, in front of services that
// are not ours: go-httpbin as its own process, Debian's nginx where it is installed,
// and test/recorder, which sees the exact bytes that arrive.
//
// The binary is built once per run, with the race detector when the tests are,
// and started with a data directory and ports of its own. Each start ends with
// SIGTERM, and anything but exit code 0 fails the test.
//
// # Guarantees
//
//  1. What an endpoint is sent equals what the client sent, but for the changes
//     listed once in forwarded_test.go.
//  2. What a client reads back equals what a direct call gives, but for the
//     changes listed once in replayed_test.go.
//  3. Each kind of bad input gets an error that names the thing and the remedy,
//     and loses nothing.
//  4. The marked shell blocks of README.md work as they stand.
//
// # Not here
//
// Faults and kills in the middle of work: the chaos harness. Speed: bench/.
package e2e
