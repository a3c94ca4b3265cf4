package reply

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Acceptance is what a 202 says.
type Acceptance struct {
	About
	SubmittedAt time.Time
	ExpiresAt   time.Time        // zero: never
	NotBefore   time.Time        // when the message becomes due; zero: at once
	Durability  queue.Durability // of the message that was just stored; "" in an answer about an older one
	Applied     []string         // value of Preference-Applied, at most one; nil where no preference was applied
}

// AcceptedAs returns what to say about a receipt. The state of a message that was there before is not known; it counts
// as pending.
func AcceptedAs(receipt queue.Receipt, queueName string) Acceptance {
	return Acceptance{
		About:       About{ID: receipt.ID, State: queue.Ready, Queue: queueName},
		SubmittedAt: receipt.AcceptedAt,
		ExpiresAt:   receipt.ExpiresAt,
		Durability:  receipt.Durability,
	}
}

// AcceptedRecord returns what to say about a record as it stands.
func AcceptedRecord(rec *queue.Record) Acceptance {
	a := Acceptance{About: AboutRecord(rec), SubmittedAt: rec.AcceptedAt, ExpiresAt: rec.DeadlineAt}
	if rec.State == queue.Scheduled {
		a.NotBefore = rec.EligibleAt
	}
	return a
}

// Accepted answers 202: the message is stored and its answer will be found at Location. Retry-After is when the queue,
// at the rate at which it drains now, should have come to the message, and not before the message is due.
func (p *Replies) Accepted(w http.ResponseWriter, r *http.Request, a *Acceptance) {
	h := w.Header()
	p.Own(h, r, a.About)
	base := p.linkBase(r)
	id := h[FieldCorrelationID][0]
	h["Content-Type"] = valueJSON
	h["Location"] = []string{base + "/response/" + id + "/raw"}
	h["Retry-After"] = p.retryAfter(a.Queue, a.NotBefore)
	if a.Durability != "" {
		h[FieldDurability] = durabilityValue(a.Durability)
	}
	if a.Applied != nil {
		h["Preference-Applied"] = a.Applied
	}
	w.WriteHeader(http.StatusAccepted)
	buf := buffers.Get().(*[]byte)
	*buf = a.appendJSON((*buf)[:0], base, id)
	_, _ = w.Write(*buf) // a client that has gone does not read it
	buffers.Put(buf)
}

// Pending answers 202 about a record that is not terminal.
func (p *Replies) Pending(w http.ResponseWriter, r *http.Request, rec *queue.Record, applied []string) {
	a := AcceptedRecord(rec)
	a.Applied = applied
	p.Accepted(w, r, &a)
}

// buffers hold the bodies of 202s while they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// TimeFormat is how own answers write times: RFC 3339 in UTC, to the millisecond.
const TimeFormat = "2006-01-02T15:04:05.000Z07:00"

// appendJSON writes the body by hand: it is on the hot path, and nothing in it needs an escape.
func (a *Acceptance) appendJSON(b []byte, base, id string) []byte {
	b = append(b, `{"correlation_id":"`...)
	b = append(b, id...)
	b = append(b, `","status":"`...)
	b = append(b, a.State.Status()...)
	b = append(b, `","submitted_at":"`...)
	b = a.SubmittedAt.UTC().AppendFormat(b, TimeFormat)
	if a.ExpiresAt.IsZero() {
		b = append(b, `","expires_at":null`...)
	} else {
		b = append(b, `","expires_at":"`...)
		b = a.ExpiresAt.UTC().AppendFormat(b, TimeFormat)
		b = append(b, '"')
	}
	b = append(b, `,"links":{"status":"`...)
	b = append(append(append(b, base...), "/status/"...), id...)
	b = append(b, `","response":"`...)
	b = append(append(append(b, base...), "/response/"...), id...)
	b = append(b, `","raw":"`...)
	b = append(append(append(append(b, base...), "/response/"...), id...), "/raw"...)
	b = append(b, `","events":"`...)
	b = append(append(append(b, base...), "/events/"...), id...)
	b = append(b, `","cancel":"`...)
	b = append(append(append(b, base...), "/requests/"...), id...)
	return append(b, "\"}}\n"...)
}

func durabilityValue(d queue.Durability) []string {
	for i := range durabilities {
		if durabilities[i][0] == string(d) {
			return durabilities[i]
		}
	}
	return []string{string(d)}
}

var durabilities = [][]string{{string(queue.DurabilityDisk)}, {string(queue.DurabilityReplicated)},
	{string(queue.DurabilityRelaxed)}, {string(queue.DurabilityContainer)}, {string(queue.DurabilityMemory)},
	{string(queue.DurabilityUnknown)}}

// Bounds of every Retry-After, in seconds.
const (
	minRetryAfter = 1
	maxRetryAfter = 60
)

// retryAfter is when a message that is accepted now should have been reached, from the measured drain, at the earliest when
// it is due.
func (p *Replies) retryAfter(queueName string, notBefore time.Time) []string {
	var due time.Duration
	if !notBefore.IsZero() {
		due = time.Until(notBefore)
	}
	if queueName == "" {
		return retryIn(due)
	}
	d := p.broker.Drain(queueName)
	if d.Endless { // until somebody releases it
		d.Wait = maxRetryAfter * time.Second
	}
	return retryIn(max(d.Wait, due))
}

// retryIn returns a Retry-After of about d, clamped, with up to a quarter more so that clients do not come back all at once.
func retryIn(d time.Duration) []string {
	seconds := int64(min(d, maxRetryAfter*time.Second)+time.Second-1) / int64(time.Second)
	if spread := seconds / 4; spread > 0 {
		seconds += rand.Int64N(spread + 1)
	}
	return retryValues[min(max(seconds, minRetryAfter), maxRetryAfter)]
}

var retryValues = func() (values [maxRetryAfter + 1][]string) {
	for i := range values {
		values[i] = []string{strconv.Itoa(i)}
	}
	return values
}()
