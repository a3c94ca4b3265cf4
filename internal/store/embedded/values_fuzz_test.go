package embedded

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
)

// FuzzStoredValues feeds the decoders of the store's own values and keys. What decodes comes out the same after it was
// encoded again, and what does not is ErrCorrupt.
func FuzzStoredValues(f *testing.F) {
	at := time.Unix(1_764_000_000, 7).UTC()
	q := newLine("orders")
	q.counts = queue.Counts{Accepted: 300, Ready: 2, Done: 298}
	f.Add(q.appendCounters(nil))
	f.Add([]byte{1, 1, 2, 3})
	gate, err := encodeGate(queue.Gate{Limits: queue.Limits{MaxLeased: 3, Rate: 2.5, Burst: 1}, Holds: map[queue.HoldReason]queue.Hold{queue.HoldPaused: {Note: "x"}}})
	must(f, err)
	f.Add(gate)
	f.Add(reservation{id: queue.NewID(1, at), expiresAt: at}.append(nil))
	f.Add(append([]byte{200, 1, 5}, queue.AppendProgress(nil, &queue.Progress{State: queue.Ready, UpdatedAt: at})...))
	f.Add(append(appendTime([]byte{keyTimer}, at), make([]byte, idLen)...))
	f.Add(appendOrder(appendParkedPrefix(nil, "orders", "lane"), 7, queue.NewID(1, at)))
	f.Fuzz(func(t *testing.T, b []byte) {
		corrupt := func(err error) bool {
			if err != nil && !errors.Is(err, queue.ErrCorrupt) {
				t.Errorf("%v, want ErrCorrupt", err)
			}
			return err != nil
		}
		if q := newLine("q"); !corrupt(q.decodeCounters(b)) {
			again := newLine("q")
			if err := again.decodeCounters(q.appendCounters(nil)); err != nil || again.counts != q.counts || again.ready != q.ready {
				t.Errorf("counters %+v became %+v, %v", q.counts, again.counts, err)
			}
		}
		if g, err := decodeGate(b); !corrupt(err) {
			if once, err := encodeGate(g); err == nil {
				if again, err := decodeGate(once); err != nil || !reflect.DeepEqual(again, g) && !strings.Contains(string(once), "{}") {
					t.Errorf("gate %+v became %+v, %v", g, again, err)
				}
			}
		}
		if r, err := decodeReservation(b); !corrupt(err) && r.expiresAt.Before(never) && !r.expiresAt.Before(time.Unix(0, 0)) && !bytes.Equal(r.append(nil), b) {
			t.Errorf("reservation %x became %x", b, r.append(nil))
		}
		if p, err := decodeProgressValue(b, nil); !corrupt(err) && (p.size < 0 || p.result < 0 || p.result > p.size) {
			t.Errorf("a record of %d bytes, %d of them its result", p.size, p.result)
		}
		var l lane
		corrupt(l.decode(b))
		if name, rest, ok := readName(b); ok && !bytes.Equal(append(appendName(nil, name), rest...), b) {
			t.Errorf("name %q and %x are not %x", name, rest, b)
		}
		if seq, id, ok := readOrder(b); ok && !bytes.Equal(appendOrder(nil, seq, id), b[len(b)-8-idLen:]) {
			t.Errorf("order %d %s is not the end of %x", seq, id, b)
		}
		if at, id, ok := readTimer(b); ok && at.Before(never) && !at.Before(time.Unix(0, 0)) && !bytes.Equal(append(appendTime(nil, at), id[:]...), b[1:]) {
			t.Errorf("timer %v %s is not %x", at, id, b)
		}
	})
}

// FuzzBodyFile writes a body of any size in pieces of any size, damages its file, and reads it: what comes out is the body
// up to the block that is damaged, and then a CorruptError with the offset of that block.
func FuzzBodyFile(f *testing.F) {
	fs := vfs.NewMem()
	s, err := Open(Options{Dir: testDir, FS: fs})
	must(f, err)
	f.Cleanup(func() { must(f, s.Close()) })
	f.Add(uint32(0), uint16(1), uint32(0), byte(0), false)
	f.Add(uint32(blockSize), uint16(1000), uint32(blockSize), byte(1), false)
	f.Add(uint32(3*blockSize+1), uint16(blockSize+1), uint32(2*blockSize), byte(0x80), false)
	f.Add(uint32(2*blockSize), uint16(77), uint32(blockSize+3), byte(0), true)
	f.Fuzz(func(t *testing.T, size uint32, piece uint16, at uint32, xor byte, cut bool) {
		body := make([]byte, size%(5*blockSize))
		for i := range body {
			body[i] = byte(i*7 + i>>8)
		}
		w, err := s.CreateBody(context.Background())
		must(t, err)
		for rest := body; len(rest) > 0; {
			n := min(1+int(piece), len(rest))
			_, err := w.Write(rest[:n])
			must(t, err)
			rest = rest[n:]
		}
		stored, err := w.Commit()
		must(t, err)
		defer s.DiscardBody(context.Background(), stored) // nothing depends on it
		path := s.bodies.path(stored.Ref())
		file, err := fs.Open(path)
		must(t, err)
		content, err := io.ReadAll(file)
		must(t, errors.Join(err, file.Close()))
		damage := len(content) // where it begins
		if len(content) > 0 && (xor != 0 || cut) {
			damage = int(at) % len(content)
			if content[damage] ^= xor; cut {
				content = content[:damage]
			}
			file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
			must(t, err)
			_, err = file.Write(content)
			must(t, errors.Join(err, file.Close()))
		}
		in, err := stored.Open(context.Background())
		must(t, err)
		got, err := io.ReadAll(in)
		must(t, in.Close())
		whole := damage / (blockSize + checksumLen)
		want := body[:min(whole*blockSize, len(body))]
		if undamaged := damage == len(content) && !cut; undamaged {
			want = body
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came of a body of %d whose file is damaged at %d of %d, want %d", len(got), len(body), damage, len(content), len(want))
		}
		var corrupt *queue.CorruptError
		if len(want) == len(body) {
			if err != nil {
				t.Errorf("a whole body ends with %v", err)
			}
		} else if !errors.As(err, &corrupt) || corrupt.Path != path || corrupt.Offset != int64(whole*(blockSize+checksumLen)) {
			t.Errorf("damage at %d is reported as %v", damage, err)
		}
	})
}
