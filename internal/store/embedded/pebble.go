package embedded

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/internal/fault"
)

// memTableSize trades memory for flushes: a larger one lets more messages come and go without reaching a table at all.
const memTableSize = 8 << 20

// pebbleOptions sets the database up for small memory, many small writes, and keys that live briefly.
func pebbleOptions(fs vfs.FS, logger pebble.Logger) *pebble.Options {
	o := &pebble.Options{
		FS:     fs,
		Logger: logger,
		// The newest format of the pinned version. Its log tells a torn end from corruption (WAL sync chunks). Values
		// stay in the tables: keeping them in separate files saved a fifth of an enqueue, but the engine still calls that
		// experimental.
		FormatMajorVersion: pebble.FormatValueSeparation,
		// The memory of memtables is taken out of this: two of them, and half of it for blocks. Without room for blocks
		// every read of a message that left the memtable would fetch its filter, index and data again (700 us).
		CacheSize: 4 * memTableSize,
		// Memtables start at 256 KiB and double up to this, so that an idle process stays small.
		MemTableSize: memTableSize,
		// Writers stop when a fourth memtable would be needed: 24 MiB at the very most.
		MemTableStopWritesThreshold: 3,
		// Compactions wait for many small tables and then rewrite a level once. Each one also rewrites a table of the level
		// below for every kind of key, because all of them grow at their end: with a threshold of 12 instead of 40 half a
		// gigabyte of messages cost a quarter more CPU as a whole. Filters keep reads away from the tables that wait.
		// Writers are never stopped for their number.
		L0CompactionThreshold: 40,
		L0StopWritesThreshold: 1000,
		LBaseMaxBytes:         64 << 20,
		// One compaction runs at a time beside the requests; a second only when the first falls behind.
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		// Few files open and few file handles cached: five million messages are a few hundred tables.
		MaxOpenFiles: 256,
		// Dirty pages of tables and log go out while they are written, so that no sync waits for all of them.
		BytesPerSync:    512 << 10,
		WALBytesPerSync: 256 << 10,
		// Damage is reported to who reads it. By default it ends the process, so that one bad block of a finished result
		// would stop everything, whoever asks for it.
		EventListener: &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}},
	}
	if fault.Planted(fault.LogTruncatedAtError) {
		o.FormatMajorVersion = pebble.FormatWALSyncChunks - 1
	}
	// Small tables, doubling by level: a compaction step stays short, and the last table of each kind of key, which every
	// compaction of the top level rewrites, is small.
	o.TargetFileSizes[0] = 4 << 20
	o.TargetFileSizes[1] = 4 << 20
	for i := range o.Levels {
		// Whether an ID exists is asked for every message; the filter answers without reading a block.
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 16 << 10
	}
	return o
}

// fatalLogger turns what the database calls fatal into a broken store. It logs nothing: stores do not.
type fatalLogger struct{ broken func(error) }

func (fatalLogger) Infof(string, ...any)  {}
func (fatalLogger) Errorf(string, ...any) {}

// Fatalf is called where the database cannot go on, such as after a failed sync of its log. Returning lets the call under
// way end; the committer asks afterwards whether the store is broken, before anything is acknowledged.
func (l fatalLogger) Fatalf(format string, args ...any) { l.broken(fmt.Errorf(format, args...)) }
