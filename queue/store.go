package queue

import (
	"context"
	"time"
)

// Store keeps messages, applies the transitions of their records, and holds no policy: it never retries, never logs and
// never decides. Everything it times is timed by its own clock, which never runs backwards and does not follow a jump of
// the wall clock while it is open. Times of a record are kept to the microsecond at least, those of its message exactly.
//
// All methods may be called by many goroutines at once. After Close they return ErrClosed. Unless a method says
// otherwise: it returns when its change is durable at the level of Capabilities; it blocks no longer than one write; when
// ctx ends first the change may still happen; it may keep its arguments, so the caller must not change them afterwards;
// and an error that is none of the named sentinels means that the store is broken and must be closed.
type Store interface {
	QueueStore
	RecordStore
	ControlStore
	BodyStore
	Life
}

// QueueStore is the queue side: messages in, leases out, leases settled.
type QueueStore interface {
	// Enqueue stores messages, each with its idempotency key, counters and indexes in one atomic write. It returns one
	// Enqueued for each message, in order, as if they had come one by one. It is idempotent by ID: a message whose ID is
	// already stored is answered as the first time. A message may be handed straight to a waiting Lease, leased in the
	// same write. A key's reservation stands until its Keep is over, also when the message is removed before. While the intake
	// of a queue is paused, only what is stored already is answered, by its ID or its key.
	//
	// Errors of single messages: ErrKeyReused, ErrIntakePaused, ErrFull, ErrInvalid. Errors of the call, with nothing known to be stored:
	// ErrUnavailable, ErrOutcomeUnknown (repeat with the same IDs), ErrClosed.
	Enqueue(ctx context.Context, messages []*Message) ([]Enqueued, error)

	// Lease takes up to Max eligible messages, and blocks until there is one or ctx ends; then it returns ctx's cause.
	// Gate, rate, lanes, priority and shares are applied in the same step, so that nothing is leased that may not be
	// sent. The lease, its token and the delivery count are durable before Lease returns. A lease that was taken is
	// always returned, even when ctx ends at that moment; when ctx has ended before the call, none is taken.
	//
	// The order: wanted queues with eligible messages take turns. Within a queue the highest priority goes first, within
	// a priority the lowest Seq; but every eighth lease of the queue since the store was opened (of a shared one: since it was
	// made) is the turn of a less urgent one, as [Turns] says, so that nothing is starved. A message whose deadline has passed is not leased, even before Run
	// has expired it.
	Lease(ctx context.Context, request LeaseRequest) ([]Lease, error)

	// Extend prolongs leases and reservations to TTL from now, and returns one Extended for each, in order. It need not be
	// durable: a crash ends every lease of its process anyway. It raises no revision.
	Extend(ctx context.Context, refs []LeaseRef, ttl time.Duration) ([]Extended, error)

	// Settle ends leases: state, result, history, lane, counters and callback ticket in one atomic write per message. It
	// returns one error for each settlement, in order: nil, or ErrLeaseLost when the lease is no longer this one. It is
	// therefore not idempotent: after ErrOutcomeUnknown, a repeat that gets ErrLeaseLost may have been the first one.
	//
	// What goes back to its queue keeps its Seq when it was released or its lease ended unsettled, and in an ordered lane
	// always; a retry gets a new Seq when it becomes due. In a lane, what comes back joins the others in the order of
	// Seq: when the lane is full or blocked by then, it is parked.
	Settle(ctx context.Context, settlements []Settlement) ([]error, error)
}

// Enqueued is what became of one message that was given to Enqueue.
type Enqueued struct {
	ID        ID   // the message's own, or with Duplicate that of the message that holds the idempotency key
	Duplicate bool // the idempotency key was there, with the same fingerprint: nothing was stored
	Err       error
}

