package storetest

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/openhqm/openhqm/queue"
)

// large is a size that does not go inline, and no multiple of anything.
const large = 300_007

func bodyScenarios() []scenario {
	return []scenario{
		{name: "a body up to the limit stays inline, a larger one is stored", run: func(f *fixture) {
			for _, size := range []int{0, 1, queue.InlineLimit, queue.InlineLimit + 1, large} {
				data := pattern(size)
				b := f.receive(data)
				if _, inline := b.Inline(); inline != (size <= queue.InlineLimit) {
					f.t.Errorf("inline is %v for %d bytes", inline, size)
				}
				if !bytes.Equal(f.bytes(b), data) {
					f.t.Errorf("a body of %d bytes reads back differently", size)
				}
			}
		}},
		{name: "stored bodies of request and result read back from the record, again and again", run: func(f *fixture) {
			m := f.message("orders", f.withBody(large))
			l := f.leaseID(m)
			f.holds(l.Record.Sent().Body, large)
			s := done(l)
			s.Result.Body = f.receive(pattern(large + 1))
			f.end(s)
			for range 2 {
				r := f.get(m)
				f.holds(r.Request.Body, large)
				f.holds(r.Result.Body, large+1)
			}
		}},
		{name: "one body is read by many at once", run: func(f *fixture) {
			m := f.message("orders", f.withBody(large))
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					data, err := read(f.ctx, m.Request.Body)
					if err != nil || !bytes.Equal(data, pattern(large)) {
						f.t.Errorf("read %d bytes, %v", len(data), err)
					}
				})
			}
			wg.Wait()
		}},
		{name: "bytes written after Abort are nowhere", run: func(f *fixture) {
			before := f.allStats().Bytes
			w, err := f.CreateBody(f.ctx)
			f.ok(err)
			_, err = w.Write(pattern(large))
			f.ok(err)
			f.ok(w.Abort())
			if grown := f.allStats().Bytes - before; grown >= large {
				f.t.Fatalf("an aborted body takes %d bytes", grown)
			}
		}},
		{name: "abort after commit does nothing", run: func(f *fixture) {
			w, err := f.CreateBody(f.ctx)
			f.ok(err)
			_, err = w.Write(pattern(large))
			f.ok(err)
			b, err := w.Commit()
			f.ok(err)
			f.ok(w.Abort())
			f.holds(b, large)
		}},
		{name: "a staged body is discarded", run: func(f *fixture) {
			before := f.allStats().Bytes
			b := f.receive(pattern(large))
			f.ok(f.DiscardBody(f.ctx, b))
			f.absent(b)
			if grown := f.allStats().Bytes - before; grown >= large {
				f.t.Fatalf("a discarded body takes %d bytes", grown)
			}
			f.ok(f.DiscardBody(f.ctx, b))
			f.ok(f.DiscardBody(f.ctx, queue.InlineBody([]byte("inline"))))
		}},
		{name: "a body that a record holds is not discarded", run: func(f *fixture) {
			m := f.message("orders", f.withBody(large))
			f.ok(f.DiscardBody(f.ctx, m.Request.Body))
			f.holds(f.get(m).Request.Body, large)
			l := f.leaseID(m)
			s := done(l)
			s.Result.Body = f.receive(pattern(large))
			f.end(s)
			f.ok(f.DiscardBody(f.ctx, s.Result.Body))
			f.holds(f.get(m).Result.Body, large)
		}},
		{name: "the body of a refused message or settlement stays staged", options: Options{MaxMessages: 1}, run: func(f *fixture) {
			first := f.message("orders")
			refused := NewMessage("orders", f.withBody(large))
			f.is(f.tryPut(refused).Err, queue.ErrFull)
			f.holds(refused.Request.Body, large)
			f.ok(f.DiscardBody(f.ctx, refused.Request.Body))
			f.absent(refused.Request.Body)

			l := f.leaseID(first)
			f.end(release(l))
			late := done(l)
			late.Result.Body = f.receive(pattern(large))
			f.is(f.trySettle(late), queue.ErrLeaseLost)
			f.ok(f.DiscardBody(f.ctx, late.Result.Body))
			f.absent(late.Result.Body)
		}},
		{name: "bodies go with their record", run: func(f *fixture) {
			before := f.allStats().Bytes
			m := f.message("orders", f.withBody(large))
			s := done(f.leaseID(m))
			s.Result.Body = f.receive(pattern(large))
			f.end(s)
			if grown := f.allStats().Bytes - before; grown < 2*large {
				f.t.Fatalf("two bodies of %d bytes count as %d", large, grown)
			}
			_, err := f.Purge(f.ctx, queue.Filter{})
			f.ok(err)
			f.absent(m.Request.Body)
			f.absent(s.Result.Body)
			if grown := f.allStats().Bytes - before; grown >= large {
				f.t.Fatalf("%d bytes are left", grown)
			}
		}},
		{name: "retention removes bodies too", run: func(f *fixture) {
			m := f.message("orders", f.withBody(large), func(m *queue.Message) { m.KeepResult = moment })
			f.end(done(f.leaseID(m)))
			f.gone(m)
			f.absent(m.Request.Body)
		}},
		{name: "a redrive drops the body of the old result", run: func(f *fixture) {
			m := f.message("orders")
			s := dead(f.leaseID(m), queue.ReasonEndpointError)
			s.Result.Body = f.receive(pattern(large))
			f.end(s)
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{})
			f.ok(err)
			f.absent(s.Result.Body)
		}},
		{name: "an edited request has a body of its own beside the original's", run: func(f *fixture) {
			m := f.message("orders", f.withBody(large))
			first, second := m.Request.Clone(), m.Request.Clone()
			first.Body, second.Body = f.receive(pattern(large+1)), f.receive(pattern(large+2))
			for _, edited := range []*queue.Request{&first, &second} {
				f.end(dead(f.leaseID(m), queue.ReasonEndpointError))
				_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{Request: edited})
				f.ok(err)
			}
			r := f.get(m)
			f.holds(r.Sent().Body, large+2)
			f.holds(r.Message.Request.Body, large)
			f.absent(first.Body)
			_, err := f.Purge(f.ctx, queue.Filter{})
			f.ok(err)
			f.absent(second.Body)
		}},
		{name: "an edited request may share the original's body", run: func(f *fixture) {
			m := f.message("orders", f.withBody(large))
			for range 2 {
				f.end(dead(f.leaseID(m), queue.ReasonEndpointError))
				edited := m.Request.Clone()
				_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{Request: &edited})
				f.ok(err)
			}
			own := m.Request.Clone()
			own.Body = f.receive(pattern(large + 1))
			f.end(dead(f.leaseID(m), queue.ReasonEndpointError))
			_, err := f.Redrive(f.ctx, m.ID, queue.Redrive{Request: &own})
			f.ok(err)
			f.holds(f.get(m).Message.Request.Body, large)
		}},
		{name: "a body that is unknown is not found", run: func(f *fixture) {
			_, err := f.OpenBody(f.ctx, "0")
			f.is(err, queue.ErrNotFound)
		}},
	}
}

// pattern returns bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + n)
	}
	return b
}

// receive stores bytes as an upload would.
func (f *fixture) receive(data []byte) queue.Body {
	f.t.Helper()
	b, err := queue.ReceiveBody(f.ctx, f.Store, bytes.NewReader(data), -1, int64(len(data)))
	f.ok(err)
	return b
}

// withBody gives a message a body of a size.
func (f *fixture) withBody(n int) func(*queue.Message) {
	f.t.Helper()
	b := f.receive(pattern(n))
	return func(m *queue.Message) { m.Request.Body = b }
}

// holds asserts that a body has the bytes of a pattern.
func (f *fixture) holds(b queue.Body, n int) {
	f.t.Helper()
	if !bytes.Equal(f.bytes(b), pattern(n)) {
		f.t.Fatalf("a body of %d bytes reads back differently", n)
	}
}

// absent asserts that a body is no longer there.
func (f *fixture) absent(b queue.Body) {
	f.t.Helper()
	r, err := b.Open(f.ctx)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
	}
	f.is(err, queue.ErrNotFound)
}
