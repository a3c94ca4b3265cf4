package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/openhqm/openhqm/queue"
)

// Get implements queue.RecordStore.
func (s *Store) Get(ctx context.Context, id queue.ID) (*queue.Record, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	return s.get(ctx, id)
}

func (s *Store) get(ctx context.Context, id queue.ID) (*queue.Record, error) {
	answer, err := s.do(ctx, "get", false, idText(id))
	if err != nil {
		return nil, err
	}
	r, err := s.recordOf(answer)
	if r == nil && err == nil {
		err = queue.ErrNotFound
	}
	return r, err
}

// Wait implements queue.RecordStore.
func (s *Store) Wait(ctx context.Context, id queue.ID, after queue.Revision) (*queue.Record, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	woken, done := s.events.wait("r" + idText(id))
	defer done()
	revision := "-1"
	if after != queue.UntilTerminal {
		revision = text(float64(after))
	}
	for {
		answer, err := s.do(ctx, "watch", false, idText(id), revision)
		if err != nil {
			return nil, err
		}
		parts, err := answer.ToArray()
		if err != nil {
			return nil, err
		}
		if len(parts) == 0 {
			return nil, queue.ErrNotFound
		}
		if len(parts) > 1 {
			return s.recordOf(answer)
		}
		if err := s.awaitTurn(ctx, woken, lookAgain); errors.Is(err, queue.ErrClosed) {
			return nil, err
		} else if err != nil {
			r, failed := s.get(ctx, id)
			if failed != nil {
				return nil, failed
			}
			return r, err
		}
	}
}

// Position implements queue.RecordStore.
func (s *Store) Position(ctx context.Context, id queue.ID) (int64, error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.end()
	answer, err := s.do(ctx, "position", false, idText(id))
	if err != nil {
		return 0, err
	}
	n, err := answer.AsInt64()
	if n < 0 {
		return 0, queue.ErrNotFound
	}
	return n, err
}

// Cancel implements queue.RecordStore.
func (s *Store) Cancel(ctx context.Context, id queue.ID, options queue.CancelOptions) (*queue.Record, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	never := "0"
	if options.NeverLeased {
		never = "1"
	}
	var r *queue.Record
	try := func(ticket []string) (word, error) {
		answer, err := s.do(ctx, "cancel", true, append([]string{idText(id), never}, ticket...)...)
		if err != nil {
			return word{}, err
		}
		w, rest, err := wordOf(answer)
		if err == nil && len(rest) > 0 {
			r, err = s.recordOf(rest[0])
		}
		return w, err
	}
	w, err := try(noTicket)
	if err == nil && w.word == "ticket" {
		var answer error
		answer, err = s.announced(ctx, id, w.now, func(r *queue.Record, now time.Time) error { return r.Cancel(options, now) },
			func(ticket []string) (next word, err error) {
				w, err = try(ticket)
				return w, err
			})
		if answer != nil { // it has changed meanwhile
			w, err = try(noTicket)
		}
	}
	if err != nil {
		return nil, err
	}
	switch w.word {
	case "none":
		return nil, queue.ErrNotFound
	case "terminal":
		return r, queue.ErrTerminal
	case "running":
		return r, queue.ErrRunning
	}
	return r, nil
}

// wordOf reads an answer of a word, a time, and more.
func wordOf(answer rueidis.RedisMessage) (word, []rueidis.RedisMessage, error) {
	parts, err := answer.ToArray()
	if err != nil || len(parts) < 2 {
		return word{}, nil, errors.Join(err, queue.ErrCorrupt)
	}
	text, err := parts[0].ToString()
	if err != nil {
		return word{}, nil, err
	}
	us, err := parts[1].AsInt64()
	return word{text, time.UnixMicro(us).UTC()}, parts[2:], err
}

// Redrive implements queue.RecordStore.
func (s *Store) Redrive(ctx context.Context, id queue.ID, redrive queue.Redrive) (*queue.Record, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	was, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	request, body := was.Edited, ""
	if redrive.Request != nil {
		if request = redrive.Request; request.Body.Ref() != was.Request.Body.Ref() {
			body = request.Body.Ref()
		}
	}
	var stored []byte
	if request != nil {
		stored = edited(request)
	}
	answer, err := s.do(ctx, "redrive", true, idText(id), text(microseconds(redrive.Deadline)), raw(stored), text(float64(len(stored))), body)
	if err != nil {
		return nil, err
	}
	parts, err := answer.ToArray()
	if err != nil || len(parts) == 0 {
		return nil, fmt.Errorf("redrive: %w", errors.Join(err, queue.ErrCorrupt))
	}
	switch word, err := parts[0].ToString(); {
	case err != nil:
		return nil, err
	case word == "none":
		return nil, queue.ErrNotFound
	case word == "alive":
		return nil, queue.ErrNotDead
	}
	s.held.body(body, false)
	return s.recordOf(parts[1])
}

