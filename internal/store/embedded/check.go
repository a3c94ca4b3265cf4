package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/queue"
)

// Report is what Check found.
type Report struct {
	Records   int64                   // examined
	Bodies    int64                   // body files verified
	BodyBytes int64                   // in them
	Orphans   int64                   // body files that no record holds; the next open sweeps them
	Queues    map[string]queue.Counts // recounted from the records; Accepted and Removed as stored
	Faults    []queue.Fault           // the first MaxFaults
	Faulty    int64                   // all of them
}

// MaxFaults is how many faults a Report describes.
const MaxFaults = 1000

// OK reports that nothing is wrong.
func (r *Report) OK() bool { return r.Faulty == 0 }

// Check verifies the directory of a store that is not open, and changes nothing in it: every record's index keys are
// computed again and looked up, every index key's record is looked up, counters and lanes are counted again, and body
// files and tables are read against their checksums. An error means that the directory could not be examined; what is
// wrong in it is in the Report.
func Check(dir string) (Report, error) { return check(vfs.Default, dir) }

func check(fs vfs.FS, dir string) (Report, error) {
	report := Report{Queues: make(map[string]queue.Counts)}
	err := readOnly(fs, dir, func(db *pebble.DB) error {
		s := &Store{dir: dir, fs: fs, db: db}
		s.bodies = bodies{fs: fs, dir: fs.PathJoin(dir, blobDir)}
		c := newChecker(context.Background(), s, &report)
		c.run(c.records, c.indexes, c.counters, c.laneCounts, c.keys, c.bodyFiles)
		return nil
	})
	return report, err
}

// readOnly calls f with the database of a store that is not open. Nothing is written.
func readOnly(fs vfs.FS, dir string, f func(*pebble.DB) error) error {
	format, err := inspect(fs, dir)
	if err != nil {
		return err
	}
	if _, err := fs.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("directory %s does not exist; name the one of queue.embedded.dir", dir)
	}
	if format == 0 {
		return fmt.Errorf("%s holds no store", dir)
	}
	lock, err := takeLock(fs, dir)
	if err != nil {
		return err
	}
	defer lock.Close() // nothing was written
	if err := verifyClosed(fs, dir); err != nil {
		return err
	}
	if err := checkTails(fs, fs.PathJoin(dir, dbDir)); err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	options := pebbleOptions(fs, fatalLogger{func(error) {}})
	options.ReadOnly = true
	db, err := pebble.Open(fs.PathJoin(dir, dbDir), options)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	defer db.Close() // nothing was written
	return f(db)
}

func newChecker(ctx context.Context, s *Store, report *Report) *checker {
	return &checker{ctx: ctx, s: s, report: report, lines: make(map[string]*line), lanes: make(map[laneID]*lane)}
}

// run takes the steps in order and hands over what was counted.
func (c *checker) run(steps ...func() error) {
	for _, step := range steps {
		if err := step(); err != nil {
			c.fault(queue.ID{}, "%v", c.s.corrupt(err))
		}
	}
	for name, q := range c.lines {
		c.report.Queues[name] = q.counts
	}
}

type checker struct {
	ctx    context.Context
	s      *Store
	report *Report
	lines  map[string]*line
	lanes  map[laneID]*lane
}

func (c *checker) fault(id queue.ID, format string, args ...any) {
	c.report.Faulty++
	if len(c.report.Faults) < MaxFaults {
		c.report.Faults = append(c.report.Faults, queue.Fault{ID: id, What: fmt.Sprintf(format, args...)})
	}
}

// each goes through the keys of a kind.
func (c *checker) each(kind byte, f func(key, value []byte)) error {
	it, err := c.s.newIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && c.ctx.Err() == nil; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			it.Close() // the first error is the one to tell
			return err
		}
		f(it.Key(), value)
	}
	return it.Close()
}

// read returns a record as it stands. Nothing moves while it is read, so a result that is not the one that the progress
// speaks of is a fault, and not a reason to look again.
func (c *checker) read(id queue.ID) (stored, error) {
	v, err := c.s.readOnce(id)
	if errors.Is(err, errResultMoved) {
		return v, errors.New("its result is missing, or that of another generation")
	}
	return v, c.s.wrap(id, err)
}

