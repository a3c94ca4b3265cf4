package embedded

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// Body files are blocks of blockSize bytes, the last one shorter, each followed by the CRC32C of its number and bytes.
// The name ends with the size of the body, so that a file that lost its end is recognised.
const (
	blockSize   = 32 << 10
	checksumLen = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// block holds one block and its checksum.
type block = [blockSize + checksumLen]byte

func checksum(number uint32, data []byte) uint32 {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], number)
	return crc32.Update(crc32.Update(0, castagnoli, n[:]), castagnoli, data)
}

// bodies knows the body files that no record holds yet.
type bodies struct {
	fs  vfs.FS
	dir string

	mu      sync.Mutex
	staged  map[string]bool
	keepers int      // backups under way: nothing is removed meanwhile
	kept    []string // what is to be removed after them

	blocks sync.Pool // of *block: the only buffers of readers and writers
}

func (b *bodies) newBlock() *block {
	if k, ok := b.blocks.Get().(*block); ok {
		return k
	}
	return new(block)
}

func (b *bodies) path(ref string) string { return b.fs.PathJoin(b.dir, ref) }

// took forgets files that are no longer staged, because a durable record holds them.
func (b *bodies) took(refs []string) {
	if len(refs) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ref := range refs {
		delete(b.staged, ref)
	}
}

