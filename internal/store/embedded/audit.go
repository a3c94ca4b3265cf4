package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/openhqm/openhqm/queue"
)

var _ queue.Auditor = (*Store)(nil)

// Audit recounts a snapshot of the database, in which every unit is whole or not there at all. Body files are left to
// Check: they come and go beside the snapshot.
func (s *Store) Audit(ctx context.Context) (*queue.Audit, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	snapshot := s.db.NewSnapshot()
	defer snapshot.Close() // only read
	return audit(ctx, &Store{dir: s.dir, fs: s.fs, db: s.db, snapshot: snapshot})
}

// Audit recounts the directory of a store that is not open, as the method does one that is.
func Audit(ctx context.Context, dir string) (*queue.Audit, error) {
	var a *queue.Audit
	err := readOnly(vfs.Default, dir, func(db *pebble.DB) error {
		var err error
		a, err = audit(ctx, &Store{dir: dir, fs: vfs.Default, db: db})
		return err
	})
	return a, err
}

func audit(ctx context.Context, s *Store) (*queue.Audit, error) {
	report := Report{Queues: make(map[string]queue.Counts)}
	c := newChecker(ctx, s, &report)
	c.run(c.records, c.indexes, c.counters, c.laneCounts, c.keys)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return &queue.Audit{Records: report.Records, Queues: report.Queues, Faults: report.Faults, Faulty: report.Faulty}, nil
}
