// Command chaos drives the built binary from outside, does to it what production will, and judges what came of it.
//
// # Guarantees
//
//  1. It imports nothing of the product: what it knows of it is HTTP, signals and the command line.
//  2. The load is open: requests start when they are due, however the product fares.
//  3. The endpoint logs an arrival before it answers it; the log outlives the product, which is all that is ever killed.
//  4. The verdict is a pure function of the log (package check): `chaos -judge LOG` gives it again.
//  5. Everything drawn is drawn from the seed that is printed. What the product and the machine do in between is not.
//
// # Runs
//
//   - storm: kill -9 at random, messages whose arrival kills the process, SIGSTOP for longer than a lease, SIGTERM while
//     requests still come in, and outages of the endpoint in four forms, in an order drawn from the seed.
//   - disk: the disk under the store fills up, the process is killed and started on it, and space comes back; needs root, for
//     a small tmpfs.
//   - small: the process has little memory and CPU, is killed and told to stop; needs root, for its cgroup.
//   - sync: fsync and fdatasync fail from one moment on; needs strace.
//   - damage: one file of a copy of the stopped directory is damaged, and everything is read again.
//
// The producer captures requests and submits envelopes, with header fields, keys, priorities and delays, and cancels some. A
// run ends with the status and two fetches of every accepted message, redrives of dead letters, a SIGTERM, and `openhqm store
// check`. What cannot run here is said, and does not make the call fail.
//
// A run in which nothing was wrong and too little happened, as on a machine that has no time, is made once more with another
// seed; if too little happens again the call fails. A run in which anything was wrong is not.
//
// With -results DIR the results are kept, and with -report FILE a report is written from all that were kept.
//
// # Not here
//
// A kill -9 does not take the page cache away, so what is written and not synced is not missed here: that is what the
// crash tests of the store do, on a file system that forgets it.
package main
