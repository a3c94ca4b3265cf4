// Package cli is the command line of openhqm: one file for each subcommand. The stock binary and a binary that a user
// builds with handlers and stores of their own share it.
//
// # Guarantees
//
//  1. What a command has to say goes to standard output, everything else to standard error, so that output can be piped.
//  2. The exit code is 0 for success, 1 for a failure, 2 for a wrong command line, and 3 where the result of a request was
//     asked for and the request has not completed.
//  3. An error names the thing, the address that was tried and where that address came from.
//
// All of them are proven by what a user sees, in testdata/script (TestWhatAUserSees).
//
// # Not here
//
// What the commands do: internal/app runs a process, client speaks to one.
package cli
