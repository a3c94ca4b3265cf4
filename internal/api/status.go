package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/fault"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// status answers what has become of a message.
func (p *Producer) status(w http.ResponseWriter, r *http.Request, v vars) {
	rec, applied, err := p.awaited(r, v.id)
	if err != nil {
		p.fail(w, r, v.id, err)
		return
	}
	if applied != nil {
		w.Header()["Preference-Applied"] = applied
	}
	p.o.Replies.JSON(w, r, http.StatusOK, reply.AboutRecord(rec), p.statusOf(r, rec))
}

// cancel withdraws a message: 200 if that was all, 202 while a running call is being aborted, 409 if it has finished.
func (p *Producer) cancel(w http.ResponseWriter, r *http.Request, v vars) {
	if _, err := p.record(r, v.id); err != nil {
		p.fail(w, r, v.id, err)
		return
	}
	rec, err := p.o.Broker.Cancel(r.Context(), v.id, queue.CancelOptions{})
	switch {
	case err != nil && rec != nil:
		problem := reply.ProblemOf(err)
		problem.About = reply.AboutRecord(rec)
		problem.Detail = "the message has already finished: it is " + rec.Status()
		problem.Members = map[string]any{"message_status": rec.Status(), "state": rec.State.String()}
		p.o.Replies.Problem(w, r, problem)
	case err != nil:
		p.fail(w, r, v.id, err)
	default:
		code := http.StatusOK
		if !rec.State.Terminal() && !fault.Planted(fault.CancelReportedDone) {
			code = http.StatusAccepted
			p.lookAgain(w.Header(), r, rec)
		}
		p.o.Replies.JSON(w, r, code, reply.AboutRecord(rec), p.statusOf(r, rec))
	}
}

// statusOf returns a record as clients see it.
func (p *Producer) statusOf(r *http.Request, rec *queue.Record) *client.Status {
	s := &client.Status{
		CorrelationID: rec.ID.String(),
		Status:        rec.Status(),
		State:         rec.State.String(),
		Reason:        string(rec.Reason),
		Error:         failure(rec),
		Queue:         rec.Queue,
		Endpoint:      rec.Endpoint,
		SubmittedAt:   moment(rec.AcceptedAt),
		UpdatedAt:     moment(rec.UpdatedAt),
		CompletedAt:   instant(rec.CompletedAt),
		ExpiresAt:     instant(rec.DeadlineAt),
		RemovedAt:     instant(rec.RemoveAt),
		NextAttempt:   instant(rec.EligibleAt),
		Attempts:      rec.Attempts,
		Deliveries:    rec.Deliveries,
		Generation:    rec.Generation,
		Priority:      int(rec.Priority),
		OrderingKey:   rec.Lane.Key,
		Cancelling:    rec.CancelRequested,
		MayHaveRun:    rec.MayHaveRun,
		Revision:      uint64(rec.Revision),
		Callback:      callbackOf(r.Context(), p.o.Broker, rec),
		Links:         client.Links(p.o.Replies.Links(r, rec.ID)),
	}
	if rec.Result != nil {
		s.StatusCode = rec.Result.Status
	}
	if !rec.State.Terminal() {
		p.outlook(r.Context(), rec, s)
	}
	return s
}

// outlook adds what is to be expected of an unfinished message.
func (p *Producer) outlook(ctx context.Context, rec *queue.Record, s *client.Status) {
	drain := p.o.Broker.Drain(rec.Queue)
	s.ClosedBy = string(drain.Hold)
	if !rec.State.Waiting() {
		return
	}
	position, err := p.o.Broker.Position(ctx, rec.ID)
	if err != nil || position <= 0 {
		return // it has just been leased, or removed: the snapshot is still true of its moment
	}
	s.Position = position
	if start, known := startsIn(drain, position); known {
		s.StartsAt = instant(time.Now().Add(start))
	}
}

// startsIn estimates when a position will be reached; it is not known without a pace, nor while a hold without an
// end keeps the queue closed.
func startsIn(d queue.Drain, position int64) (time.Duration, bool) {
	if d.Pace <= 0 || d.Endless {
		return 0, false
	}
	before := float64(position-1) / d.Pace
	return d.Closed + time.Duration(min(before, ingress.MaxSeconds)*float64(time.Second)), true
}

// failure is what the last attempt without an answer ran into, or why there is no result, for people.
func failure(rec *queue.Record) string {
	last := ""
	if a := rec.LastAttempt(); a != nil {
		last = a.Error
	}
	switch rec.State {
	case queue.Done:
		return ""
	case queue.Cancelled:
		return "cancelled"
	case queue.Expired:
		return firstOf(last, "its deadline passed")
	case queue.Dead:
		return firstOf(last, refusal(rec), string(rec.Reason))
	}
	return last
}

// refusal is why the endpoint's answer is not a result; "" if there is none.
func refusal(rec *queue.Record) string {
	if rec.Result == nil {
		return ""
	}
	text := fmt.Sprintf("the endpoint answered %d", rec.Result.Status)
	switch rec.Reason {
	case queue.ReasonAttemptsExhausted:
		text += ", and no attempt is left"
	case queue.ReasonUnknownOutcome:
		text += ", which leaves open whether the request was executed"
	}
	return text
}

// moment returns a time for the wire: UTC, to the millisecond, as the 202 writes it (reply.TimeFormat).
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// instant is moment of a time that may be missing; nil for the zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = moment(t)
	return &t
}
