package queue

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"
)

// The stored form of messages, progress and results: one version byte, then the fields in the order of encodeMessage,
// encodeProgress and encodeResult.
//
//	integers   uvarint; signed ones zig-zag
//	times      zig-zag nanoseconds since 1970, 0 for the zero time; beyond 1677 to 2262, the end of that range
//	strings    uvarint length, bytes
//	headers    uvarint number of names; each name, uvarint number of values, values; names sorted
//	bodies     uvarint size, ref; then, if ref is empty, the bytes
//
// A change of the fields needs a new version byte, and a decoder that still reads the old one.
const encodingVersion = 1

// fairVersion is the form of what knows of fair lanes; everything else keeps the first form.
const fairVersion = 2

func versionIf(fair bool) byte {
	if fair {
		return fairVersion
	}
	return encodingVersion
}

// AppendMessage appends the stored form of m.
func AppendMessage(b []byte, m *Message) []byte {
	e := encoder{append(b, versionIf(m.Lane.Fair))}
	e.bytes(m.ID[:])
	e.string(m.Queue)
	e.string(m.Endpoint)
	e.string(m.Route)
	e.string(m.Caller)
	e.time(m.AcceptedAt)
	e.time(m.NotBefore)
	e.time(m.Deadline)
	e.uint(uint64(m.Priority))
	e.string(m.Lane.Key)
	e.number(m.Lane.Bound)
	e.uint(uint64(m.Lane.OnDead))
	if m.Lane.Fair {
		e.uint(math.Float64bits(m.Lane.Rate))
		e.number(m.Lane.Burst)
	}
	e.uint(uint64(m.OnLost))
	e.number(m.MaxDeliveries)
	e.int(int64(m.KeepResult))
	e.int(int64(m.KeepDead))
	e.int(int64(m.AttemptTimeout))
	e.bool(m.Idempotency != nil)
	if k := m.Idempotency; k != nil {
		e.b = append(append(e.b, k.Scope[:]...), k.Fingerprint[:]...)
		e.int(int64(k.Keep))
	}
	e.string(m.Callback)
	e.b = append(e.b, m.Subject[:]...)
	e.bytes(m.Metadata)
	e.request(&m.Request)
	return e.b
}

// DecodeMessage reads the stored form. Inline bodies and byte slices alias b; bodies that are not inline are opened by
// opener. The error wraps ErrCorrupt.
func DecodeMessage(b []byte, opener BodyOpener) (*Message, error) {
	d := newDecoder(b, fairVersion, opener)
	m := &Message{}
	copy(m.ID[:], d.bytes())
	m.Queue = d.string()
	m.Endpoint = d.string()
	m.Route = d.string()
	m.Caller = d.string()
	m.AcceptedAt = d.time()
	m.NotBefore = d.time()
	m.Deadline = d.time()
	m.Priority = uint8(d.upTo(MaxPriority))
	m.Lane = Lane{Key: d.string(), Bound: d.number(), OnDead: OnDead(d.upTo(uint64(OnDeadBlock)))}
	if m.Lane.Fair = d.version == fairVersion; m.Lane.Fair {
		m.Lane.Rate, m.Lane.Burst = math.Float64frombits(d.uint()), d.number()
	}
	m.OnLost = OnLost(d.upTo(uint64(OnLostFail)))
	m.MaxDeliveries = d.number()
	m.KeepResult = time.Duration(d.int())
	m.KeepDead = time.Duration(d.int())
	m.AttemptTimeout = time.Duration(d.int())
	if d.bool() {
		k := &Idempotency{}
		copy(k.Scope[:], d.take(32))
		copy(k.Fingerprint[:], d.take(32))
		k.Keep = time.Duration(d.int())
		m.Idempotency = k
	}
	m.Callback = d.string()
	copy(m.Subject[:], d.take(16))
	m.Metadata = d.bytes()
	d.request(&m.Request)
	return m, d.end("message")
}

