package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

// Options says where the store lies and what bounds it.
type Options struct {
	Dir string // created if it does not exist
	FS  vfs.FS // nil: the disk

	MaxMessages int64 // most unfinished messages over all visible queues; 0: no bound
	MaxBytes    int64 // most bytes of unfinished messages, bodies included; 0: no bound
	MinFree     int64 // bytes of free disk below which nothing new is accepted; 0: 256 MiB
}

// Store is a queue.Store on local disk. Open makes one.
type Store struct {
	committer
	dir      string
	fs       vfs.FS
	opts     Options
	db       *pebble.DB
	snapshot *pebble.Snapshot // only of a recount: what is read instead of db
	lock     io.Closer
	clock    clock
	caps     queue.Capabilities
	bodies   bodies
	disk     disk
	timer    *timer

	enqueues sync.Pool // of *enqueueOp
	unsynced unsynced
	waiters  waiters
	broken   chan struct{} // closed when the store breaks
	closing  chan struct{} // closed by Close

	// state is held by the leader while it builds a unit, and by calls that only look. It guards the rest.
	state        sync.Mutex
	lines        map[string]*line
	lanes        map[laneID]*lane
	paces        paces
	opened       time.Time // by the store's clock
	leases       map[queue.ID]*lease
	expiries     expiries
	claims       []*claim
	short        bool  // a claim waits for room for an answer
	strict       bool  // leases and reservations leave each other their turns
	deferred     bool  // one did
	ready        int64 // over all queues
	unfinished   int64 // over all visible queues
	bytes        int64
	openBytes    int64 // of unfinished messages
	cached       int64 // bytes of records kept in windows
	served       uint64
	reservations uint64
	seq          uint64
	seqLimit     uint64 // written down: no number up to it is given again after a crash
	clockWritten time.Time
	recent       recent
	recovered    []queue.Event
}

var _ queue.Store = (*Store)(nil)

// Open opens or creates the store in a directory and takes it for this process. Every lease of the process before is
// ended. Errors name the directory, the reason and the remedy; a directory that is not ours or of a newer format is not
// touched.
func Open(opts Options) (*Store, error) {
	if opts.FS == nil {
		opts.FS = vfs.Default
		abs, err := filepath.Abs(opts.Dir)
		if err != nil {
			return nil, fmt.Errorf("data directory: %w", err)
		}
		opts.Dir = abs
	}
	if opts.MinFree == 0 {
		opts.MinFree = defaultMinFree
	}
	s := &Store{
		dir: opts.Dir, fs: opts.FS, opts: opts,
		timer:   newTimer(),
		waiters: waiters{byID: make(map[queue.ID][]*waiter)},
		broken:  make(chan struct{}), closing: make(chan struct{}),
		lines: make(map[string]*line), lanes: make(map[laneID]*lane), paces: paces{byLane: make(map[laneID]*pace)}, leases: make(map[queue.ID]*lease),
	}
	s.bodies = bodies{fs: s.fs, dir: s.fs.PathJoin(s.dir, blobDir), staged: make(map[string]bool)}
	s.disk.fs, s.disk.dir, s.disk.minFree = s.fs, s.dir, opts.MinFree
	format, err := inspect(s.fs, s.dir)
	if err != nil {
		return nil, err
	}
	if err := s.open(format); err != nil {
		s.shut(false)
		return nil, explain(s.dir, err)
	}
	return s, nil
}

// open opens the directory, whose store has a format, or 0: there is none.
func (s *Store) open(format int) error {
	exists := format > 0
	if err := createDir(s.fs, s.dir); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	lock, err := lockDir(s.fs, s.dir)
	if err != nil {
		return err
	}
	s.lock = lock
	if exists {
		if err := verifyClosed(s.fs, s.dir); err != nil {
			return err
		}
	}
	if err := forgetClosed(s.fs, s.dir); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	if !exists {
		if err := beginFormat(s.fs, s.dir); err != nil {
			return fmt.Errorf("create data directory: %w", err)
		}
		fault.Point(fault.OpenBegun)
	}
	if err := s.fs.MkdirAll(s.bodies.dir, 0o700); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	s.disk.find()
	s.disk.sample()
	if err := s.openDatabase(exists); err != nil {
		return fmt.Errorf("open data directory %s: %w", s.dir, err)
	}
	if !exists {
		fault.Point(fault.OpenCreated)
		if err := finishFormat(s.fs, s.dir); err != nil {
			return fmt.Errorf("create data directory: %w", err)
		}
	}
	if fault.Planted(fault.KeyOnlyInMemory) {
		s.db.DeleteRange([]byte{keyScope}, []byte{keyScope + 1}, pebble.Sync)
	}
	if err := s.load(); err != nil {
		return err
	}
	if exists && format < formatVersion {
		if err := raiseFormat(s.fs, s.dir); err != nil {
			return fmt.Errorf("raise the format of data directory %s: %w", s.dir, err)
		}
	}
	fault.Point(fault.OpenLoaded)
	if err := s.recover(); err != nil {
		return err
	}
	if err := s.resumePaces(); err != nil {
		return err
	}
	fault.Point(fault.OpenRecovered)
	if err := s.sweep(); err != nil {
		return err
	}
	fault.Point(fault.OpenSwept)
	s.caps = queue.Capabilities{Name: "embedded", Durability: s.durability(), Place: s.dir, Recovered: s.visible()}
	return nil
}

