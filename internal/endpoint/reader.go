package endpoint

import "sync"

// readBuffer is the size of the transport's read buffer. It asks the connection for as much exactly when nothing that it has
// read is left: between two answers.
const readBuffer = 4 << 10

// reader is the reading side of a connection. An endpoint may send more than its answer: a body behind the head that
// answers a HEAD, or more bytes than it announced. The transport closes such a connection when it looks at it again, but may
// have handed it to the next call before, whose answer they would be taken for. So a call on a used connection is written
// only once the transport waits for new bytes with nothing left, and an answer that is there before is nobody's.
type reader struct {
	mu      sync.Mutex
	changed *sync.Cond
	idle    bool // it waits for bytes, and has none left
	rest    bool // it waits for bytes, and has some left
	closed  bool
}

func newReader() *reader {
	r := &reader{}
	r.changed = sync.NewCond(&r.mu)
	return r
}

// begin notes that a read begins. whole: for as much as the buffer holds.
func (r *reader) begin(whole bool) {
	r.mu.Lock()
	r.idle, r.rest = whole, !whole
	r.mu.Unlock()
	r.changed.Broadcast()
}

func (r *reader) end() {
	r.mu.Lock()
	r.idle, r.rest = false, false
	r.mu.Unlock()
}

func (r *reader) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.changed.Broadcast()
}

// awaitIdle returns true once nothing is left of what was read, and false if the connection closes before or something is
// left: the transport takes that for the beginning of the next answer, and would wait for the end of its first line while
// this call waits for the transport.
func (r *reader) awaitIdle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.idle && !r.rest && !r.closed {
		r.changed.Wait()
	}
	return r.idle && !r.closed
}
