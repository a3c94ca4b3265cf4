// Package embedded is the durable queue.Store on local disk, on the Pebble key-value engine: the default store.
//
// It owns the words unit (one group commit), line (a queue in memory), window (the head of a line), place and timer (the
// index keys of a record), claim (a Lease or Reserve that waits), pace (the rate of a lane at work).
//
// # Layout of the directory
//
//	FORMAT    "openhqm embedded store, format 2": FORMAT.new until all of it was created
//	LOCK PID  held by the one process that has the directory open; its number, for people
//	db/       the database
//	blobs/    bodies beyond queue.InlineLimit, one file each: blocks of 32 KiB, each followed by its CRC32C
//	CLOSED    what the last close left of db/, which the next open compares; not there while the store is open
//	ballast   room that is given up when the disk is nearly full
//
// # Keys of format 2
//
// Format 1 is the same without fair lanes (the second form of AppendMessage and AppendProgress); opening it makes it format 2.
//
// Integers are big-endian, a time is its Unix nanoseconds, a name is its length in two bytes and its bytes, an id is 16
// bytes. Values are those of queue.AppendMessage, AppendProgress and AppendResult.
//
//	a id                        message: immutable
//	s id                        progress: size, size of the result + 1 (0: none), progress
//	z id                        result: generation, result
//
//	q name 9-priority seq id    place of a ready record: its queue
//	p name lane-name seq id     place of a parked record: its queue and lane
//	l id                        place of a leased record
//	d name id                   place of a dead record: its queue
//	t time id                   timer of a record; the value is the queue of one that will be due
//
//	c name                      counters of a queue
//	g name                      gate of a queue, JSON
//	n name lane-name            a lane that is in use: occupied, parked, blocked
//	i scope                     idempotency key: id, fingerprint, time of expiry
//	e time scope                expiry of an idempotency key
//	b ref                       body file that a record holds: id
//	Mseq Mclock                 highest place in the order, latest time: neither runs backwards
//
// Every record has at most one place and at most one timer, and both follow from the record alone (appendPlace and
// appendTimer). A transition deletes the old ones and puts the new ones; [Check] computes the same again.
//
// # Guarantees
//
//  1. What was acknowledged survives a crash of the process and, where the file system keeps its word, of the machine:
//     every acknowledged change was synced (TestEverythingAcknowledgedSurvivesACrash).
//  2. Nothing that a crash could take back is shown: Get, Wait and List wait for the sync of what they read
//     (TestNothingIsShownThatACrashTakesBack).
//  3. A change of one record with its indexes, counters, lane, idempotency key, body files and callback ticket is one
//     atomic write (TestEverythingAcknowledgedSurvivesACrash runs [Check] on every crashed state).
//  4. A lease is synced before it is handed out, and at open every lease of the process before ends as queue.OnLost says.
//  5. Bytes that fail their checksum are reported with their path and never handed out
//     (TestADamagedBodyIsReportedWithPathAndOffset, TestADamagedTableIsReported), and damage is not taken for the end that
//     a crash has torn, as long as something whole was written behind it (torn.go, FuzzRecovery). For that nothing counts
//     that a client can have sent without knowing its place in the log (TestWhatAClientSentIsNoEvidenceOfDamage). A store
//     that was closed in good order is not opened when a file of its database was lost, cut, changed, replaced or added
//     since (closed.go, TestADirectoryThatIsNotAsItWasClosedIsRefused).
//  6. Memory does not grow with the number of waiting messages.
//
// # Concurrency
//
// Writers form groups by flat combining (commit.go): the first becomes the leader, applies what everybody brought to one
// batch, syncs it once and wakes the others. The only goroutine of this package's own design is the caller of Run.
//
// # Failure
//
// A failed sync or an unreadable index breaks the store: every call from then on fails, Run returns the error, and nothing
// is tried again. A full disk is kept away: below a low-water mark Enqueue refuses with queue.FullError while leases are
// still settled, and it accepts again within a second of room coming back. Nothing is leased whose answer would find no
// room (TestNothingIsLeasedWhoseAnswerWouldHaveNoRoom).
//
// # Not here
//
// Policy, retries, logs, replication, and several processes on one directory.
package embedded
