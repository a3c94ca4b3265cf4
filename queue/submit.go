package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Submission is what a producer asks for; Submit binds it to the policy of its queue.
type Submission struct {
	Queue    string
	Endpoint string
	Route    string
	Caller   string

	Request        Request
	Metadata       json.RawMessage
	Priority       int
	Lane           Lane
	Delay          time.Duration // not before now + Delay
	NotBefore      time.Time     // the later of both counts
	MaxAge         time.Duration // how long it may wait; 0: as the policy says
	Deadline       time.Time     // the earlier of both counts; later than the policy's it is shortened to that
	AttemptTimeout time.Duration
	Callback       string

	IdempotencyKey string        // "" for none
	Fingerprint    [32]byte      // of the request, where a key is given; see [Request.Fingerprint]
	KeepKey        time.Duration // how long the key stands for the message; 0: as long as that may wait and its result is kept
}

// Receipt is what a producer gets for an accepted message.
type Receipt struct {
	ID         ID
	Duplicate  bool // the idempotency key stood for this message already: times are the ID's
	AcceptedAt time.Time
	ExpiresAt  time.Time // the deadline; zero: none
	Durability Durability
}

// unknownFor is how long a write whose reply was lost is repeated under the same ID (promise 7).
const unknownFor = time.Second

// Submit stores a message. When it returns nil, the message is durable at the level that the receipt states (promise 1).
//
// Errors: ErrInvalid, ErrKeyReused, ErrIntakePaused, ErrFull, ErrUnavailable: nothing was stored. ErrOutcomeUnknown: the replies of the
// store stayed lost for a second, so the message may be stored, under the receipt's ID.
func (b *Broker) Submit(ctx context.Context, s *Submission) (Receipt, error) {
	m, err := b.bind(s, time.Now())
	if err != nil {
		b.refused(s, err)
		return Receipt{}, err
	}
	receipt := Receipt{ID: m.ID, AcceptedAt: m.AcceptedAt, ExpiresAt: m.Deadline, Durability: b.store.Capabilities().Durability}
	stored, err := b.enqueue(ctx, m)
	if err == nil {
		err = stored.Err
	}
	switch {
	case errors.Is(err, ErrOutcomeUnknown):
		return receipt, err
	case err != nil:
		b.refused(s, err)
		return Receipt{}, err
	case stored.Duplicate:
		receipt.ID, receipt.Duplicate, receipt.AcceptedAt = stored.ID, true, stored.ID.Time()
		b.observer.Observe(Event{Kind: EventDuplicate, ID: stored.ID, Queue: s.Queue, Endpoint: s.Endpoint})
	default:
		b.observer.Observe(Event{Kind: EventAccepted, ID: m.ID, Queue: s.Queue, Endpoint: s.Endpoint, State: Ready})
	}
	return receipt, nil
}

func (b *Broker) refused(s *Submission, err error) {
	b.observer.Observe(Event{Kind: EventRefused, Queue: s.Queue, Endpoint: s.Endpoint, Err: err})
}

