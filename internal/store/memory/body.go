package memory

import (
	"bytes"
	"context"
	"io"
	"strconv"

	"github.com/openhqm/openhqm/queue"
)

// blob is one body that is kept beside the records.
type blob struct {
	data []byte
	held bool // a record has taken it
}

// bodyWriter implements queue.BodyWriter.
type bodyWriter struct {
	store *Store
	data  bytes.Buffer
}

// CreateBody implements queue.BodyStore.
func (s *Store) CreateBody(context.Context) (queue.BodyWriter, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer s.end(now)
	return &bodyWriter{store: s}, nil
}

// Write implements io.Writer.
func (w *bodyWriter) Write(p []byte) (int, error) { return w.data.Write(p) }

// Commit implements queue.BodyWriter.
func (w *bodyWriter) Commit() (queue.Body, error) {
	s := w.store
	now, err := s.begin()
	if err != nil {
		return queue.Body{}, err
	}
	defer s.end(now)
	s.names++
	ref := strconv.FormatUint(s.names, 36)
	s.bodies[ref] = &blob{data: w.data.Bytes()}
	size := int64(w.data.Len())
	s.bytes += size
	return queue.StoredBody(ref, size, s), nil
}

// Abort implements queue.BodyWriter.
func (w *bodyWriter) Abort() error { return nil }

// OpenBody implements queue.BodyOpener.
func (s *Store) OpenBody(_ context.Context, ref string) (io.ReadCloser, error) {
	now, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer s.end(now)
	b := s.bodies[ref]
	if b == nil {
		return nil, queue.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(b.data)), nil
}

// DiscardBody implements queue.BodyStore.
func (s *Store) DiscardBody(_ context.Context, body queue.Body) error {
	now, err := s.begin()
	if err != nil {
		return err
	}
	defer s.end(now)
	if b := s.bodies[body.Ref()]; b != nil && !b.held {
		s.drop(body.Ref())
	}
	return nil
}

// hold takes the bodies that a record holds now and drops those that it held and no longer does. Either may be nil.
func (s *Store) hold(was, is *queue.Record) {
	before, after := bodyRefs(was), bodyRefs(is)
	if before == after {
		return
	}
	for _, ref := range after {
		if b := s.bodies[ref]; b != nil {
			b.held = true
		}
	}
	for _, ref := range before {
		if ref != "" && ref != after[0] && ref != after[1] && ref != after[2] {
			s.drop(ref)
		}
	}
}

func (s *Store) drop(ref string) {
	if b := s.bodies[ref]; b != nil {
		s.bytes -= int64(len(b.data))
		delete(s.bodies, ref)
	}
}

// bodyRefs names the bodies that a record can hold: of its request, of an edited one, and of its result.
func bodyRefs(r *queue.Record) (refs [3]string) {
	if r == nil {
		return refs
	}
	refs[0] = r.Message.Request.Body.Ref()
	if r.Edited != nil {
		refs[1] = r.Edited.Body.Ref()
	}
	if r.Result != nil {
		refs[2] = r.Result.Body.Ref()
	}
	return refs
}