// LeaseRequest asks for deliveries.
type LeaseRequest struct {
	Worker string // name of the process, for people
	Max    int    // most messages to return: the free slots
	Slots  int    // all slots of this worker, for the three-quarters rule
	TTL    time.Duration
	Queues []Want
	// OnCancel is called when the holder of one of the leases should abort; it must not block. It is a quick notice:
	// Extend reports the same for certain. May be nil.
	OnCancel func(LeaseRef)
}

// Want names one queue in a LeaseRequest. While another wanted queue, itself below that bound, has eligible work, this
// worker gets no lease that would make Held exceed three quarters of Slots (rounded down, at least one).
type Want struct {
	Queue string
	Held  int // slots of this worker that this queue occupies now
	// Room is how many bytes the answer of one delivery may take. A store whose room is bounded leases only while there is
	// room for the answers of all that stands leased (R11); what waits for it is shown in Stats under HoldDisk. 0: nothing
	// is known, and nothing is kept free.
	Room int64
}

// Lease is one message with the exclusive right to work it off.
type Lease struct {
	LeaseRef
	Record    *Record
	ExpiresAt time.Time // by the store's clock
}

// Extended is what became of one lease that was given to Extend.
type Extended struct {
	Err             error // nil or ErrLeaseLost
	CancelRequested bool
}

// RecordStore is the record side: what became of a message.
type RecordStore interface {
	// Get returns the record, never one that a crash could still take back. ErrNotFound.
	Get(ctx context.Context, id ID) (*Record, error)

	// Wait returns the record as soon as its revision is above after, or with UntilTerminal as soon as its state is
	// terminal, also when another process makes the change; at once if it already is. When ctx ends first it returns the
	// record as it is, together with ctx's cause. ErrNotFound, also when the record is removed meanwhile.
	Wait(ctx context.Context, id ID, after Revision) (*Record, error)

	// Position returns an upper bound of how many messages of the queue will be leased up to and including this one if
	// nothing more urgent arrives; 0 if it is not waiting. For a parked message it is an estimate, as if its lane had
	// room. ErrNotFound.
	Position(ctx context.Context, id ID) (int64, error)

	// Cancel withdraws a message that is not leased, and asks the holder of a leased one to abort (the record returned is
	// then still Leased, with CancelRequested). It returns the record after the change. ErrNotFound; ErrTerminal and
	// ErrRunning together with the record.
	Cancel(ctx context.Context, id ID, options CancelOptions) (*Record, error)

	// List returns records that match, oldest ID first, from the cursor on. One call examines at most ScanLimit records,
	// so that a page may be short or empty while Next is set. Bodies of inline requests are included. Records of hidden
	// queues are listed only when the filter names their queue.
	List(ctx context.Context, filter Filter) (Page, error)

	// Redrive puts a dead message back as the next generation, ready at once or, in a lane that is full, parked. It gets
	// a new Seq, except in an ordered lane, where it goes back to its place. An edited request may hold the body of the
	// original. ErrNotFound, ErrNotDead.
	Redrive(ctx context.Context, id ID, redrive Redrive) (*Record, error)

	// Purge removes records that match and are not leased, with their bodies, and returns their number and where to go
	// on. One call examines at most ScanLimit records. What it removes announces no callback, and hidden queues are
	// purged only by name.
	Purge(ctx context.Context, filter Filter) (Purged, error)

	// Import stores records in any state as they are; a leased one becomes as if its lease had ended. It is idempotent by
	// ID: an existing record stays as it is. Unfinished ones get a new Seq each, in the order given, and are parked where
	// their lanes are full; idempotency keys are reserved for what is left of their time. Bodies beyond InlineLimit must
	// have been committed to this store. Bounds do not refuse it.
	Import(ctx context.Context, records []*Record) error
}

// ScanLimit is how many records one List or Purge examines at most.
const ScanLimit = 10_000

// CancelOptions narrows Cancel.
type CancelOptions struct {
	NeverLeased bool // only if no lease was ever granted; else ErrRunning
}

