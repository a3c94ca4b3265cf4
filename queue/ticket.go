package queue

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// CallbackQueue is the hidden queue in which every terminal transition of a message that has a Callback adds a ticket,
// in the same write.
const CallbackQueue = "_callbacks"

// TicketMaxAge is how long a callback is tried before its ticket expires.
const TicketMaxAge = 76 * time.Hour

// TicketLane is how many callbacks to one receiver run at once, so that a slow one does not keep the others waiting.
const TicketLane = 16

// NewTicket returns the callback ticket of a record that has just become terminal, or nil if it wants none. Its ID follows
// from the subject and its generation, so that the same transition can never announce itself twice.
//
// A ticket bears all that the callback says (see [Announcement]), because the subject may be redriven, or removed, before
// the receiver can be reached. Once delivered it stays as long as its subject, so that the subject can tell of it.
func NewTicket(r *Record, now time.Time) *Message {
	if r.Callback == "" {
		return nil
	}
	return &Message{
		ID:         ticketID(r, r.CompletedAt),
		Queue:      CallbackQueue,
		Caller:     r.Caller,
		AcceptedAt: now,
		Deadline:   now.Add(TicketMaxAge),
		Lane:       Lane{Key: receiver(r.Callback), Bound: TicketLane},
		Subject:    r.ID,
		Callback:   "", // a ticket announces, and is not itself announced
		OnLost:     OnLostRedeliver,
		KeepResult: keepTicket(r),
		KeepDead:   r.KeepDead,
		Metadata:   announce(r),
		Request:    Request{Method: "POST", Target: r.Callback},
	}
}

// keepTicket returns how long a delivered ticket stays: as long as its subject. That of a dead subject which is kept until
// somebody acts stays as long as a result does; else it would outlive the subject for ever.
func keepTicket(r *Record) time.Duration {
	if r.State == Dead && r.KeepDead > r.KeepResult && r.KeepResult != 0 {
		return r.KeepDead
	}
	return r.KeepResult
}

// receiver returns the host and port of a URL, which keys the lane of its tickets.
func receiver(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return strings.ToLower(rest[:min(len(rest), MaxKeyLength)])
}

// TicketOf returns the ID of the ticket that announces what a record is now; false if the record wants none, or is not
// terminal.
func TicketOf(r *Record) (ID, bool) {
	if r.Callback == "" || !r.State.Terminal() {
		return ID{}, false
	}
	return ticketID(r, r.CompletedAt), true
}

func ticketID(r *Record, at time.Time) ID {
	id := NewID(r.ID.Home(), at)
	seed := binary.BigEndian.AppendUint32(append([]byte("ticket:"), r.ID[:]...), uint32(r.Generation))
	sum := sha256.Sum256(seed)
	copy(id[8:], sum[:8])
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Announcement is what a callback ticket says of its subject: what stood in the record when it became terminal. It is the
// ticket's metadata, as JSON.
type Announcement struct {
	Generation  int    `json:"generation"`
	Status      string `json:"status"` // the word on the wire
	State       string `json:"state"`
	Reason      string `json:"reason,omitempty"`      // of a dead one
	StatusCode  int    `json:"status_code,omitempty"` // of the stored answer
	Endpoint    string `json:"endpoint,omitempty"`
	AcceptedMS  int64  `json:"accepted_at_ms"` // Unix time in milliseconds, as that below
	CompletedMS int64  `json:"completed_at_ms"`
}

func announce(r *Record) []byte {
	a := Announcement{Generation: r.Generation, Status: r.Status(), State: r.State.String(), Reason: string(r.Reason),
		Endpoint: r.Endpoint, AcceptedMS: r.AcceptedAt.UnixMilli(), CompletedMS: r.CompletedAt.UnixMilli()}
	if r.Result != nil {
		a.StatusCode = r.Result.Status
	}
	encoded, _ := json.Marshal(a) // numbers and text can always be encoded
	return encoded
}

// ReadTicket returns what a ticket announces. ErrInvalid if it is none.
func ReadTicket(m *Message) (Announcement, error) {
	var a Announcement
	if m.Subject.IsZero() || m.Request.Target == "" {
		return a, fmt.Errorf("%w: not a callback ticket", ErrInvalid)
	}
	if err := json.Unmarshal(m.Metadata, &a); err != nil {
		return a, fmt.Errorf("%w: the metadata of a callback ticket cannot be read", ErrInvalid)
	}
	return a, nil
}

// Ticket returns the callback ticket of what a record is now. ErrNotFound if it wants none, is not terminal, or the ticket
// has been removed.
func (b *Broker) Ticket(ctx context.Context, r *Record) (*Record, error) {
	id, ok := TicketOf(r)
	if !ok {
		return nil, ErrNotFound
	}
	return b.store.Get(ctx, id)
}