// records counts again, and looks up what follows from each record.
func (c *checker) records() error {
	return c.each(keyProgress, func(key, _ []byte) {
		if len(key) != 1+idLen {
			c.fault(queue.ID{}, "progress key %x", key)
			return
		}
		id := queue.ID(key[1:])
		c.report.Records++
		v, err := c.read(id)
		if err != nil {
			c.fault(id, "%v", err)
			return
		}
		r := v.rec
		if r.ID != id {
			c.fault(id, "its message is that of %s", r.ID)
		}
		if !r.State.Terminal() && (r.Result != nil || !r.CompletedAt.IsZero()) {
			c.fault(id, "it is %s, and was finished in this generation already: it was revived", r.State)
		}
		c.count(v)
		c.want(id, "place", appendPlace(nil, r))
		c.want(id, "timer", appendTimer(nil, r))
		for _, ref := range refs(nil, r) {
			if holder, err := c.s.get(append([]byte{keyBlob}, ref...)); err != nil || !bytes.Equal(holder, id[:]) {
				c.fault(id, "body %s is not marked as held by it", ref)
			}
		}
	})
}

func (c *checker) count(v stored) {
	r := v.rec
	q := c.lines[r.Queue]
	if q == nil {
		q = newLine(r.Queue)
		c.lines[r.Queue] = q
	}
	*q.counts.Of(r.State)++
	q.bytes += v.size
	if !v.rec.State.Terminal() && !q.hidden {
		q.openBytes += v.size
	}
	if r.State == queue.Ready {
		q.ready[r.Priority]++
	}
	if r.Lane.IsZero() {
		return
	}
	id := laneID{r.Queue, r.Lane.Key}
	l := lane{laneID: id}
	if have := c.lanes[id]; have != nil {
		l = *have
	}
	if r.OccupiesLane() {
		l.occupied++
	}
	if r.BlocksLane() {
		l.blocked++
	}
	if r.State == queue.Parked {
		l.parked++
	}
	if l.occupied+l.blocked+l.parked > 0 {
		c.lanes[id] = &l
	}
}

func (c *checker) want(id queue.ID, what string, key []byte) {
	if len(key) == 0 {
		return
	}
	if found, err := c.s.has(key); err != nil {
		c.fault(id, "%v", err)
	} else if !found {
		c.fault(id, "its %s key %x is missing", what, key)
	}
}