func (s *Store) openDatabase(exists bool) error {
	dir := s.fs.PathJoin(s.dir, dbDir)
	if !exists {
		// The log that a new database begins with does not say what was synced, so that nobody could tell damage in it from
		// an end that a crash tore off. The one of the next open does.
		db, err := pebble.Open(dir, pebbleOptions(s.fs, fatalLogger{s.breakDown}))
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	if err := checkTails(s.fs, dir); err != nil && !fault.Planted(fault.LogTruncatedAtError) {
		return err
	}
	options := pebbleOptions(s.fs, fatalLogger{s.breakDown})
	options.ErrorIfNotExists = true
	var err error
	if s.db, err = pebble.Open(dir, options); err != nil {
		return s.corrupt(err)
	}
	return nil
}

func (s *Store) durability() queue.Durability {
	if vfs.Root(s.fs) != vfs.Default {
		return queue.DurabilityMemory
	}
	return durabilityOf(s.dir)
}

// explain adds the remedy to what a file system says in two words.
func explain(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data directory %s is not writable: make it so, or choose another (%w)", dir, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space left for data directory %s: free some and start again (%w)", dir, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("data directory %s lies below a file: choose another (%w)", dir, err)
	}
	return err
}

// load reads what is kept in memory: meta data, counters and gates. It does not grow with the messages.
func (s *Store) load() error {
	seq, err := s.meta(keyMetaSeq)
	if err != nil {
		return err
	}
	s.seq, s.seqLimit = seq, seq
	highWater, err := s.meta(keyMetaClock)
	if err != nil {
		return err
	}
	s.clock = newClock(time.Unix(0, int64(highWater)).UTC())
	err = s.each(keyCounters, func(name string, value []byte) error {
		q := s.line(name)
		if err := q.decodeCounters(value); err != nil {
			return err
		}
		q.resetWindows()
		s.ready += q.counts.Ready
		s.bytes += q.bytes
		s.openBytes += q.openBytes
		if !q.hidden {
			s.unfinished += q.counts.Unfinished()
		}
		return nil
	})
	if err != nil {
		return err
	}
	horizon, err := s.latestID()
	if err != nil {
		return err
	}
	s.recent = newRecent(horizon)
	now := s.clock.now()
	s.opened = now
	return s.each(keyGate, func(name string, value []byte) error {
		gate, err := decodeGate(value)
		if err != nil {
			return err
		}
		q := s.line(name)
		if fault.Planted(fault.LimitForgottenAtStart) {
			gate.Limits = queue.Limits{}
		}
		if fault.Planted(fault.BreakerForgottenAtStart) {
			delete(gate.Holds, queue.HoldBreaker)
			gate.Recovery = queue.Recovery{}
		}
		q.gate = gate
		if gate.Limits.Rate > 0 {
			q.bucket = queue.EmptyBucket(now, gate.Limits)
		}
		return nil
	})
}

// latestID returns the latest moment that a stored ID names, in Unix milliseconds.
func (s *Store) latestID() (int64, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyProgress}, UpperBound: []byte{keyProgress + 1}})
	if err != nil {
		return 0, fmt.Errorf("read data directory: %w", s.corrupt(err))
	}
	var latest int64
	if it.Last() && len(it.Key()) == 1+idLen {
		latest = queue.ID(it.Key()[1:]).Time().UnixMilli()
	}
	if err := it.Close(); err != nil {
		return 0, fmt.Errorf("read data directory: %w", s.corrupt(err))
	}
	return latest, nil
}

// meta reads a number; 0 if it was never written.
func (s *Store) meta(key string) (uint64, error) {
	value, err := s.get([]byte(key))
	switch {
	case errors.Is(err, queue.ErrNotFound):
		return 0, nil
	case err == nil && len(value) != 8:
		err = fmt.Errorf("decode %s: %w", key, queue.ErrCorrupt)
		fallthrough
	case err != nil:
		return 0, fmt.Errorf("read data directory: %w", s.corrupt(err))
	}
	return binary.BigEndian.Uint64(value), nil
}