// remove deletes files that no record holds any more. What remains because of an error is swept at the next open.
func (b *bodies) remove(refs []string) {
	if len(refs) == 0 {
		return
	}
	b.mu.Lock()
	if b.keepers > 0 {
		b.kept = append(b.kept, refs...)
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	b.unlink(refs)
}

// keep puts removals off until letGo. A removal that has begun may still go on: its record was gone before.
func (b *bodies) keep() {
	b.mu.Lock()
	b.keepers++
	b.mu.Unlock()
}

// letGo makes up for the removals that were put off, once nobody keeps the files any more.
func (b *bodies) letGo() {
	b.mu.Lock()
	b.keepers--
	var refs []string
	if b.keepers == 0 {
		refs, b.kept = b.kept, nil
	}
	b.mu.Unlock()
	b.unlink(refs)
}

func (b *bodies) unlink(refs []string) {
	for _, ref := range refs {
		b.fs.Remove(b.path(ref)) // see above
		fault.Point(fault.BodyUnlinked)
	}
}

// claim makes a staged body part of the record that this unit writes. A body that the same record holds already may be
// used again, such as when a redrive edits the header only.
func (u *unit) claim(body queue.Body, id queue.ID) error {
	ref := body.Ref()
	if ref == "" {
		return nil
	}
	b := &u.s.bodies
	b.mu.Lock()
	staged := b.staged[ref]
	if staged {
		// Not for another record of this unit. It returns to nobody: the unit becomes durable or the store is broken.
		b.staged[ref] = false
	}
	b.mu.Unlock()
	if staged {
		u.claimed = append(u.claimed, ref)
		return nil
	}
	if e := u.entries[id]; e != nil && e.rec != nil {
		for _, have := range refs(nil, e.rec) {
			if have == ref {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: body %s is not staged in this store", queue.ErrInvalid, ref)
}

// writeRefs moves the references of body files, and marks for removal those that nobody holds any more.
func (u *unit) writeRefs(was, is *queue.Record) {
	older, newer := refs(nil, was), refs(nil, is)
	for _, ref := range newer {
		if !contains(older, ref) {
			u.set(append([]byte{keyBlob}, ref...), is.ID[:])
		}
	}
	for _, ref := range older {
		if !contains(newer, ref) {
			u.check(u.batch.Delete(append([]byte{keyBlob}, ref...), nil))
			u.trash = append(u.trash, ref)
		}
	}
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// CreateBody begins a staged body.
func (s *Store) CreateBody(_ context.Context) (queue.BodyWriter, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	if s.disk.critical() {
		return nil, &queue.FullError{Bound: "disk", Limit: s.disk.minFree}
	}
	var random [16]byte
	rand.Read(random[:]) // documented never to fail
	w := &bodyWriter{s: s, name: hex.EncodeToString(random[:])}
	var err error
	w.plain, err = s.fs.Create(s.bodies.path(w.name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create body: %w", s.noSpace(err))
	}
	// Written pages go out while more come in, so that the final sync is short.
	w.file = vfs.NewSyncingFile(w.plain, vfs.SyncingFileOptions{BytesPerSync: 1 << 20})
	w.block = s.bodies.newBlock()
	return w, nil
}

// noSpace gives a full disk the form of a refusal. Nothing of the database is hurt by it: body files are written beside
// it.
func (s *Store) noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		s.disk.full()
		return &queue.FullError{Bound: "disk", Limit: s.disk.minFree}
	}
	return err
}

// notSynced judges a failed sync of a body. Where it is not for want of room, the disk fails, and nothing is acknowledged any
// more (R11): after an fsync that failed once, the next one may succeed without having written anything.
func (s *Store) notSynced(err error) error {
	err = s.noSpace(err)
	if !errors.Is(err, queue.ErrFull) {
		s.breakDown(fmt.Errorf("sync body: %w", err))
	}
	return err
}

type bodyWriter struct {
	s      *Store
	file   vfs.File // writes to plain
	plain  vfs.File
	name   string // of the file while it is written
	block  *block
	n      int // bytes in block
	number uint32
	size   int64
	err    error
	ended  bool
}

func (w *bodyWriter) Write(p []byte) (int, error) {
	if w.ended {
		return 0, errors.New("write body: it was committed or aborted")
	}
	written := 0
	for len(p) > 0 && w.err == nil {
		n := copy(w.block[w.n:blockSize], p)
		w.n += n
		written += n
		p = p[n:]
		if w.n == blockSize {
			w.flush()
		}
	}
	w.size += int64(written)
	return written, w.err
}

func (w *bodyWriter) flush() {
	if w.s.disk.critical() {
		w.err = &queue.FullError{Bound: "disk", Limit: w.s.disk.minFree}
		return
	}
	binary.BigEndian.PutUint32(w.block[w.n:], checksum(w.number, w.block[:w.n]))
	if _, err := w.file.Write(w.block[:w.n+checksumLen]); err != nil {
		w.err = fmt.Errorf("write body: %w", w.s.noSpace(err))
		return
	}
	w.s.disk.took(w.n)
	w.number++
	w.n = 0
}

// Commit syncs the file, gives it its name, and syncs the directory: the order in which a crash can at worst leave a
// file that no record holds.
func (w *bodyWriter) Commit() (queue.Body, error) {
	if w.ended {
		return queue.Body{}, errors.New("commit body: it was committed or aborted")
	}
	if w.n > 0 && w.err == nil {
		w.flush()
	}
	fault.Point(fault.BodyWritten)
	if w.err == nil && !fault.Planted(fault.BodyNotSynced) {
		if err := w.file.Sync(); err != nil {
			w.err = fmt.Errorf("sync body: %w", w.s.notSynced(err))
		}
	}
	if w.err != nil {
		w.Abort() // the first error is the one to tell
		return queue.Body{}, w.err
	}
	w.end()
	fault.Point(fault.BodySynced)
	b := &w.s.bodies
	ref := w.name + "-" + strconv.FormatInt(w.size, 10)
	err := b.fs.Rename(b.path(w.name), b.path(ref))
	if err == nil {
		fault.Point(fault.BodyRenamed)
		if err = syncDir(b.fs, b.dir); err != nil {
			err = w.s.notSynced(err)
		}
	} else {
		err = w.s.noSpace(err)
	}
	if err != nil {
		b.remove([]string{w.name, ref})
		return queue.Body{}, fmt.Errorf("commit body: %w", err)
	}
	b.mu.Lock()
	b.staged[ref] = true
	b.mu.Unlock()
	fault.Point(fault.BodyCommitted)
	return queue.StoredBody(ref, w.size, w.s), nil
}

func (w *bodyWriter) end() error {
	w.ended = true
	w.s.bodies.blocks.Put(w.block)
	w.block = nil
	// Not file, whose Close syncs what Commit has not: that would be paid for a file that is about to be removed.
	return w.plain.Close()
}

// Abort forgets what was written.
func (w *bodyWriter) Abort() error {
	if w.ended {
		return nil
	}
	err := w.end()
	w.s.bodies.remove([]string{w.name})
	return err
}

// DiscardBody removes a staged body. Others are left alone.
func (s *Store) DiscardBody(_ context.Context, body queue.Body) error {
	if body.Ref() == "" {
		return nil
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.calls.Done()
	b := &s.bodies
	b.mu.Lock()
	staged := b.staged[body.Ref()]
	if staged {
		delete(b.staged, body.Ref())
	}
	b.mu.Unlock()
	if staged {
		b.remove([]string{body.Ref()})
	}
	return nil
}

// OpenBody returns the bytes of a committed body.
func (s *Store) OpenBody(_ context.Context, ref string) (io.ReadCloser, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	held, err := s.holds(ref)
	if err != nil {
		return nil, err
	}
	if !held {
		return nil, fmt.Errorf("body %q: %w", ref, queue.ErrNotFound)
	}
	return s.bodies.open(ref)
}

// holds reports whether a body is staged or part of a record. The file of a removed record stays for a moment.
func (s *Store) holds(ref string) (bool, error) {
	s.bodies.mu.Lock()
	_, staged := s.bodies.staged[ref]
	s.bodies.mu.Unlock()
	if staged {
		return true, nil
	}
	held, err := s.has(append([]byte{keyBlob}, ref...))
	if err != nil {
		return false, fmt.Errorf("look up body %q: %w", ref, s.corrupt(err))
	}
	return held, nil
}

func (b *bodies) open(ref string) (io.ReadCloser, error) {
	size, ok := refSize(ref)
	if !ok {
		return nil, fmt.Errorf("body %q: %w", ref, queue.ErrNotFound)
	}
	f, err := b.fs.Open(b.path(ref), vfs.SequentialReadsOption)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("body %q: %w", ref, queue.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open body: %w", err)
	}
	return &bodyReader{file: f, path: b.path(ref), left: size, block: b.newBlock(), pool: &b.blocks}, nil
}

// refSize checks the shape of a ref, which also keeps any other path out of it, and returns the size that it names.
func refSize(ref string) (int64, bool) {
	name, digits, ok := strings.Cut(ref, "-")
	if !ok || len(name) != 32 {
		return 0, false
	}
	if _, err := hex.DecodeString(name); err != nil {
		return 0, false
	}
	size, err := strconv.ParseInt(digits, 10, 64)
	return size, err == nil && size >= 0
}

type bodyReader struct {
	file   vfs.File
	path   string
	left   int64 // bytes of blocks not yet read
	offset int64 // in the file
	number uint32
	block  *block
	pool   *sync.Pool
	ready  []byte // verified bytes of the block
	err    error
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if len(r.ready) == 0 && r.err == nil {
		r.next()
	}
	if len(r.ready) == 0 {
		return 0, r.err
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// next reads and verifies a block. None of its bytes is handed out before.
func (r *bodyReader) next() {
	if r.block == nil {
		r.err = os.ErrClosed
		return
	}
	if r.left == 0 {
		r.err = io.EOF
		return
	}
	n := int(min(r.left, blockSize))
	b := r.block[:n+checksumLen]
	if _, err := io.ReadFull(r.file, b); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = &queue.CorruptError{Path: r.path, Offset: r.offset, Err: errors.New("the file ends too early")}
		}
		r.err = err
		return
	}
	if checksum(r.number, b[:n]) != binary.BigEndian.Uint32(b[n:]) {
		if fault.Planted(fault.BodyTruncatedAtError) {
			r.err = io.EOF
			return
		}
		r.err = &queue.CorruptError{Path: r.path, Offset: r.offset, Err: errors.New("checksum mismatch")}
		return
	}
	r.ready = b[:n]
	r.left -= int64(n)
	r.offset += int64(len(b))
	r.number++
}

func (r *bodyReader) Close() error {
	if r.block == nil {
		return nil
	}
	r.ready = nil
	r.pool.Put(r.block)
	r.block = nil
	return r.file.Close()
}

// sweep removes the body files that no record holds: what was staged when the process before ended.
func (s *Store) sweep() error {
	names, err := s.fs.List(s.bodies.dir)
	if err != nil {
		return fmt.Errorf("list bodies: %w", err)
	}
	for _, name := range names {
		if held, err := s.has(append([]byte{keyBlob}, name...)); err != nil {
			return fmt.Errorf("look up body %s: %w", name, s.corrupt(err))
		} else if !held {
			s.bodies.remove([]string{name})
		}
	}
	return nil
}
