package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/queue"
)

type scope = [32]byte

// reservation is an idempotency key that stands for a message until it expires.
type reservation struct {
	id          queue.ID
	fingerprint [32]byte
	expiresAt   time.Time

	was time.Time // expiry of the reservation that it replaced in the database; zero if there was none
}

const reservationLen = idLen + 32 + 8

func scopeKey(sc scope) []byte { return append([]byte{keyScope}, sc[:]...) }

func scopeEndKey(at time.Time, sc scope) []byte {
	return append(appendTime([]byte{keyScopeEnd}, at), sc[:]...)
}

func (r reservation) append(b []byte) []byte {
	return appendTime(append(append(b, r.id[:]...), r.fingerprint[:]...), r.expiresAt)
}

func decodeReservation(b []byte) (r reservation, err error) {
	if len(b) != reservationLen {
		return r, fmt.Errorf("decode idempotency key: %w", queue.ErrCorrupt)
	}
	copy(r.id[:], b)
	copy(r.fingerprint[:], b[idLen:])
	r.expiresAt = readTime(b[idLen+32:])
	return r, nil
}

// reservation returns what the key stands for, unless that has expired.
func (u *unit) reservation(sc scope) (reservation, bool) {
	r, ok := u.scopes[sc]
	if !ok {
		r, ok = u.storedReservation(sc)
	}
	return r, ok && r.expiresAt.After(u.now)
}

func (u *unit) storedReservation(sc scope) (r reservation, ok bool) {
	value, closer, err := u.s.db.Get(scopeKey(sc))
	if errors.Is(err, pebble.ErrNotFound) {
		return r, false
	}
	if err == nil {
		r, err = decodeReservation(value)
		closer.Close() // never fails
	}
	if err != nil {
		u.fail(fmt.Errorf("read idempotency key: %w", u.s.corrupt(err)))
		return r, false
	}
	return r, true
}

// reserveScope lets the message's key stand for it, in the message's own write.
func (u *unit) reserveScope(m *queue.Message, from time.Time) {
	k := m.Idempotency
	next := reservation{id: m.ID, fingerprint: k.Fingerprint, expiresAt: from.Add(k.Keep)}
	if k.Keep == 0 {
		next.expiresAt = never
	}
	if old, ok := u.scopes[k.Scope]; ok {
		next.was = old.was
	} else if old, ok := u.storedReservation(k.Scope); ok {
		next.was = old.expiresAt
	}
	u.scopes[k.Scope] = next
	fault.Point(fault.EnqueueKeyed)
}

func (u *unit) writeScopes() {
	for sc, r := range u.scopes {
		if r.expiresAt.Equal(r.was) {
			u.set(scopeKey(sc), r.append(nil))
			continue
		}
		if !r.was.IsZero() {
			u.check(u.batch.SingleDelete(scopeEndKey(r.was, sc), nil))
		}
		u.set(scopeKey(sc), r.append(nil))
		u.set(scopeEndKey(r.expiresAt, sc), nil)
		u.s.timer.scope(r.expiresAt)
	}
}

// dropScopes removes up to limit expired reservations. It returns when to look again.
func (u *unit) dropScopes(limit int) {
	s := u.s
	if u.now.Before(s.timer.nextScope) {
		return
	}
	lower := appendTime([]byte{keyScopeEnd}, s.timer.scopeFrom)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: []byte{keyScopeEnd + 1}})
	if err != nil {
		u.fail(fmt.Errorf("read idempotency keys: %w", s.corrupt(err)))
		return
	}
	s.timer.nextScope, s.timer.scopeFrom = time.Time{}, u.now
	for ok := it.First(); ok; ok = it.Next() {
		key := bytes.Clone(it.Key())
		if len(key) != 1+8+len(scope{}) {
			err = fmt.Errorf("idempotency key %x: %w", key, queue.ErrCorrupt)
			break
		}
		at := readTime(key[1:9])
		if at.After(u.now) || limit == 0 {
			s.timer.nextScope, s.timer.scopeFrom = at, at
			break
		}
		limit--
		sc := scope(key[9:])
		if _, renewed := u.scopes[sc]; renewed {
			continue
		}
		u.check(u.batch.SingleDelete(key, nil))
		u.check(u.batch.Delete(scopeKey(sc), nil))
	}
	if s.timer.nextScope.IsZero() {
		s.timer.nextScope = never
	}
	if closeErr := it.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		u.fail(fmt.Errorf("read idempotency keys: %w", s.corrupt(err)))
	}
}