// indexes looks up the record of each index key.
func (c *checker) indexes() error {
	for _, kind := range []byte{keyReady, keyParked, keyLeased, keyDead, keyTimer} {
		err := c.each(kind, func(key, _ []byte) {
			if len(key) < 1+idLen {
				c.fault(queue.ID{}, "index key %x", key)
				return
			}
			id := queue.ID(key[len(key)-idLen:])
			v, err := c.read(id)
			if err != nil {
				c.fault(id, "index key %x: %v", key, err)
				return
			}
			want := appendPlace(nil, v.rec)
			if kind == keyTimer {
				want = appendTimer(nil, v.rec)
			}
			if !bytes.Equal(want, key) {
				c.fault(id, "index key %x does not follow from its state %s", key, v.rec.State)
			}
		})
		if err != nil {
			return err
		}
	}
	for _, kind := range []byte{keyMessage, keyResult} {
		err := c.each(kind, func(key, _ []byte) {
			if len(key) != 1+idLen {
				c.fault(queue.ID{}, "key %x", key)
				return
			}
			p, err := c.s.readProgress(append([]byte{keyProgress}, key[1:]...))
			switch id := queue.ID(key[1:]); {
			case errors.Is(err, queue.ErrNotFound):
				c.fault(id, "key %x has no record", key)
			case err == nil && kind == keyResult && !p.hasResult:
				c.fault(id, "it is %s without a result, and one is stored: it was revived", p.State)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// counters compares the stored counters with the recount. Accepted and Removed cannot be counted again, but they have to
// add up with the rest.
func (c *checker) counters() error {
	err := c.s.each(keyCounters, func(name string, value []byte) error {
		have := newLine(name)
		if err := have.decodeCounters(value); err != nil {
			return err
		}
		q := c.lines[name]
		if q == nil {
			q = newLine(name)
			c.lines[name] = q
		}
		q.counts.Accepted, q.counts.Removed = have.counts.Accepted, have.counts.Removed
		if q.counts != have.counts || q.ready != have.ready || q.bytes != have.bytes || q.openBytes != have.openBytes {
			c.fault(queue.ID{}, "counters of queue %q are %+v %v %d %d, the records say %+v %v %d %d", name,
				have.counts, have.ready, have.bytes, have.openBytes, q.counts, q.ready, q.bytes, q.openBytes)
		}
		if d := have.counts.Drift(); d != 0 {
			c.fault(queue.ID{}, "counters of queue %q drift by %d", name, d)
		}
		q.touched = true
		return nil
	})
	for _, name := range sortedNames(c.lines) {
		if !c.lines[name].touched {
			c.fault(queue.ID{}, "queue %q has records and no counters", name)
		}
	}
	return err
}

func sortedNames(lines map[string]*line) []string {
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (c *checker) laneCounts() error {
	err := c.each(keyLane, func(key, value []byte) {
		queueName, rest, ok := readName(key[1:])
		laneName, _, ok2 := readName(rest)
		have := lane{laneID: laneID{queueName, laneName}}
		if !ok || !ok2 || have.decode(value) != nil {
			c.fault(queue.ID{}, "lane key %x", key)
			return
		}
		want := c.lanes[have.laneID]
		delete(c.lanes, have.laneID)
		if want == nil || want.occupied != have.occupied || want.parked != have.parked || want.blocked != have.blocked {
			c.fault(queue.ID{}, "lane of queue %q has other counts than its records", queueName)
		}
	})
	for id := range c.lanes {
		c.fault(queue.ID{}, "a lane of queue %q has records and no counts", id.queue)
	}
	return err
}

// keys compares idempotency keys with their expiries, both ways.
func (c *checker) keys() error {
	err := c.each(keyScope, func(key, value []byte) {
		r, err := decodeReservation(value)
		if err != nil || len(key) != 1+len(scope{}) {
			c.fault(queue.ID{}, "idempotency key %x", key)
			return
		}
		c.want(r.id, "idempotency expiry", scopeEndKey(r.expiresAt, scope(key[1:])))
	})
	if err != nil {
		return err
	}
	return c.each(keyScopeEnd, func(key, _ []byte) {
		value, err := c.s.get(append([]byte{keyScope}, key[9:]...))
		if err != nil {
			c.fault(queue.ID{}, "idempotency expiry %x: %v", key, err)
			return
		}
		if r, err := decodeReservation(value); err != nil || !r.expiresAt.Equal(readTime(key[1:9])) {
			c.fault(r.id, "idempotency expiry %x is not that of the key", key)
		}
	})
}

// bodyFiles reads every body that a record holds, and counts those that none does.
func (c *checker) bodyFiles() error {
	held := make(map[string]bool)
	err := c.each(keyBlob, func(key, value []byte) {
		ref := string(key[1:])
		held[ref] = true
		if len(value) != idLen {
			c.fault(queue.ID{}, "body key %s", ref)
			return
		}
		c.body(queue.ID(value), ref)
	})
	if err != nil {
		return err
	}
	names, err := c.s.fs.List(c.s.bodies.dir)
	for _, name := range names {
		if !held[name] {
			c.report.Orphans++
		}
	}
	return err
}

func (c *checker) body(id queue.ID, ref string) {
	v, err := c.read(id)
	if errors.Is(err, queue.ErrNotFound) || err == nil && !contains(refs(nil, v.rec), ref) {
		c.fault(id, "it does not hold body %s, which is marked as its own", ref)
	}
	r, err := c.s.bodies.open(ref)
	if err != nil {
		c.fault(id, "%v", err)
		return
	}
	defer r.Close() // only read
	n, err := io.Copy(io.Discard, r)
	c.report.Bodies++
	c.report.BodyBytes += n
	if err != nil {
		c.fault(id, "%v", err)
	}
}
