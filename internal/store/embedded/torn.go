package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/queue"
)

// The database reads its manifest, and the last block of its last log, up to the first record that fails its checksum, and
// takes the rest for the end that a crash has torn. If that record was damaged later, all that was written behind it is
// gone without a word, and with a shortened manifest the newer tables are removed. checkTails tells the two apart before the
// database is opened.
//
// Both kinds of file are blocks of 32 KiB, each of them chunks: CRC32C of what follows the length, rotated and shifted;
// length; type; in a log its number and how much of it was synced when the chunk was made; the bytes. A chunk never spans
// two blocks; less than a header's room at the end of one is left alone.
const (
	tailBlock      = 32 << 10
	tailSector     = 512 // what a disk writes as a whole
	manifestHeader = 4 + 2 + 1
	logHeader      = manifestHeader + 4 + 8

	manifestBegins = 2  // a chunk of type 1 or 2 begins a change
	manifestTypes  = 4  // 1 to 4
	logTypes       = 12 // 9 to 12
)

// checkTails returns a CorruptError for a manifest or log in which something was damaged that had been synced: more that
// was written later stands behind it. It returns nil for files that are whole, or that a crash has torn at their end. What
// is cut off exactly at the end, and damage in the very last write of a log, cannot be told from a crash.
func checkTails(fs vfs.FS, dir string) error {
	desc, err := pebble.Peek(dir, fs)
	if err != nil || !desc.Exists {
		return nil // the database says itself why it cannot be opened
	}
	if err := checkManifest(fs, desc.ManifestFilename); err != nil {
		return err
	}
	names, err := fs.List(dir)
	if err != nil {
		return nil // see above
	}
	for _, name := range names {
		digits, ok := strings.CutSuffix(path.Base(name), ".log")
		number, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			continue
		}
		if err := checkLog(fs, fs.PathJoin(dir, path.Base(name)), uint32(number)); err != nil {
			return err
		}
	}
	return nil
}

// checkManifest looks for a chunk that is not whole and has a later change behind it: each is synced before the next is
// made. The last one is damaged if it has its length and every sector of it was written.
func checkManifest(fs vfs.FS, name string) error {
	var suspect error
	return eachBlock(fs, name, func(offset int64, b []byte) error {
		for at := 0; len(b)-at >= manifestHeader; {
			size := chunkSize(b[at:], manifestHeader)
			whole := size <= len(b)-at && b[at+6] >= 1 && b[at+6] <= manifestTypes && matches(b[at:at+size])
			switch {
			case whole && suspect != nil && b[at+6] <= manifestBegins:
				return suspect
			case whole:
				at += size
				continue
			}
			if suspect == nil {
				suspect = damaged(name, offset+int64(at))
				if !torn(b[at:], at) {
					return suspect
				}
			}
			at++ // its length is not to be trusted
		}
		return nil
	})
}

// checkLog looks for a chunk that is not whole and has one behind it that says that more had been synced by then. Chunks of
// another number are of the log that used the file before. So may be any bytes behind the end, and bodies, which clients
// choose, are among them: within the block of the first bad chunk, where chunks have to be searched, what was synced must
// be where one that was found begins; in later blocks only the chunks count that follow one another from the start.
func checkLog(fs vfs.FS, name string, number uint32) error {
	suspect := int64(-1)
	return eachBlock(fs, name, func(offset int64, b []byte) error {
		search := suspect < 0
		var found []int64 // one behind the other, without a gap
		for at := 0; len(b)-at >= logHeader; {
			c := b[at:]
			size := chunkSize(c, logHeader)
			if c[6] <= logTypes-4 || c[6] > logTypes || size > len(c) || binary.LittleEndian.Uint32(c[7:]) != number || !matches(c[:size]) {
				if !search {
					return nil
				}
				if suspect < 0 {
					suspect = offset + int64(at)
				}
				found = found[:0]
				at++ // its length is not to be trusted
				continue
			}
			if suspect >= 0 {
				found = append(found, offset+int64(at))
				synced := binary.LittleEndian.Uint64(c[11:])
				_, known := slices.BinarySearch(found, int64(synced))
				if known || !search && synced > uint64(suspect) {
					return damaged(name, suspect)
				}
			}
			at += size
		}
		return nil
	})
}

// eachBlock calls f with each block of a file and its offset, until it returns an error.
func eachBlock(fs vfs.FS, name string, f func(offset int64, b []byte) error) error {
	file, err := fs.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return nil // the database says itself why it cannot be opened
	}
	defer file.Close() // only read
	block := make([]byte, tailBlock)
	for offset := int64(0); ; offset += tailBlock {
		n, err := io.ReadFull(file, block)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if stop := f(offset, block[:n]); stop != nil || err != nil {
			return stop
		}
	}
}

// damageRemedy is what is left to do about a database that is refused.
const damageRemedy = "nothing was changed: restore a backup, or keep this directory and begin with another"

func damaged(name string, offset int64) error {
	return &queue.CorruptError{Path: name, Offset: offset, Err: errors.New("checksum mismatch of what was synced; " + damageRemedy)}
}

// chunkSize is the size that a chunk says it has.
func chunkSize(b []byte, header int) int { return header + int(binary.LittleEndian.Uint16(b[4:])) }

func matches(chunk []byte) bool {
	sum := crc32.Checksum(chunk[6:], castagnoli)
	return binary.LittleEndian.Uint32(chunk) == (sum>>15|sum<<17)+0xa282ead8
}

// torn reports whether a crash may have left b, which begins with a chunk that is not whole and lies at an offset of its
// block: its end is missing, or a sector of it never reached the disk.
func torn(b []byte, at int) bool {
	size := chunkSize(b, manifestHeader)
	if zeroed(b[:min(tailSector-at%tailSector, len(b))]) {
		return true
	}
	if size > len(b) {
		// The header is as it was written, and there is less: with the length that it has it would be whole otherwise.
		return b[6] >= 1 && b[6] <= manifestTypes && at+size <= tailBlock && !matches(b)
	}
	for from := 0; from < size; {
		to := min(from+tailSector-(at+from)%tailSector, size)
		if zeroed(b[from:to]) {
			return true
		}
		from = to
	}
	return false
}

func zeroed(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
