package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

const (
	chunkSize = 256 << 10
	// stagedFor is how long a body stays that no record took, in seconds, after its last chunk.
	stagedFor = 3600
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *Store) bodyKey(ref string) string { return s.prefix + "b:" + ref }

// bodyWriter implements queue.BodyWriter: each chunk is a field, whose name is its number, with its checksum before it.
type bodyWriter struct {
	store *Store
	ctx   context.Context
	ref   string
	chunk []byte
	next  int
	size  int64
	ended bool
}

// CreateBody implements queue.BodyStore.
func (s *Store) CreateBody(ctx context.Context) (queue.BodyWriter, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	var name [16]byte
	rand.Read(name[:]) // documented never to fail
	return &bodyWriter{store: s, ctx: context.WithoutCancel(ctx), ref: hex.EncodeToString(name[:])}, nil
}

// Write implements io.Writer.
func (w *bodyWriter) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := min(len(p), chunkSize-len(w.chunk))
		w.chunk = append(w.chunk, p[:n]...)
		if p = p[n:]; len(w.chunk) == chunkSize {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// flush sends a chunk.
func (w *bodyWriter) flush() error {
	s := w.store
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	framed := append(strconv.AppendUint(make([]byte, 0, len(w.chunk)+11), uint64(crc32.Checksum(w.chunk, castagnoli)), 10), ' ')
	framed = append(framed, w.chunk...)
	w.size += int64(len(w.chunk))
	key := s.bodyKey(w.ref)
	for _, answer := range s.client.DoMulti(w.ctx,
		s.client.B().Hset().Key(key).FieldValue().FieldValue(strconv.Itoa(w.next), rueidis.BinaryString(framed)).FieldValue("size", strconv.FormatInt(w.size, 10)).Build(),
		s.client.B().Expire().Key(key).Seconds(stagedFor).Build()) {
		if err := answer.Error(); err != nil {
			return s.failed(err, false)
		}
	}
	s.held.body(w.ref, true)
	w.next++
	w.chunk = w.chunk[:0]
	return nil
}

// Commit implements queue.BodyWriter.
func (w *bodyWriter) Commit() (queue.Body, error) {
	w.ended = true
	if len(w.chunk) > 0 || w.next == 0 {
		if err := w.flush(); err != nil {
			return queue.Body{}, err
		}
	}
	s := w.store
	if err := s.begin(); err != nil {
		return queue.Body{}, err
	}
	defer s.end()
	if err := s.client.Do(w.ctx, s.client.B().Hincrby().Key(s.prefix+"meta").Field("bytes").Increment(w.size).Build()).Error(); err != nil {
		return queue.Body{}, s.failed(err, false)
	}
	return queue.StoredBody(w.ref, w.size, s), nil
}

// Abort implements queue.BodyWriter.
func (w *bodyWriter) Abort() error {
	if w.ended || w.next == 0 {
		return nil
	}
	w.ended = true
	s := w.store
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	s.held.body(w.ref, false)
	if err := s.client.Do(w.ctx, s.client.B().Unlink().Key(s.bodyKey(w.ref)).Build()).Error(); err != nil {
		return s.failed(err, false)
	}
	return nil
}

// OpenBody implements queue.BodyOpener.
func (s *Store) OpenBody(ctx context.Context, ref string) (io.ReadCloser, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	size, err := s.client.Do(ctx, s.client.B().Hget().Key(s.bodyKey(ref)).Field("size").Build()).AsInt64()
	if rueidis.IsRedisNil(err) {
		return nil, queue.ErrNotFound
	}
	if err != nil {
		return nil, s.failed(err, false)
	}
	return &bodyReader{store: s, ctx: ctx, ref: ref, left: size}, nil
}

// bodyReader reads a body chunk by chunk.
type bodyReader struct {
	store *Store
	ctx   context.Context
	ref   string
	next  int
	left  int64
	rest  []byte
}

// Read implements io.Reader.
func (r *bodyReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *bodyReader) fill() error {
	s := r.store
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	framed, err := s.client.Do(r.ctx, s.client.B().Hget().Key(s.bodyKey(r.ref)).Field(strconv.Itoa(r.next)).Build()).ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return s.failed(err, false)
	}
	at := 0
	for at < len(framed) && framed[at] != ' ' {
		at++
	}
	sum, wrong := strconv.ParseUint(framed[:at], 10, 32)
	if err != nil || wrong != nil || at == len(framed) || uint32(sum) != crc32.Checksum([]byte(framed[at+1:]), castagnoli) || int64(len(framed)-at-1) > r.left {
		return &queue.CorruptError{Path: s.can.Place + ", body " + r.ref, Offset: int64(r.next) * chunkSize, Err: fmt.Errorf("chunk %d fails its checksum", r.next)}
	}
	r.rest = []byte(framed[at+1:])
	r.left -= int64(len(r.rest))
	r.next++
	return nil
}

// Close implements io.Closer.
func (r *bodyReader) Close() error { return nil }

// DiscardBody implements queue.BodyStore.
func (s *Store) DiscardBody(ctx context.Context, b queue.Body) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	if b.Ref() == "" {
		return nil
	}
	return s.discard(context.WithoutCancel(ctx), b.Ref())
}

// discard removes a body that no record holds: one that still ends by itself.
func (s *Store) discard(ctx context.Context, ref string) error {
	_, err := s.do(ctx, "discard", true, ref)
	if err == nil {
		s.held.body(ref, false)
	}
	return err
}
