// Package redis keeps a queue on Redis 7.0 or newer, so that any number of processes work on one.
//
// It owns the words shard, library (the functions that run within Redis) and watch (the wait for the next change of a record).
//
// # Stored form
//
// Every key of shard n begins with hqm:{n}:, so that one shard lies on one node of a cluster. Format 1:
//
//	meta            format, shards, the clock, the last place given out, what is kept in bytes and messages
//	queues          the names of all queues
//	q:QUEUE         its counters, its gate as JSON, and what the library has to know of the gate
//	y:PRIORITY:QUEUE   the ready messages: place -> ID
//	r:ID            a record: m the message, s what the library has to know of it, p progress, h history, x result, e edited request
//	ids             all IDs, in their order
//	t               when Run has to look at a record (m), a reservation (s) or a lane (l)
//	l:LANE, k:LANE  a lane, and what is parked behind it: place -> ID
//	i:SCOPE         an idempotency key: ID and fingerprint
//	b:BODY          a body in chunks of 256 KiB
//	rs:QUEUE, slots reservations by their end, and the queue of each
//	wl:QUEUE, wr:QUEUE   who waits to lease and to reserve
//	events          the channel that wakes who waits
//
// # Guarantees
//
//  1. Each transition is one call of the library, and so one step: TestStoreKeepsTheContract.
//  2. Everything is timed by the server's clock, which never runs backwards here.
//  3. A lost reply to a write is ErrOutcomeUnknown; every call may be repeated with the same IDs and tokens.
//  4. A process that ends without Close loses its leases when their time is over; Close ends them at once, as OnLost says.
//
// # Concurrency
//
// Calls of many goroutines share one connection and are pipelined. Who waits is woken by the channel, and looks again every second in
// case a notice was lost.
//
// # Failure
//
// A server that does not answer within a second is ErrUnavailable, or ErrOutcomeUnknown where a write may have been done.
//
// # Not here
//
// Policy, retries and logs, as in every store.
package redis
