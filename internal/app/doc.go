// Package app builds a process from a configuration, runs it, and ends it. It is the only package that knows all others.
//
// It owns the words role (which parts a process runs), snapshot (everything that a reload replaces, at once), drain and
// report (what a process says of itself at start).
//
// # Guarantees
//
//  1. [New] either returns a process that is able to run, or leaves nothing behind: no listener, no open store, no
//     goroutine (TestAFailedStartLeavesNothingBehind).
//  2. [App.Run] ends in the order of R14: not ready; still accepting for the load balancer's lag; leasing stops; calls in
//     flight finish within the grace period; listeners close; the store is closed last (TestDrainGoesInOrder). Taken in
//     another order, a request would be accepted that nobody stores, or a call be cut that had time to finish.
//  3. [App.Reload] does all that can fail before it touches what runs, and then swaps one pointer: a request sees the old
//     configuration or the new one, never a mixture (TestAReloadSwapsEverythingOrNothing).
//  4. After an error that means a broken store nothing is acknowledged any more, and Run returns that error (R11;
//     TestABrokenStoreEndsTheProcess).
//  5. An endpoint that is this process itself is refused (TestAnEndpointThatIsItselfIsRefused).
//
// # Concurrency
//
// Reload, Addrs and Report may be called while Run runs. Run is called once.
//
// # Failure
//
// Errors name the key, the address or the path, and the remedy; they are made to be printed as they are.
//
// # Not here
//
// Flags, signals and what is printed where: internal/cli.
package app