// Redrive says how a dead message is put back.
type Redrive struct {
	Request  *Request      // sent instead of the original, which is kept; nil: as it was
	Deadline time.Duration // from now; 0: none
}

// Filter selects records. Zero fields select all.
type Filter struct {
	Queue    string // "": every visible queue
	States   []State
	Reason   Reason
	Endpoint string
	Caller   string
	LaneKey  string
	After    time.Time // accepted at or after
	Before   time.Time // accepted before
	Limit    int       // most records of a page, or to purge; 0: 100
	Cursor   string    // Next of the page before; "" for the first
}

// Matches reports whether a record fits, cursor and limit aside. Records of hidden queues fit only when the filter names
// their queue.
func (f *Filter) Matches(r *Record) bool {
	if f.Queue == "" && Hidden(r.Queue) {
		return false
	}
	if f.Queue != "" && r.Queue != f.Queue || f.Reason != "" && r.Reason != f.Reason ||
		f.Endpoint != "" && r.Endpoint != f.Endpoint || f.Caller != "" && r.Caller != f.Caller ||
		f.LaneKey != "" && r.Lane.Key != f.LaneKey {
		return false
	}
	if !f.After.IsZero() && r.AcceptedAt.Before(f.After) || !f.Before.IsZero() && !r.AcceptedAt.Before(f.Before) {
		return false
	}
	for _, s := range f.States {
		if s == r.State {
			return true
		}
	}
	return len(f.States) == 0
}

// Page is one page of a list.
type Page struct {
	Records []*Record
	Next    string // "" at the end
}

// Purged is what one Purge did.
type Purged struct {
	Removed int
	Next    string // "" at the end
}

// ControlStore is the control side: gates, pass-through calls, counters.
type ControlStore interface {
	// SetGate changes the gate of a queue, which need not have had messages, and returns it.
	SetGate(ctx context.Context, queue string, change GateChange) (Gate, error)

	// Reserve takes a slot and a token of the queue's gate for a call that is not queued, in turn with Lease as [Shares]
	// says, and blocks until there is room. When ctx ends first it returns a GateError; a ctx that has ended before the call still gets
	// what is free at once. The reservation ends after TTL unless it is extended, and with the process that made it.
	Reserve(ctx context.Context, queue string, ttl time.Duration) (LeaseRef, error)

	// Return gives the slot of a reservation back; the token is used up. A reservation that has ended is no error.
	Return(ctx context.Context, ref LeaseRef) error

	// Room returns nil while there is room for new bodies, and a FullError once what is left is for the results of what
	// runs (R11). It is quick: it is asked for every piece of an upload.
	Room() error

	// Stats returns the counters and gates of every queue that ever had a message or a gate, hidden ones included, from
	// counters, in time that does not grow with the records. Holds that have ended are not shown; HoldDisk is, which no
	// gate has, on queues whose work waits for room (see Want).
	Stats(ctx context.Context) (Stats, error)
}

// Stats is what Stats returns.
type Stats struct {
	Queues map[string]QueueStats
	Bytes  int64     // of all bodies and records, approximately
	Now    time.Time // the store's clock
}

// QueueStats is one queue.
type QueueStats struct {
	Counts
	Gate     Gate
	Reserved int       // reservations that stand
	OldestAt time.Time // when the oldest ready message became ready; zero if none, may be up to a second late
}

// Counts are the numbers of one queue, or of several added up.
type Counts struct {
	Accepted                         int64 // messages ever enqueued or imported
	Ready, Parked, Scheduled, Leased int64
	Overdue                          int64 // of Scheduled: those whose time has come, before their deadline
	Done, Dead, Cancelled, Expired   int64
	Removed                          int64 // terminal ones that retention or purge removed, and purged waiting ones
}

// Drift is how far the counts are from adding up; it is always 0.
func (c Counts) Drift() int64 {
	return c.Accepted - c.Ready - c.Parked - c.Scheduled - c.Leased - c.Done - c.Dead - c.Cancelled - c.Expired - c.Removed
}

