// Package kill proves from outside what a kill -9 must not break: while more than 1,000 requests a second come in and at
// least 32 calls are in flight, the built binary is killed at random moments and started again on its data directory.
//
// Held to afterwards: every accepted ID has one terminal state; no request that may not be repeated arrived at the
// endpoint twice; two reads of each result are equal, and are what the endpoint answered; nothing that was refused
// arrived; each restart is ready within 3 s; and `openhqm store check` finds no drift.
//
// With the build tag planted there is a second test: one life after the other dies at each of the points of internal/fault,
// under a load of bodies, retries, dead letters, keys, callbacks, cancels, redrives and purges, and what became of every
// request is read back at the end. `make chaos-gate` runs it.
//
// The number of kills is KILLS, 20 without it; `make kill-test` runs 100. The seed is printed, and SEED sets it.
package kill