// defaultLimit is the Limit of a filter that names none.
const defaultLimit = 100

// page is how many records are read at once.
const page = 200

// scan calls take with the records that match, until it has taken as many as the filter says, and returns where to go on.
func (s *Store) scan(ctx context.Context, filter queue.Filter, take func(*queue.Record) bool) (next string, err error) {
	from := "-"
	if filter.Cursor != "" {
		after, err := queue.ParseID(filter.Cursor)
		if err != nil {
			return "", fmt.Errorf("%w: cursor: %w", queue.ErrInvalid, err)
		}
		from = "(" + idText(after)
	}
	limit, examined := filter.Limit, 0
	if limit <= 0 {
		limit = defaultLimit
	}
	for {
		ids, err := s.client.Do(context.WithoutCancel(ctx), s.client.B().Zrange().Key(s.prefix+"ids").Min(from).Max("+").Bylex().Limit(0, page+1).Build()).AsStrSlice()
		if err != nil {
			return "", s.failed(err, false)
		}
		more := len(ids) > page
		for i, id := range ids[:min(len(ids), page)] {
			last := !more && i == len(ids)-1
			r, err := s.get(ctx, idOf(id))
			if err != nil && !errors.Is(err, queue.ErrNotFound) {
				return "", err
			}
			if err == nil && filter.Matches(r) && take(r) {
				limit--
			}
			if examined++; (limit == 0 || examined == queue.ScanLimit) && !last {
				return idOf(id).String(), nil
			}
		}
		if !more {
			return "", nil
		}
		from = "(" + ids[page-1]
	}
}

// List implements queue.RecordStore.
func (s *Store) List(ctx context.Context, filter queue.Filter) (queue.Page, error) {
	if err := s.begin(); err != nil {
		return queue.Page{}, err
	}
	defer s.end()
	var found queue.Page
	var err error
	found.Next, err = s.scan(ctx, filter, func(r *queue.Record) bool {
		found.Records = append(found.Records, r)
		return true
	})
	return found, err
}

// Purge implements queue.RecordStore.
func (s *Store) Purge(ctx context.Context, filter queue.Filter) (queue.Purged, error) {
	if err := s.begin(); err != nil {
		return queue.Purged{}, err
	}
	defer s.end()
	var matched []string
	next, err := s.scan(ctx, filter, func(r *queue.Record) bool {
		if r.State == queue.Leased {
			return false
		}
		matched = append(matched, idText(r.ID))
		return true
	})
	purged := queue.Purged{Next: next}
	for len(matched) > 0 && err == nil {
		some := matched[:min(len(matched), page)]
		matched = matched[len(some):]
		answer, failed := s.do(ctx, "remove", true, some...)
		if failed != nil {
			return purged, failed
		}
		n, failed := answer.AsInt64()
		purged.Removed, err = purged.Removed+int(n), failed
	}
	return purged, err
}

// Import implements queue.RecordStore.
func (s *Store) Import(ctx context.Context, records []*queue.Record) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	for _, given := range records {
		if err := given.Validate(); err != nil {
			return err
		}
		_, _, now, err := s.gate(ctx, given.Queue) // the clock
		if err != nil {
			return err
		}
		r, ticket := given.Clone(), noTicket
		switch r.State {
		case queue.Leased:
			if r.Lost(now); r.State.Terminal() {
				ticket = ticketArgs(queue.NewTicket(r, now), r.Revision, now)
			}
		case queue.Parked:
			r.Unpark(now, 0)
		}
		encoded := queue.AppendMessage(nil, r.Message)
		var result, other []byte
		bodies := [3]string{r.Message.Request.Body.Ref(), "", ""}
		if r.Result != nil {
			result, bodies[2] = queue.AppendResult(nil, r.Result), r.Result.Body.Ref()
		}
		if r.Edited != nil {
			if other = edited(r.Edited); r.Edited.Body.Ref() != bodies[0] {
				bodies[1] = r.Edited.Body.Ref()
			}
		}
		scope, fingerprint, left := idempotency(r.Message)
		if left > 0 {
			if left = microseconds(r.AcceptedAt.Add(r.Idempotency.Keep).Sub(now)); left <= 0 {
				left = -1
			}
		}
		args := []string{idText(r.ID), raw(encoded), raw(static(r.Message, len(encoded))), raw(progress(r)), raw(history(r.History)),
			raw(result), raw(other), bodies[0], bodies[1], bodies[2], scope, fingerprint, text(left)}
		if _, err := s.do(ctx, "import", true, append(args, ticket[:3]...)...); err != nil {
			return err
		}
		for _, ref := range bodies {
			s.held.body(ref, false)
		}
	}
	return nil
}