// Depth is the work that could run now if there were room.
func (c Counts) Depth() int64 { return c.Ready + c.Parked + c.Overdue }

// Unfinished is the work that is not terminal.
func (c Counts) Unfinished() int64 { return c.Ready + c.Parked + c.Scheduled + c.Leased }

// Add adds d to c.
func (c *Counts) Add(d Counts) {
	c.Accepted += d.Accepted
	c.Ready += d.Ready
	c.Parked += d.Parked
	c.Scheduled += d.Scheduled
	c.Leased += d.Leased
	c.Overdue += d.Overdue
	c.Done += d.Done
	c.Dead += d.Dead
	c.Cancelled += d.Cancelled
	c.Expired += d.Expired
	c.Removed += d.Removed
}

// Of returns the counter of a state.
func (c *Counts) Of(s State) *int64 {
	switch s {
	case Ready:
		return &c.Ready
	case Parked:
		return &c.Parked
	case Scheduled:
		return &c.Scheduled
	case Leased:
		return &c.Leased
	case Done:
		return &c.Done
	case Dead:
		return &c.Dead
	case Cancelled:
		return &c.Cancelled
	default:
		return &c.Expired
	}
}

// Hidden reports whether a queue is internal (its name begins with an underscore): callback tickets and the like, which
// promise 2 does not count and lists do not show unless they are asked for by name.
func Hidden(queue string) bool { return len(queue) > 0 && queue[0] == '_' }

// BodyStore keeps bodies beyond InlineLimit.
type BodyStore interface {
	BodyOpener
	// CreateBody begins a staged body.
	CreateBody(ctx context.Context) (BodyWriter, error)
	// DiscardBody removes a committed body that no record took, such as after a refused Enqueue. Inline bodies, bodies
	// that a record holds, and unknown ones are left alone. A record takes a body when it is written: from then on the
	// body lives until the last place in that record that holds it is gone. Two records never hold one body.
	DiscardBody(ctx context.Context, b Body) error
}

// Life is the store itself.
type Life interface {
	// Run makes happen what time brings: messages become due, leases lapse, deadlines pass, retention ends, holds open.
	// It returns nil when ctx ends, and ErrClosed when the store is closed before. Any number of processes may run it. It calls observe, if not nil, for each change it
	// makes (EventDue, EventLapsed, EventExpired, EventRemoved); observe must not block. Without Run nothing that time
	// brings happens. A record that is kept for no time is removed as soon as Run sees it.
	Run(ctx context.Context, observe func(Event)) error

	// Capabilities says what the store does and promises. It does not change while the store is open.
	Capabilities() Capabilities

	// Close ends everything: blocked calls return ErrClosed, and Close waits for them. It lets the leases of this process
	// end, as OnLost says, before the next open of the data hands anything out. It is called once.
	Close() error
}

// Capabilities is what a store does and promises.
type Capabilities struct {
	Name       string
	Durability Durability
	Shared     bool   // several processes may use it at once
	Place      string // where the data lies, for people; never holds secrets
	Recovered  Counts // what was found at open, over all visible queues
}

// Durability is what a store promises of an accepted message: a closed set, on the wire as OpenHQM-Durability.
type Durability string

// The levels of durability.
const (
	DurabilityDisk       Durability = "disk"       // survives a crash of the machine
	DurabilityReplicated Durability = "replicated" // survives the loss of a machine
	DurabilityRelaxed    Durability = "relaxed"    // about the last second may be lost
	DurabilityContainer  Durability = "container"  // goes with the pod or container
	DurabilityMemory     Durability = "memory"     // goes with the process
	DurabilityUnknown    Durability = "unknown"    // the server would not say
)

// Strict reports whether the level is enough for `durability: strict`.
func (d Durability) Strict() bool { return d == DurabilityDisk || d == DurabilityReplicated }