// AppendProgress appends the stored form of p.
func AppendProgress(b []byte, p *Progress) []byte {
	e := encoder{append(b, versionIf(p.Turn != 0))}
	e.uint(uint64(p.State))
	e.string(string(p.Reason))
	e.uint(uint64(p.Revision))
	e.uint(p.Seq)
	e.number(p.Generation)
	e.number(p.Deliveries)
	e.number(p.Attempts)
	e.number(p.Crashes)
	e.number(p.Uncounted)
	e.time(p.UpdatedAt)
	e.time(p.EligibleAt)
	e.time(p.DeadlineAt)
	e.time(p.CompletedAt)
	e.time(p.RemoveAt)
	e.uint(uint64(p.LeaseToken))
	e.time(p.LeaseExpiresAt)
	e.string(p.Worker)
	e.bool(p.CancelRequested)
	e.bool(p.MayHaveRun)
	e.bool(p.Edited != nil)
	if p.Edited != nil {
		e.request(p.Edited)
	}
	e.number(p.HistoryDropped)
	e.uint(uint64(len(p.History)))
	for i := range p.History {
		e.attempt(&p.History[i])
	}
	if p.Turn != 0 {
		e.uint(p.Turn)
	}
	return e.b
}

// DecodeProgress is the inverse of AppendProgress, with the rules of DecodeMessage.
func DecodeProgress(b []byte, opener BodyOpener) (Progress, error) {
	d := newDecoder(b, fairVersion, opener)
	p := Progress{
		State:           State(d.upTo(uint64(Expired))),
		Reason:          Reason(d.string()),
		Revision:        Revision(d.uint()),
		Seq:             d.uint(),
		Generation:      d.number(),
		Deliveries:      d.number(),
		Attempts:        d.number(),
		Crashes:         d.number(),
		Uncounted:       d.number(),
		UpdatedAt:       d.time(),
		EligibleAt:      d.time(),
		DeadlineAt:      d.time(),
		CompletedAt:     d.time(),
		RemoveAt:        d.time(),
		LeaseToken:      Token(d.uint()),
		LeaseExpiresAt:  d.time(),
		Worker:          d.string(),
		CancelRequested: d.bool(),
		MayHaveRun:      d.bool(),
	}
	if d.bool() {
		p.Edited = &Request{}
		d.request(p.Edited)
	}
	p.HistoryDropped = d.number()
	if n := d.count(); n > 0 {
		p.History = make([]Attempt, n)
		for i := range p.History {
			d.attempt(&p.History[i])
		}
	}
	if d.version == fairVersion {
		if p.Turn = d.uint(); p.Turn == 0 {
			d.fail()
		}
	}
	if p.State < Ready {
		d.fail()
	}
	return p, d.end("progress")
}

// AppendResult appends the stored form of r.
func AppendResult(b []byte, r *Result) []byte {
	e := encoder{append(b, encodingVersion)}
	e.number(r.Status)
	e.string(r.Proto)
	e.bool(r.Truncated)
	e.int(r.Length)
	e.time(r.ReceivedAt)
	e.int(int64(r.Duration))
	e.header(r.Header)
	e.header(r.Trailer)
	e.body(r.Body)
	return e.b
}

// DecodeResult is the inverse of AppendResult, with the rules of DecodeMessage.
func DecodeResult(b []byte, opener BodyOpener) (*Result, error) {
	d := newDecoder(b, encodingVersion, opener)
	r := &Result{Status: d.number(), Proto: d.string(), Truncated: d.bool(), Length: d.int(), ReceivedAt: d.time(),
		Duration: time.Duration(d.int())}
	r.Header = d.header()
	r.Trailer = d.header()
	r.Body = d.body()
	return r, d.end("result")
}

type encoder struct{ b []byte }

func (e *encoder) uint(v uint64)   { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) number(v int)    { e.uint(uint64(max(v, 0))) } // a count below 0 means nothing, and could not be read
func (e *encoder) int(v int64)     { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) bytes(v []byte)  { e.b = append(binary.AppendUvarint(e.b, uint64(len(v))), v...) }
func (e *encoder) string(v string) { e.b = append(binary.AppendUvarint(e.b, uint64(len(v))), v...) }

func (e *encoder) bool(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.int(0)
	} else {
		e.int(unixNano(t))
	}
}