// each calls f for every named value of a kind.
func (s *Store) each(kind byte, f func(name string, value []byte) error) error {
	it, err := s.newIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err == nil {
		for ok := it.First(); ok && err == nil; ok = it.Next() {
			name, _, valid := readName(it.Key()[1:])
			if !valid {
				err = fmt.Errorf("key %x: %w", it.Key(), queue.ErrCorrupt)
				break
			}
			var value []byte
			if value, err = it.ValueAndErr(); err == nil {
				err = f(name, value)
			}
		}
		if closeErr := it.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return fmt.Errorf("read data directory: %w", s.corrupt(err))
	}
	return nil
}

// seqBlock is how many places in the order are written down ahead.
const seqBlock = 1 << 16

// writeMeta adds to a unit what must not run backwards: the next block of the order when this one is used up, and the
// clock about once a second.
func (s *Store) writeMeta(u *unit) {
	if s.seq > s.seqLimit && !fault.Planted(fault.OrderForgottenAtStart) {
		s.seqLimit = s.seq + seqBlock
		u.set([]byte(keyMetaSeq), binary.BigEndian.AppendUint64(nil, s.seqLimit))
	}
	if u.now.Sub(s.clockWritten) >= time.Second {
		s.clockWritten = u.now
		u.set([]byte(keyMetaClock), appendTime(nil, u.now))
	}
}

// recover ends the leases of the process before, in units of bounded size (R4, R5).
func (s *Store) recover() error {
	var from queue.ID
	for {
		ids, err := s.leased(from)
		if err != nil || len(ids) == 0 {
			return err
		}
		from = ids[len(ids)-1]
		var o *op
		o = newOp(func(u *unit) {
			for _, id := range ids {
				e := u.load(id)
				if e == nil {
					u.fail(fmt.Errorf("leased message %s has no record: %w", id, queue.ErrCorrupt))
					return
				}
				u.lose(e)
				fault.Point(fault.RecoveryLost)
				s.recovered = append(s.recovered, event(queue.EventLapsed, e.rec))
			}
			u.finish(o)
		})
		if err := s.do(o); err != nil {
			return fmt.Errorf("end the leases of the process before: %w", s.corrupt(err))
		}
	}
}

// leased returns the first leased records behind an ID.
func (s *Store) leased(from queue.ID) (ids []queue.ID, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: append(idKey(keyLeased, from), 0), UpperBound: []byte{keyLeased + 1}})
	if err != nil {
		return nil, fmt.Errorf("read leases: %w", s.corrupt(err))
	}
	for ok := it.First(); ok && len(ids) < dueLimit; ok = it.Next() {
		ids = append(ids, queue.ID(it.Key()[1:]))
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("read leases: %w", s.corrupt(err))
	}
	return ids, nil
}

// visible adds up the counters of all visible queues.
func (s *Store) visible() queue.Counts {
	var sum queue.Counts
	for _, q := range s.lines {
		if !q.hidden {
			sum.Add(q.counts)
		}
	}
	return sum
}

// Capabilities says what the store does and promises.
func (s *Store) Capabilities() queue.Capabilities { return s.caps }

// Close waits for calls under way and gives the directory back. Calls that wait for something to happen end with
// ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return queue.ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	s.refuseClaims()
	s.calls.Wait()
	fault.Point(fault.CloseRefused)
	return s.shut(true)
}

// refuseClaims ends the calls of Lease and Reserve that wait.
func (s *Store) refuseClaims() {
	var o *op
	o = newOp(func(u *unit) {
		for _, c := range s.claims {
			c.waiting = false
			c.err = queue.ErrClosed
			u.finish(&c.op)
		}
		s.claims = nil
		u.finish(o)
	})
	s.submit(o)
	s.await(o)
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// shut closes what open opened, in reverse. whole: open had come to its end.
func (s *Store) shut(whole bool) error {
	var err error
	if s.db != nil {
		s.mu.Lock()
		units := s.units
		s.units = nil
		s.mu.Unlock()
		for _, u := range units {
			u.batch.Close() // it holds memory only
		}
		err = s.closeDB()
		fault.Point(fault.CloseDatabase)
		if whole && err == nil && s.brokenErr() == nil {
			writeClosed(s.fs, s.dir)
		}
	}
	if s.lock != nil {
		s.fs.Remove(s.fs.PathJoin(s.dir, pidFile)) // it only serves an error message
		if lockErr := s.lock.Close(); err == nil {
			err = lockErr
		}
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// closeDB closes the database. One that is broken may refuse in any way; everything that was acknowledged is on disk, so
// that is of no importance.
func (s *Store) closeDB() (err error) {
	if s.brokenErr() != nil {
		defer func() {
			if recover() != nil {
				err = nil
			}
		}()
		s.db.Close() // see above
		return nil
	}
	return s.db.Close()
}