// enqueue repeats a write whose reply was lost: the store is idempotent by ID, so that this stores one message.
func (b *Broker) enqueue(ctx context.Context, m *Message) (Enqueued, error) {
	started := time.Now()
	unsure := false
	for {
		stored, err := b.store.Enqueue(ctx, []*Message{m})
		if err == nil && (stored[0].Err == nil || !unsure) {
			return stored[0], nil
		}
		if err == nil {
			err = stored[0].Err
		}
		unsure = unsure || errors.Is(err, ErrOutcomeUnknown)
		switch {
		case !unsure:
			return Enqueued{}, err
		case !errors.Is(err, ErrOutcomeUnknown):
			// A repeat that was refused says nothing of the first try, which may be stored.
			return Enqueued{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		case time.Since(started) > unknownFor || !pause(ctx, 50*time.Millisecond):
			return Enqueued{}, err
		}
	}
}

// pause waits, and reports whether ctx still stands.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// bind fixes what is decided at submit: identity, deadline, retention, and whether the request may ever be repeated.
func (b *Broker) bind(s *Submission, now time.Time) (*Message, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	p := b.policy(s.Queue)
	m := &Message{
		ID:             NewID(b.home(s.Queue), now),
		Queue:          s.Queue,
		Endpoint:       s.Endpoint,
		Route:          s.Route,
		Caller:         s.Caller,
		AcceptedAt:     now,
		NotBefore:      s.NotBefore,
		Deadline:       s.Deadline,
		Priority:       uint8(s.Priority),
		Lane:           s.Lane,
		OnLost:         OnLostFail,
		MaxDeliveries:  p.MaxDeliveries,
		KeepResult:     p.KeepResult,
		KeepDead:       p.KeepDead,
		AttemptTimeout: s.AttemptTimeout,
		Callback:       s.Callback,
		Metadata:       s.Metadata,
		Request:        s.Request,
	}
	if delayed := now.Add(s.Delay); s.Delay > 0 && delayed.After(m.NotBefore) {
		m.NotBefore = delayed
	}
	if limit := now.Add(s.MaxAge); s.MaxAge > 0 && (m.Deadline.IsZero() || m.Deadline.After(limit)) {
		m.Deadline = limit
	}
	remedy := "give a later deadline"
	if limit := now.Add(p.MaxAge); p.MaxAge > 0 && (m.Deadline.IsZero() || m.Deadline.After(limit)) {
		m.Deadline, remedy = limit, "raise queue.max_age"
	}
	// A repeat of what was accepted in time has to find it (R16), and is not refused for its deadline. Should it be the first,
	// it ends TIMEOUT.
	repeat := s.IdempotencyKey != "" && m.Deadline.Equal(s.Deadline) && !s.NotBefore.After(s.Deadline)
	switch {
	case m.Deadline.IsZero() || repeat:
	case !m.Deadline.After(now):
		return nil, invalid("the deadline %s has passed; give a later one", m.Deadline.UTC().Format(time.RFC3339))
	case m.NotBefore.After(m.Deadline):
		return nil, invalid("not_before %s is after the deadline %s; submit with less delay, or %s",
			m.NotBefore.UTC().Format(time.RFC3339), m.Deadline.UTC().Format(time.RFC3339), remedy)
	}
	if p.mayRepeat(&s.Request) {
		m.OnLost = OnLostRedeliver
	}
	if s.IdempotencyKey != "" {
		m.Idempotency = &Idempotency{
			Scope:       IdempotencyScope(s.Caller, s.Route, s.IdempotencyKey),
			Fingerprint: s.Fingerprint,
			Keep:        p.keepKey(),
		}
		if s.KeepKey > 0 {
			m.Idempotency.Keep = s.KeepKey
		}
	}
	return m, nil
}

// keepKey returns how long an idempotency key stands for its message: as long as that may wait and its result is kept; 0
// for ever, where one of the two has no end.
func (p *Policy) keepKey() time.Duration {
	if p.MaxAge <= 0 || p.KeepResult == 0 {
		return 0
	}
	return p.MaxAge + max(p.KeepResult, 0)
}

// mayRepeat is R5: may the request be sent again when its outcome is unknown?
func (p *Policy) mayRepeat(r *Request) bool {
	if Idempotent(r.Method) || p.RetryUnsafe {
		return true
	}
	return p.HonorsIdempotencyKey && len(r.Header["Idempotency-Key"]) > 0
}

func (s *Submission) validate() error {
	switch {
	case s.Queue == "" || len(s.Queue) > MaxNameLength || Hidden(s.Queue):
		return invalid("queue name %q; want 1 to %d bytes, not beginning with an underscore", s.Queue, MaxNameLength)
	case s.Priority < 0 || s.Priority > MaxPriority:
		return invalid("priority %d; want 0 to %d", s.Priority, MaxPriority)
	case s.Delay < 0:
		return invalid("delay %s; want 0 or more", s.Delay)
	case s.MaxAge < 0:
		return invalid("max_age %s; want more than 0", s.MaxAge)
	case s.AttemptTimeout < 0:
		return invalid("timeout %s; want more than 0", s.AttemptTimeout)
	case s.Lane.Bound < 0 || len(s.Lane.Key) > MaxKeyLength || s.Lane.Bound == 0 && s.Lane.Key != "":
		return invalid("lane of %d bytes with bound %d; want at most %d bytes and a bound of at least 1",
			len(s.Lane.Key), s.Lane.Bound, MaxKeyLength)
	case len(s.Callback) > MaxCallbackLength:
		return invalid("callback URL of %d bytes; want at most %d", len(s.Callback), MaxCallbackLength)
	case s.IdempotencyKey != "" && s.Fingerprint == [32]byte{}:
		return invalid("an idempotency key needs the fingerprint of its request")
	}
	return s.Request.validate()
}

// validate refuses what could not be sent as one request line and host.
func (r *Request) validate() error {
	switch {
	case !isToken(r.Method):
		return invalid("method %q", r.Method)
	case r.Target == "" || r.Target[0] != '/' && r.Target != "*" || strings.ContainsFunc(r.Target, isControlOrSpace):
		return invalid("request target %q; want an absolute path without spaces", r.Target)
	case strings.ContainsFunc(r.Host, isControlOrSpace):
		return invalid("host %q", r.Host)
	}
	return nil
}

func isControlOrSpace(c rune) bool { return c <= ' ' || c == 0x7f }

// isToken is the token of RFC 9110 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return s != ""
}
