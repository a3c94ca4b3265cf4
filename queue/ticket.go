package queue

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// CallbackQueue is the hidden queue in which every terminal transition of a message that has a Callback adds a ticket,
// in the same write.
const CallbackQueue = "_callbacks"

// TicketMaxAge is how long a callback is tried before its ticket expires.
const TicketMaxAge = 76 * time.Hour

// NewTicket returns the callback ticket of a record that has just become terminal, or nil if it wants none. Its ID follows
// from the subject and its generation, so that the same transition can never announce itself twice.
func NewTicket(r *Record, now time.Time) *Message {
	if r.Callback == "" {
		return nil
	}
	return &Message{
		ID:         ticketID(r, r.CompletedAt),
		Queue:      CallbackQueue,
		AcceptedAt: now,
		Deadline:   now.Add(TicketMaxAge),
		Subject:    r.ID,
		Callback:   "", // a ticket announces, and is not itself announced
		OnLost:     OnLostRedeliver,
		KeepResult: -1,
		KeepDead:   r.KeepDead,
	}
}

func ticketID(r *Record, at time.Time) ID {
	id := NewID(r.ID.Home(), at)
	seed := binary.BigEndian.AppendUint32(append([]byte("ticket:"), r.ID[:]...), uint32(r.Generation))
	sum := sha256.Sum256(seed)
	copy(id[8:], sum[:8])
	id[8] = id[8]&0x3f | 0x80
	return id
}
