// Package misbehaviour is an endpoint that does everything an endpoint should not, and the one table of what OpenHQM makes
// of it: the certainty class (R5) and the next action, for requests that may be repeated and for those that may not.
//
// # Guarantees
//
//  1. The table in docs/delivery.md is this one. TestTheTableOfTheDocumentsIsThisOne.
//  2. An arrival is counted, by the target of its request, before the first byte of its answer is written; whoever sends
//     gives each request a target of its own.
//
// # Not here
//
// What is sent to these endpoints, and how it is judged: the tests of a process and of the binary.
package misbehaviour