// unixNano returns nanoseconds since 1970, or the nearest that 64 bits hold: what is kept for three hundred years must not
// become what should have been removed long ago.
func unixNano(t time.Time) int64 {
	switch {
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	}
	return t.UnixNano()
}

func (e *encoder) header(h http.Header) {
	e.uint(uint64(len(h)))
	var room [32]string
	names := slices.AppendSeq(room[:0], maps.Keys(h))
	slices.Sort(names)
	for _, name := range names {
		e.string(name)
		values := h[name]
		e.uint(uint64(len(values)))
		for _, v := range values {
			e.string(v)
		}
	}
}

func (e *encoder) body(b Body) {
	e.uint(uint64(b.size))
	e.string(b.ref)
	if b.ref == "" {
		e.b = append(e.b, b.inline...)
	}
}

func (e *encoder) request(r *Request) {
	e.string(r.Method)
	e.string(r.Target)
	e.string(r.Scheme)
	e.string(r.Host)
	e.string(r.Proto)
	e.string(r.Remote)
	e.header(r.Header)
	e.header(r.Trailer)
	e.body(r.Body)
}

func (e *encoder) attempt(a *Attempt) {
	e.number(a.Generation)
	e.number(a.Delivery)
	e.time(a.StartedAt)
	e.int(int64(a.Duration))
	e.uint(uint64(min(a.Class, Rejected))) // what a handler made up counts as that
	e.number(a.Status)
	e.bool(a.Counted)
	e.string(a.Error)
}

// decoder reads until the first fault and then returns zero values; end reports it.
type decoder struct {
	b       []byte
	version byte
	bad     bool
	opener  BodyOpener
}

// newDecoder reads the version, which is the first one or any up to the newest of what is decoded.
func newDecoder(b []byte, newest byte, opener BodyOpener) *decoder {
	d := &decoder{b: b, opener: opener}
	if v := d.take(1); v == nil || v[0] < encodingVersion || v[0] > newest {
		d.fail()
	} else {
		d.version = v[0]
	}
	return d
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) end(what string) error {
	if d.bad || len(d.b) != 0 {
		return fmt.Errorf("decode %s: %w", what, ErrCorrupt)
	}
	return nil
}

// take returns the next n bytes, without room to append.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// upTo reads a number that is not above most.
func (d *decoder) upTo(most uint64) uint64 {
	v := d.uint()
	if v > most {
		d.fail()
		return 0
	}
	return v
}

// number reads a count.
func (d *decoder) number() int { return int(d.upTo(math.MaxInt)) }

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads the number of items that follow, each of at least one byte.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) bytes() []byte {
	if v := d.take(d.uint()); len(v) > 0 {
		return v
	}
	return nil
}

func (d *decoder) string() string { return string(d.take(d.uint())) }

func (d *decoder) bool() bool {
	v := d.take(1)
	return len(v) == 1 && v[0] != 0
}

func (d *decoder) time() time.Time {
	if ns := d.int(); ns != 0 {
		return time.Unix(0, ns).UTC()
	}
	return time.Time{}
}

func (d *decoder) header() http.Header {
	n := d.count()
	if n == 0 {
		return nil
	}
	h := make(http.Header, n)
	for range n {
		name := d.string()
		values := make([]string, d.count())
		for i := range values {
			values[i] = d.string()
		}
		h[name] = values
	}
	return h
}

func (d *decoder) body() Body {
	size, ref := d.upTo(math.MaxInt64), d.string()
	if ref != "" {
		return StoredBody(ref, int64(size), d.opener)
	}
	return InlineBody(d.take(size))
}

func (d *decoder) request(r *Request) {
	r.Method = d.string()
	r.Target = d.string()
	r.Scheme = d.string()
	r.Host = d.string()
	r.Proto = d.string()
	r.Remote = d.string()
	r.Header = d.header()
	r.Trailer = d.header()
	r.Body = d.body()
}

func (d *decoder) attempt(a *Attempt) {
	a.Generation = d.number()
	a.Delivery = d.number()
	a.StartedAt = d.time()
	a.Duration = time.Duration(d.int())
	a.Class = Class(d.upTo(uint64(Rejected)))
	a.Status = d.number()
	a.Counted = d.bool()
	a.Error = d.string()
}
