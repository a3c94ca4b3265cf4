// Package fault holds the bugs and crash points that are planted in the product, to show that the tests would notice them.
//
// It owns the words bug (a rule broken on purpose) and point (a named place at which the process dies).
//
// # Guarantees
//
//  1. Without the build tag planted neither exists: Planted is false and Point does nothing, both when the binary is
//     compiled, and no name and no code of one is in it (TestReleaseHoldsNoFault). A plant in a function literal may be
//     left behind by the compiler; it stands outside then.
//  2. With the tag, nothing is active that the environment does not name. A name that is unknown ends the process with the
//     names that are known.
//  3. A crash runs no clean-up: it is the kill -9 of the process by itself.
//  4. Every bug and every point stands in the product (TestEveryFaultIsPlanted), every bug is caught by a test and every
//     point reached by a workload: `make chaos-gate` says so, or names the one that got away.
//
// # Environment
//
//	OPENHQM_FAULT_BUG=name         the bug that is active
//	OPENHQM_FAULT_CRASH=name[:n]   the point that kills the process, at the n-th time that it is passed (1)
//
// # Concurrency
//
// Everything may be called by many goroutines at once.
//
// # Not here
//
// Which test catches which bug: that is the table of test/gate.
package fault
