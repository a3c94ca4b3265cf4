package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// tails returns the files of a store that a crash ended after two flushes and some writes, and the names of its manifest
// and of the log in use.
func tails(t *testing.T) (files map[string][]byte, manifest, log string) {
	fs := vfs.NewCrashableMem()
	s := openOn(t, fs)
	for i := range 12 {
		before := contentOf(t, fs)
		_, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")})
		must(t, err)
		for name, b := range contentOf(t, fs) {
			if strings.HasSuffix(name, ".log") && !bytes.Equal(b, before[name]) {
				log = name
			}
		}
		if i == 3 || i == 6 {
			must(t, s.db.Flush())
		}
	}
	files = contentOf(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	delete(files, testDir+"/"+pidFile) // goes with the process
	must(t, s.Close())
	return files, manifestOf(files), log
}

// manifestOf returns the name of the manifest in use. Of the open that made the database another one may be left.
func manifestOf(files map[string][]byte) (manifest string) {
	for name := range files {
		if strings.Contains(name, "/MANIFEST-0") {
			manifest = max(manifest, name)
		}
	}
	return manifest
}

// with returns the files with another content of one.
func with(files map[string][]byte, name string, b []byte) map[string][]byte {
	changed := make(map[string][]byte, len(files))
	for other, content := range files {
		changed[other] = content
	}
	changed[name] = b
	return changed
}

func TestADamagedManifestIsRefusedAndTheTablesStay(t *testing.T) {
	files, manifest, _ := tails(t)
	for at := range files[manifest] {
		b := bytes.Clone(files[manifest])
		b[at] ^= 0x10
		fs := diskOf(t, with(files, manifest, b))
		s, err := Open(Options{Dir: testDir, FS: fs})
		var corrupt *queue.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Path != manifest {
			t.Errorf("with another byte %d: %v, want a CorruptError of %s", at, err, manifest)
		}
		if err == nil {
			s.Close() // it should not be open
		}
		if changed := changedFiles(with(files, manifest, b), contentOf(t, fs)); len(changed) > 0 {
			t.Fatalf("with another byte %d these were changed: %v", at, changed)
		}
	}
}

func TestDamageBeforeALaterWriteOfALogIsRefused(t *testing.T) {
	files, _, log := tails(t)
	_, last := lastWrite(t, files[log])
	for at := 0; at < last; at += 7 {
		b := bytes.Clone(files[log])
		b[at] ^= 0x10
		s, err := Open(Options{Dir: testDir, FS: diskOf(t, with(files, log, b))})
		if !errors.Is(err, queue.ErrCorrupt) {
			t.Errorf("with another byte %d of %d: %v, want ErrCorrupt", at, last, err)
		}
		if err == nil {
			s.Close() // it should not be open
		}
	}
}

// TestDamageInTheFirstLogOfADatabaseIsReported: the engine writes its very first log without saying what was synced, so the
// store begins with a second one.
func TestDamageInTheFirstLogOfADatabaseIsReported(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openOn(t, fs)
	for range 20 {
		_, err := s.Enqueue(t.Context(), []*queue.Message{storetest.NewMessage("orders")})
		must(t, err)
	}
	files := contentOf(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	delete(files, testDir+"/"+pidFile) // goes with the process
	must(t, s.Close())
	log := ""
	for name, b := range files {
		if strings.HasSuffix(name, ".log") && len(b) > len(files[log]) {
			log = name
		}
	}
	_, last := lastWrite(t, files[log])
	for at := 0; at < last; at += 97 {
		b := bytes.Clone(files[log])
		b[at] ^= 1
		s, err := Open(Options{Dir: testDir, FS: diskOf(t, with(files, log, b))})
		var corrupt *queue.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Path != log || corrupt.Offset > int64(at) {
			t.Errorf("with another bit in byte %d of %d: %v, want a CorruptError of %s with an offset up to there", at, last, err, log)
		}
		if err == nil {
			s.Close() // it should not be open
		}
	}
}

// lastWrite returns how many chunks a log of one block has, and where the last one begins.
func lastWrite(t *testing.T, b []byte) (chunks, last int) {
	number := b[7:11]
	for at := 0; at+logHeader <= len(b) && b[at+6] > logTypes-4 && bytes.Equal(b[at+7:at+11], number); at += chunkSize(b[at:], logHeader) {
		chunks, last = chunks+1, at
	}
	if chunks < 3 {
		t.Fatalf("the log has only %d chunks", chunks)
	}
	return chunks, last
}

func TestATornEndIsNoDamage(t *testing.T) {
	files, manifest, log := tails(t)
	for _, name := range []string{manifest, log} {
		whole := files[name]
		for n := range whole {
			for what, b := range map[string][]byte{"cut": whole[:n], "zeroed": append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...)} {
				if name == manifest && what == "zeroed" && n%tailSector > 0 {
					continue // no disk leaves half a sector
				}
				if err := checkTails(diskOf(t, with(files, name, b)), testDir+"/"+dbDir); err != nil {
					t.Errorf("%s %s at %d: %v", name, what, n, err)
				}
			}
		}
	}
}

// TestWhatAClientSentIsNoEvidenceOfDamage: a log that took the place of an older one has the bodies of that behind its end,
// and what a client can send must not keep the store from being opened. It does not know where in a log its bytes will lie.
func TestWhatAClientSentIsNoEvidenceOfDamage(t *testing.T) {
	files, _, log := tails(t)
	whole := files[log]
	for what, gap := range map[string]int{"in the block of the end": 1000, "in a later block": tailBlock + 1000} {
		for _, synced := range []uint64{uint64(len(whole) + 1), uint64(len(whole) + gap + 5), math.MaxUint64} {
			b := append(bytes.Clone(whole), bytes.Repeat([]byte("x"), gap)...)
			for range 3 {
				b = append(b, forged(b[7:11], synced)...)
			}
			if err := checkTails(diskOf(t, with(files, log, b)), testDir+"/"+dbDir); err != nil {
				t.Errorf("%s, with %d synced: %v", what, synced, err)
			}
		}
	}
}

// forged returns a chunk of a log without bytes of its own.
func forged(number []byte, synced uint64) []byte {
	c := make([]byte, logHeader)
	c[6] = logTypes - 3
	copy(c[7:], number)
	binary.LittleEndian.PutUint64(c[11:], synced)
	sum := crc32.Checksum(c[6:], castagnoli)
	binary.LittleEndian.PutUint32(c, (sum>>15|sum<<17)+0xa282ead8)
	return c
}
