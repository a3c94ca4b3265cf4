package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/queue"
)

// stored is a record together with the bytes that it takes: the stored form of its message and result, and its bodies
// in files.
type stored struct {
	rec    *queue.Record
	size   int64
	result int64 // the part of size that goes with the result
}

// fixedSize is what a record costs in keys and progress, roughly.
const fixedSize = 200

// errNoRecord is the end of a read that found nothing.
var errNoRecord = fmt.Errorf("record: %w", queue.ErrNotFound)

// appendProgressValue appends the value of a progress key: the size, the result's part of it plus one (0 without a
// result), the progress.
func appendProgressValue(b []byte, v stored) []byte {
	b = binary.AppendUvarint(b, uint64(v.size))
	if v.rec.Result == nil {
		b = append(b, 0)
	} else {
		b = binary.AppendUvarint(b, uint64(v.result)+1)
	}
	return queue.AppendProgress(b, &v.rec.Progress)
}

// progress is a decoded progress value.
type progress struct {
	queue.Progress
	size, result int64
	hasResult    bool
}

func decodeProgressValue(b []byte, opener queue.BodyOpener) (p progress, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > math.MaxInt64 {
		return p, fmt.Errorf("decode size: %w", queue.ErrCorrupt)
	}
	b = b[n:]
	result, n := binary.Uvarint(b)
	if n <= 0 || result > size+1 {
		return p, fmt.Errorf("decode size: %w", queue.ErrCorrupt)
	}
	p.size = int64(size)
	if result > 0 {
		p.hasResult, p.result = true, int64(result-1)
	}
	p.Progress, err = queue.DecodeProgress(b[n:], opener)
	return p, err
}

// read returns a record as the database has it at this moment, copied out of it. It may be called beside a commit, so it
// starts again when the result it finds is not the one that the progress speaks of. If the progress is the same then,
// nothing has moved and the result is lost.
func (s *Store) read(id queue.ID) (stored, error) {
	var before queue.Revision
	for {
		v, err := s.readOnce(id)
		if !errors.Is(err, errResultMoved) {
			return v, s.wrap(id, err)
		}
		if v.rec.Revision == before {
			return stored{}, s.wrap(id, fmt.Errorf("its result is missing: %w", queue.ErrCorrupt))
		}
		before = v.rec.Revision
	}
}

// errResultMoved says that a redrive took the result away between two reads. The record comes with it, without its result.
var errResultMoved = errors.New("result moved")

func (s *Store) readOnce(id queue.ID) (stored, error) {
	var key [1 + idLen]byte
	p, err := s.readProgress(appendIDKey(key[:0], keyProgress, id))
	if err != nil {
		return stored{}, err
	}
	rec := &queue.Record{Progress: p.Progress}
	value, err := s.get(appendIDKey(key[:0], keyMessage, id))
	if err != nil {
		return stored{}, err
	}
	if rec.Message, err = queue.DecodeMessage(value, s); err != nil {
		return stored{}, err
	}
	if !p.hasResult {
		return stored{rec: rec, size: p.size}, nil
	}
	value, err = s.get(appendIDKey(key[:0], keyResult, id))
	if errors.Is(err, queue.ErrNotFound) {
		return stored{rec: rec}, errResultMoved
	}
	if err != nil {
		return stored{}, err
	}
	generation, n := binary.Uvarint(value)
	if n <= 0 {
		return stored{}, fmt.Errorf("decode result: %w", queue.ErrCorrupt)
	}
	if int(generation) != rec.Generation {
		return stored{rec: rec}, errResultMoved
	}
	if rec.Result, err = queue.DecodeResult(value[n:], s); err != nil {
		return stored{}, err
	}
	return stored{rec: rec, size: p.size, result: p.result}, nil
}

func (s *Store) readProgress(key []byte) (progress, error) {
	value, closer, err := s.lookUp(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return progress{}, errNoRecord
	}
	if err != nil {
		return progress{}, err
	}
	defer closer.Close() // never fails
	// Only an edited request aliases the value, which is the database's own.
	p, err := decodeProgressValue(value, s)
	if err == nil && p.Edited != nil {
		return decodeProgressValue(append([]byte(nil), value...), s)
	}
	return p, err
}

// lookUp reads the snapshot where the store has one. The types are concrete: behind an interface every key would have to
// be allocated.
func (s *Store) lookUp(key []byte) ([]byte, io.Closer, error) {
	if s.snapshot != nil {
		return s.snapshot.Get(key)
	}
	return s.db.Get(key)
}

func (s *Store) newIter(o *pebble.IterOptions) (*pebble.Iterator, error) {
	if s.snapshot != nil {
		return s.snapshot.NewIter(o)
	}
	return s.db.NewIter(o)
}

// get returns a copy of a value, or an error that is ErrNotFound.
func (s *Store) get(key []byte) ([]byte, error) {
	value, closer, err := s.lookUp(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, errNoRecord
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close() // never fails
	return append([]byte(nil), value...), nil
}

func (s *Store) has(key []byte) (bool, error) {
	_, closer, err := s.lookUp(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, closer.Close()
}

// wrap names the record, and the directory when bytes are corrupt.
func (s *Store) wrap(id queue.ID, err error) error {
	switch {
	case err == nil || errors.Is(err, queue.ErrNotFound):
		return err
	default:
		return fmt.Errorf("read %s: %w", id, s.corrupt(err))
	}
}

// corrupt gives the database's checksum errors and ours the form that the contract names, with the path as precise as
// the error has it; other errors stay as they are.
func (s *Store) corrupt(err error) error {
	var known *queue.CorruptError
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, queue.ErrCorrupt), pebble.IsCorruptionError(err):
		return &queue.CorruptError{Path: s.fs.PathJoin(s.dir, dbDir), Offset: -1, Err: err}
	}
	return err
}

// appendResultValue appends the value of a result key: the generation, the result, whose stored form may be there
// already.
func appendResultValue(b []byte, r *queue.Record, encoded []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.Generation))
	if encoded != nil {
		return append(b, encoded...)
	}
	return queue.AppendResult(b, r.Result)
}

// refs appends the names of the body files that a record holds, each once.
func refs(list []string, r *queue.Record) []string {
	if r == nil {
		return list
	}
	add := func(b queue.Body) {
		ref := b.Ref()
		if ref == "" {
			return
		}
		for _, have := range list {
			if have == ref {
				return
			}
		}
		list = append(list, ref)
	}
	add(r.Message.Request.Body)
	if r.Edited != nil {
		add(r.Edited.Body)
	}
	if r.Result != nil {
		add(r.Result.Body)
	}
	return list
}

// fileSize is the size of a body if it lies in a file.
func fileSize(b queue.Body) int64 {
	if b.Ref() == "" {
		return 0
	}
	return b.Size()
}
