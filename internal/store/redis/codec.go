package redis

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Times in Redis are microseconds since 1970, which Lua's numbers hold exactly; 0 is the zero time.

func micros(t time.Time) float64 {
	if t.Year() <= 1 {
		return 0
	}
	return float64(t.UnixMicro())
}

func timeOf(us float64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us)).UTC()
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func text(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// packer writes what struct.unpack of the library reads, little endian.
type packer struct{ b []byte }

func (p *packer) byte(v uint8)  { p.b = append(p.b, v) }
func (p *packer) uint(v uint32) { p.b = binary.LittleEndian.AppendUint32(p.b, v) }
func (p *packer) num(v float64) { p.b = binary.LittleEndian.AppendUint64(p.b, math.Float64bits(v)) }
func (p *packer) string(s string) {
	p.b = append(binary.LittleEndian.AppendUint16(p.b, uint16(len(s))), s...)
}

func (p *packer) bool(v bool) {
	if v {
		p.byte(1)
	} else {
		p.byte(0)
	}
}

// unpacker reads what struct.pack of the library wrote.
type unpacker struct {
	b   []byte
	bad bool
}

func (u *unpacker) take(n int) []byte {
	if n > len(u.b) {
		u.b, u.bad = nil, true
		return make([]byte, n)
	}
	v := u.b[:n]
	u.b = u.b[n:]
	return v
}

func (u *unpacker) byte() uint8     { return u.take(1)[0] }
func (u *unpacker) num() float64    { return math.Float64frombits(binary.LittleEndian.Uint64(u.take(8))) }
func (u *unpacker) int() int        { return int(u.num()) }
func (u *unpacker) time() time.Time { return timeOf(u.num()) }
func (u *unpacker) string() string  { return string(u.take(int(binary.LittleEndian.Uint16(u.take(2))))) }

// overhead is about what a record costs beside what clients sent.
const overhead = 1 << 10

// static is what the library has to know of a message.
func static(m *queue.Message, encoded int) []byte {
	var p packer
	p.byte(m.Priority)
	p.uint(uint32(m.Lane.Bound))
	p.byte(uint8(m.Lane.OnDead))
	p.bool(m.Lane.Fair)
	p.num(interval(m.Lane.Rate, m.Lane.Burst))
	p.uint(uint32(m.Lane.Burst))
	p.byte(uint8(m.OnLost))
	p.uint(uint32(m.MaxDeliveries))
	p.num(microseconds(m.KeepResult))
	p.num(microseconds(m.KeepDead))
	p.bool(m.Callback != "")
	p.bool(queue.Hidden(m.Queue))
	size := int64(overhead + encoded)
	if m.Request.Body.Ref() != "" {
		size += m.Request.Body.Size()
	}
	p.num(float64(size))
	p.string(m.Queue)
	p.string(m.Lane.Key)
	p.num(micros(m.AcceptedAt))
	p.num(micros(m.NotBefore.Add(time.Microsecond - 1))) // never early
	p.num(micros(m.Deadline))
	return p.b
}

// interval is how long one token takes to come, in microseconds; 0 without a rate. A burst takes ten years at most.
func interval(rate float64, burst int) float64 {
	const most = 10 * 365 * 24 * 3600 * 1e6
	if rate <= 0 {
		return 0
	}
	return min(1e6/rate, most/float64(max(burst, 1)))
}

// progress is a record's progress as the library keeps it.
func progress(r *queue.Record) []byte {
	var p packer
	p.byte(uint8(r.State))
	for _, v := range [...]float64{float64(r.Revision), float64(r.Seq), float64(r.Turn), float64(r.Generation), float64(r.Deliveries), float64(r.Attempts),
		float64(r.Crashes), float64(r.Uncounted), micros(r.UpdatedAt), micros(r.EligibleAt), micros(r.DeadlineAt), micros(r.CompletedAt), micros(r.RemoveAt),
		micros(r.LeaseExpiresAt), float64(r.HistoryDropped)} {
		p.num(v)
	}
	p.bool(r.CancelRequested)
	p.bool(r.MayHaveRun)
	p.num(float64(extra(r)))
	p.string(string(r.Reason))
	p.string(r.Worker)
	return p.b
}

// extra is about the bytes that were added to a message since.
func extra(r *queue.Record) int {
	n := 0
	if r.Result != nil {
		n += len(queue.AppendResult(nil, r.Result))
	}
	if r.Edited != nil {
		n += len(edited(r.Edited))
	}
	return n
}

// edited is the stored form of a request that is sent instead of a message's own.
func edited(r *queue.Request) []byte { return queue.AppendMessage(nil, &queue.Message{Request: *r}) }

func attempt(a *queue.Attempt) []byte {
	var p packer
	p.byte(uint8(min(a.Class, queue.Rejected)))
	p.num(float64(a.Generation))
	p.num(float64(a.Delivery))
	p.num(micros(a.StartedAt))
	p.num(float64(a.Duration))
	p.b = binary.LittleEndian.AppendUint16(p.b, uint16(a.Status))
	p.bool(a.Counted)
	text := a.Error
	p.string(text[:min(len(text), math.MaxUint16)])
	return p.b
}

func history(attempts []queue.Attempt) []byte {
	var p packer
	for i := range attempts {
		entry := attempt(&attempts[i])
		p.uint(uint32(len(entry)))
		p.b = append(p.b, entry...)
	}
	return p.b
}

func readHistory(b []byte) ([]queue.Attempt, error) {
	u := &unpacker{b: b}
	var all []queue.Attempt
	for len(u.b) > 0 {
		e := &unpacker{b: u.take(int(binary.LittleEndian.Uint32(u.take(4))))}
		a := queue.Attempt{Class: queue.Class(e.byte()), Generation: e.int(), Delivery: e.int(), StartedAt: e.time(), Duration: time.Duration(e.num())}
		a.Status = int(binary.LittleEndian.Uint16(e.take(2)))
		a.Counted, a.Error = e.byte() != 0, e.string()
		if u.bad || e.bad {
			return nil, fmt.Errorf("decode history: %w", queue.ErrCorrupt)
		}
		all = append(all, a)
	}
	return all, nil
}

// stored is a record as the library returns it.
type stored struct{ id, message, progress, history, result, edited []byte }

// record decodes.
func (s *stored) record(opener queue.BodyOpener) (*queue.Record, error) {
	m, err := queue.DecodeMessage(s.message, opener)
	if err != nil {
		return nil, err
	}
	u := &unpacker{b: s.progress}
	r := &queue.Record{Message: m}
	r.State = queue.State(u.byte())
	r.Revision, r.Seq, r.Turn = queue.Revision(u.num()), uint64(u.num()), uint64(u.num())
	r.Generation, r.Deliveries, r.Attempts, r.Crashes, r.Uncounted = u.int(), u.int(), u.int(), u.int(), u.int()
	r.UpdatedAt, r.EligibleAt, r.DeadlineAt, r.CompletedAt, r.RemoveAt, r.LeaseExpiresAt = u.time(), u.time(), u.time(), u.time(), u.time(), u.time()
	r.HistoryDropped = u.int()
	r.CancelRequested, r.MayHaveRun = u.byte() != 0, u.byte() != 0
	u.num() // the size
	r.Reason, r.Worker = queue.Reason(u.string()), u.string()
	if u.bad || len(u.b) > 0 {
		return nil, fmt.Errorf("decode progress: %w", queue.ErrCorrupt)
	}
	if r.State == queue.Leased {
		r.LeaseToken = queue.Token(r.Deliveries)
	}
	if r.History, err = readHistory(s.history); err != nil {
		return nil, err
	}
	if len(s.result) > 0 {
		if r.Result, err = queue.DecodeResult(s.result, opener); err != nil {
			return nil, err
		}
	}
	if len(s.edited) > 0 {
		wrapped, err := queue.DecodeMessage(s.edited, opener)
		if err != nil {
			return nil, err
		}
		r.Edited = &wrapped.Request
	}
	return r, nil
}
