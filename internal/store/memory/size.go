package memory

import (
	"net/http"

	"github.com/openhqm/openhqm/queue"
)

// overhead is about what a record costs beside what clients sent.
const overhead = 1 << 10

// grow changes the entry's share of the store's bytes.
func (s *Store) grow(e *entry, by int64) {
	e.size += by
	s.bytes += by
}

// openSize is what an entry takes of Options.MaxBytes: nothing once it is finished.
func openSize(e *entry) int64 {
	r := e.record
	if r.State.Terminal() || queue.Hidden(r.Queue) {
		return 0
	}
	n := e.size + r.Request.Body.Size() - inlineSize(r.Request.Body)
	if r.Edited != nil {
		n += r.Edited.Body.Size() - inlineSize(r.Edited.Body)
	}
	return n
}

// messageSize is about the bytes of a message, without a body that is stored beside it.
func messageSize(m *queue.Message) int64 {
	return int64(overhead+len(m.Queue)+len(m.Lane.Key)+len(m.Metadata)+len(m.Callback)) + requestSize(&m.Request)
}

// progressSize is about the bytes of what was added to a message since.
func progressSize(r *queue.Record) int64 {
	var n int64
	if r.Edited != nil {
		n += requestSize(r.Edited)
	}
	if r.Result != nil {
		n += headerSize(r.Result.Header) + headerSize(r.Result.Trailer) + inlineSize(r.Result.Body)
	}
	return n
}

func requestSize(r *queue.Request) int64 {
	return int64(len(r.Target)) + headerSize(r.Header) + headerSize(r.Trailer) + inlineSize(r.Body)
}

func headerSize(h http.Header) int64 {
	n := 0
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return int64(n)
}

func inlineSize(b queue.Body) int64 {
	inline, _ := b.Inline()
	return int64(len(inline))
}
