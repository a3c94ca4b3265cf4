// Command gate shows that the tests would notice: it plants every bug of internal/fault in turn and runs the test that is
// to catch it, then crashes the built binary at every point that the package names.
//
// # Guarantees
//
//  1. A bug is caught when its test fails in at least 8 of 10 runs. A test that ends in any other way (it cannot start, it
//     hangs until its time is over) has caught nothing.
//  2. Every such test passes without a bug, in the same build: else the gate says that it proves nothing.
//  3. A point is reached when the process died at it. After all of them nothing that was accepted is lost, and nothing was
//     done twice that may not be (package test/kill).
//  4. The exit code is 1 if any bug or point got away; each that did is named.
//
// What is built is a binary of each test package and one of the product, with the tag planted.
package main
