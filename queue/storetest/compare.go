package storetest

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/openhqm/openhqm/queue"
)

// equalMessages asserts that two messages are the same in their stored form: times to the nanosecond, names and values
// of headers in their order, bodies by their bytes.
func equalMessages(f *fixture, got, want *queue.Message) {
	f.t.Helper()
	if !bytes.Equal(queue.AppendMessage(nil, inlined(f, got)), queue.AppendMessage(nil, inlined(f, want))) {
		f.t.Fatalf("message is\n%+v, want\n%+v", got, want)
	}
}

// inlined returns a copy whose body is inline, however large.
func inlined(f *fixture, m *queue.Message) *queue.Message {
	f.t.Helper()
	c := *m
	c.Request.Body = queue.InlineBody(f.bytes(m.Request.Body))
	return &c
}

// bytes reads a body.
func (f *fixture) bytes(b queue.Body) []byte {
	f.t.Helper()
	data, err := read(f.ctx, b)
	f.ok(err)
	if int64(len(data)) != b.Size() {
		f.t.Fatalf("a body of %d bytes says its size is %d", len(data), b.Size())
	}
	return data
}

func read(ctx context.Context, b queue.Body) ([]byte, error) {
	r, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	return data, err
}

// equalResults asserts that two results are the same in their stored form.
func equalResults(f *fixture, got, want *queue.Result) {
	f.t.Helper()
	if got == nil || want == nil {
		if got != want {
			f.t.Fatalf("result is %+v, want %+v", got, want)
		}
		return
	}
	a, b := *got, *want
	a.Body, b.Body = queue.InlineBody(f.bytes(got.Body)), queue.InlineBody(f.bytes(want.Body))
	if !bytes.Equal(queue.AppendResult(nil, &a), queue.AppendResult(nil, &b)) {
		f.t.Fatalf("result is\n%+v, want\n%+v", got, want)
	}
}

// sorted returns the IDs of messages in the order of IDs.
func sorted(messages ...*queue.Message) []queue.ID {
	ids := make([]queue.ID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	slices.SortFunc(ids, func(a, b queue.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}
