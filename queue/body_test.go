package queue_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
	"testing/iotest"

	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

func content(t *testing.T, b queue.Body) []byte {
	t.Helper()
	r, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func bodyStore(t *testing.T) *memory.Store {
	t.Helper()
	s := memory.New(memory.Options{})
	t.Cleanup(func() { s.Close() })
	return s
}

func stored(t *testing.T, s queue.Store) int64 {
	t.Helper()
	stats, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Bytes
}

func TestReceiveBodyKeepsEveryByteWhateverTheHint(t *testing.T) {
	s := bodyStore(t)
	for _, size := range []int{0, 1, 511, 512, 513, queue.InlineLimit - 1, queue.InlineLimit, queue.InlineLimit + 1, 200_000} {
		data := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
		for _, hint := range []int64{-1, 0, int64(size), int64(size) / 2, 250_000} {
			for name, r := range map[string]io.Reader{
				"plain":    bytes.NewReader(data),
				"data+EOF": iotest.DataErrReader(bytes.NewReader(data)),
				"halves":   iotest.HalfReader(bytes.NewReader(data)),
			} {
				b, err := queue.ReceiveBody(t.Context(), s, r, hint, 250_000)
				if err != nil || !bytes.Equal(content(t, b), data) || b.Size() != int64(size) {
					t.Fatalf("%d bytes, hint %d, %s: %d bytes, %v", size, hint, name, b.Size(), err)
				}
				if _, inline := b.Inline(); inline != (size <= queue.InlineLimit) {
					t.Errorf("%d bytes are inline: %v", size, inline)
				}
			}
		}
	}
}

func TestReceiveBodyRefusesWhatIsTooLargeAndKeepsNothing(t *testing.T) {
	s := bodyStore(t)
	for _, c := range []struct{ size, limit int }{{1, 0}, {11, 10}, {queue.InlineLimit + 1, queue.InlineLimit}, {200_001, 200_000}, {300_000, 10}} {
		for _, hint := range []int64{-1, 0, int64(c.size), math.MaxInt64} {
			for _, r := range []io.Reader{bytes.NewReader(make([]byte, c.size)), iotest.DataErrReader(bytes.NewReader(make([]byte, c.size)))} {
				_, err := queue.ReceiveBody(t.Context(), s, r, hint, int64(c.limit))
				if !errors.Is(err, queue.ErrBodyTooLarge) {
					t.Errorf("%d bytes, limit %d, hint %d: error = %v", c.size, c.limit, hint, err)
				}
			}
			b, err := queue.ReceiveBody(t.Context(), s, bytes.NewReader(make([]byte, c.limit)), -1, int64(c.limit))
			if err != nil || b.Size() != int64(c.limit) {
				t.Errorf("exactly the limit of %d: %d, %v", c.limit, b.Size(), err)
			}
			if err := s.DiscardBody(t.Context(), b); err != nil {
				t.Error(err)
			}
		}
	}
	if n := stored(t, s); n != 0 {
		t.Errorf("%d bytes were kept", n)
	}
}

func TestReceiveBodyReturnsTheReadersErrorAndKeepsNothing(t *testing.T) {
	s := bodyStore(t)
	for _, size := range []int{0, 10, queue.InlineLimit + 10, 200_000} {
		r := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, err := queue.ReceiveBody(t.Context(), s, r, -1, 1<<20); err != io.ErrUnexpectedEOF {
			t.Errorf("%d bytes: error = %v, want the reader's", size, err)
		}
	}
	if n := stored(t, s); n != 0 {
		t.Errorf("%d bytes were kept", n)
	}
}

func TestReceiveBodyPrefixKeepsWhatArrived(t *testing.T) {
	s := bodyStore(t)
	for _, size := range []int{0, 10, queue.InlineLimit, queue.InlineLimit + 1, queue.InlineLimit + 10, 200_000} {
		for _, hint := range []int64{-1, int64(size), math.MaxInt64} {
			data := bytes.Repeat([]byte("x"), size)
			broken := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF))
			b, err := queue.ReceiveBodyPrefix(t.Context(), s, broken, hint, 1<<20)
			if err != io.ErrUnexpectedEOF || !bytes.Equal(content(t, b), data) {
				t.Errorf("%d bytes, then an error: %d bytes, %v", size, b.Size(), err)
			}
			if inline, ok := b.Inline(); ok && len(inline) > queue.InlineLimit {
				t.Errorf("%d bytes are inline", len(inline))
			}
			long := bytes.NewReader(append(bytes.Clone(data), "more"...))
			b, err = queue.ReceiveBodyPrefix(t.Context(), s, long, hint, int64(size))
			if !errors.Is(err, queue.ErrBodyTooLarge) || !bytes.Equal(content(t, b), data) {
				t.Errorf("beyond a limit of %d: %d bytes, %v", size, b.Size(), err)
			}
		}
	}
}

func TestReceiveBodyPrefixKeepsTheBeginningOfWhatTheStoreRefuses(t *testing.T) {
	s := bodyStore(t)
	s.Close()
	data := bytes.Repeat([]byte("x"), 100_000)
	b, err := queue.ReceiveBodyPrefix(t.Context(), s, bytes.NewReader(data), -1, 1<<20)
	if !errors.Is(err, queue.ErrClosed) || !bytes.Equal(content(t, b), data[:queue.InlineLimit]) {
		t.Errorf("%d bytes, %v; want the first %d and the store's error", b.Size(), err, queue.InlineLimit)
	}
}

func TestReceiveBodyReportsAStoreThatRefuses(t *testing.T) {
	s := bodyStore(t)
	s.Close()
	_, err := queue.ReceiveBody(t.Context(), s, bytes.NewReader(make([]byte, 100_000)), -1, 1<<20)
	if !errors.Is(err, queue.ErrClosed) {
		t.Errorf("error = %v, want the store's", err)
	}
}
