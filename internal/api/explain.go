package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// explainMessage answers why a message is where it is.
func (a *Admin) explainMessage(w http.ResponseWriter, r *http.Request, v vars) {
	e, err := a.o.Broker.Explain(r.Context(), v.id)
	if err != nil {
		a.o.Replies.ErrorAbout(w, r, reply.About{ID: v.id}, err)
		return
	}
	rec := e.Record
	x := a.explanation(e, rec.Queue, rec.Endpoint)
	x.CorrelationID, x.Status, x.State, x.Reason = rec.ID.String(), rec.Status(), rec.State.String(), string(rec.Reason)
	x.Position, x.Worker, x.Until = e.Position, rec.Worker, instant(until(e))
	if !rec.Lane.IsZero() {
		x.Key = rec.Lane.Key
	}
	if !e.BlockedBy.IsZero() {
		x.BlockedBy = e.BlockedBy.String()
	}
	if !rec.State.Terminal() {
		x.Attempt, x.MaxAttempts = rec.Attempts+1, e.MaxAttempts
	}
	x.Sentence = sentenceOf(e, x.Queue, x.Endpoint)
	a.o.Replies.JSON(w, r, http.StatusOK, reply.AboutRecord(rec), x)
}

// explainQueue answers why the work of a queue is not running, or that it is.
func (a *Admin) explainQueue(w http.ResponseWriter, r *http.Request, v vars) {
	_, err := a.known(r, v.name)
	var e *queue.Explanation
	if err == nil {
		e, err = a.o.Broker.ExplainQueue(r.Context(), v.name)
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	x := a.explanation(e, v.name, a.endpointOf(v.name))
	x.Until = instant(until(e))
	x.Sentence = queueSentence(e, x.Queue, x.Endpoint) + intakeSentence(e)
	a.json(w, r, x)
}

func (a *Admin) explanation(e *queue.Explanation, name, endpoint string) client.Explanation {
	return client.Explanation{
		Cause:    string(e.Cause),
		Queue:    name,
		Endpoint: endpoint,
		Depth:    e.Queue.Depth(),
		Running:  e.Queue.Leased + int64(e.Queue.Reserved),
		Rate:     e.Drain.Rate,
		Limits:   limitsOf(e.Queue.Gate),
		Holds:    holdsOf(e.Queue.Gate, e.Now),
	}
}

// until is when what the cause waits for is over; zero if nobody knows.
func until(e *queue.Explanation) time.Time {
	switch e.Cause {
	case queue.CauseClosed:
		return e.Held.Until
	case queue.CauseDelayed, queue.CauseBackoff:
		return e.Record.EligibleAt
	case queue.CauseRunning, queue.CauseAborting:
		if e.Record != nil {
			return e.Record.LeaseExpiresAt
		}
	}
	return time.Time{}
}

// sentenceOf says in one sentence why a message is where it is.
func sentenceOf(e *queue.Explanation, name, endpoint string) string {
	r := e.Record
	switch e.Cause {
	case queue.CauseDone:
		return fmt.Sprintf("completed at %s after %s", clock(r.CompletedAt, e.Now), attempts(r.Attempts)) + answeredWith(r)
	case queue.CauseDead:
		return fmt.Sprintf("failed at %s after %s: %s%s; `openhqm dead redrive %s` puts it back", clock(r.CompletedAt, e.Now),
			attempts(r.Attempts), r.Reason, because(r), r.ID)
	case queue.CauseCancelled:
		return "cancelled at " + clock(r.CompletedAt, e.Now) + mayHaveRun(r)
	case queue.CauseExpired:
		return fmt.Sprintf("timed out at %s: its deadline passed after %s", clock(r.CompletedAt, e.Now), attempts(r.Attempts)) + mayHaveRun(r)
	case queue.CauseRunning:
		return fmt.Sprintf("attempt %d of %d is running with worker %s since %s", r.Attempts+1, e.MaxAttempts, named(r.Worker), clock(r.UpdatedAt, e.Now))
	case queue.CauseAborting:
		return fmt.Sprintf("its cancellation was requested, and worker %s is aborting the call", named(r.Worker))
	case queue.CauseDelayed:
		return "delayed by its client: starts " + in(r.EligibleAt, e.Now) + butClosed(e, name, endpoint)
	case queue.CauseBackoff:
		return fmt.Sprintf("next attempt %d of %d %s%s", r.Attempts+1, e.MaxAttempts, in(r.EligibleAt, e.Now), because(r)) + butClosed(e, name, endpoint)
	case queue.CauseLaneBlocked:
		return fmt.Sprintf("waiting behind its ordering key %s, which dead letter %s blocks until it is redriven or removed", named(r.Lane.Key), e.BlockedBy)
	case queue.CauseLane:
		if !r.Subject.IsZero() {
			return fmt.Sprintf("waiting behind other callbacks to %s: at most %d at once", named(r.Lane.Key), r.Lane.Bound) + butClosed(e, name, endpoint)
		}
		if r.Lane.Fair {
			pace := ""
			if r.Lane.Paced() {
				pace = fmt.Sprintf(", and %g start a second", r.Lane.Rate)
			}
			return fmt.Sprintf("waiting for the turn of its key %s, of which %d may be ready or running at once", named(r.Lane.Key), r.Lane.Bound) + pace +
				butClosed(e, name, endpoint)
		}
		return fmt.Sprintf("waiting behind its ordering key %s: at most %d with it at once", named(r.Lane.Key), r.Lane.Bound) + butClosed(e, name, endpoint)
	}
	return place(e, name) + gateSentence(e, name, endpoint)
}

// queueSentence says in one sentence why the work of a queue is where it is.
func queueSentence(e *queue.Explanation, name, endpoint string) string {
	depth, running := e.Queue.Depth(), e.Queue.Leased+int64(e.Queue.Reserved)
	switch e.Cause {
	case queue.CauseIdle:
		return fmt.Sprintf("nothing waits in %s; %d scheduled for later", named(name), e.Queue.Scheduled)
	case queue.CauseRunning:
		return fmt.Sprintf("nothing waits in %s; %d running", named(name), running)
	case queue.CauseLane:
		behind := "others of their keys"
		if name == queue.CallbackQueue {
			behind = "others to their receivers"
		}
		return fmt.Sprintf("%d wait in %s behind %s; %d running", depth, named(name), behind, running)
	}
	pace, last := "", e.Drain.Wait.Round(time.Second)
	switch {
	case e.Cause == queue.CauseClosed || e.Drain.Pace == 0: // nobody knows
	case e.Drain.Rate == 0:
		pace = fmt.Sprintf(", so the last starts in about %s", last)
	default:
		pace = fmt.Sprintf("; %.1f finish a second, so the last starts in about %s", e.Drain.Rate, last)
	}
	return fmt.Sprintf("%d wait in %s, %d running; ", depth, named(name), running) + gateSentence(e, name, endpoint) + pace
}

func place(e *queue.Explanation, name string) string {
	if e.Position <= 0 {
		return "waiting in " + named(name) + "; "
	}
	return fmt.Sprintf("position %d of %s; ", e.Position, named(name))
}

// gateSentence says what ready work waits for.
func gateSentence(e *queue.Explanation, name, endpoint string) string {
	switch gate := &e.Queue.Gate; e.Cause {
	case queue.CauseClosed:
		return holdSentence(e, name, endpoint)
	case queue.CauseConcurrency:
		switch most := gate.MaxLeased(); most {
		case gate.Limits.MaxLeased:
			return fmt.Sprintf("limit of %d at once reached", most)
		case gate.Recovery.MaxLeased:
			return fmt.Sprintf("the endpoint recovers from an outage, and the %d at once that it is given run", most)
		default:
			return fmt.Sprintf("adaptive limit of %d at once reached", most)
		}
	case queue.CauseRate:
		return fmt.Sprintf("at most %g start a second", gate.Limits.Rate)
	default:
		return "the next free worker takes the first of the queue"
	}
}

// holdSentence says what keeps a queue closed.
func holdSentence(e *queue.Explanation, name, endpoint string) string {
	target := "endpoint " + named(endpoint)
	if endpoint == "" {
		target = "queue " + named(name)
	}
	end := ""
	if !e.Held.Until.IsZero() {
		end = " until " + clock(e.Held.Until, e.Now)
	}
	text := map[queue.HoldReason]string{
		queue.HoldPaused:          "queue " + named(name) + " paused" + end + " by an operator",
		queue.HoldOperator:        target + " held" + end + " by an operator",
		queue.HoldCooldown:        target + " closed" + end + " by its Retry-After",
		queue.HoldBreaker:         target + " closed" + end + " by its circuit breaker: too many calls failed",
		queue.HoldEndpointMissing: target + " is missing in the configuration",
		queue.HoldAuth:            target + " held" + end + ": it refused the configured credentials",
		queue.HoldMaintenance:     target + " closed" + end + " by its maintenance window",
		queue.HoldDisk:            target + " waits for room for its answers on the disk of the store",
	}[e.Hold]
	if e.Held.Note != "" {
		text += " (" + e.Held.Note + ")"
	}
	return text
}

func butClosed(e *queue.Explanation, name, endpoint string) string {
	if e.Hold == "" {
		return ""
	}
	return "; " + holdSentence(e, name, endpoint)
}

func answeredWith(r *queue.Record) string {
	if r.Result == nil {
		return ""
	}
	return fmt.Sprintf(" with status %d", r.Result.Status)
}

// because is what the last attempt ran into.
func because(r *queue.Record) string {
	text := failure(r)
	if a := r.LastAttempt(); r.State == queue.Scheduled && a != nil && text == "" && a.Status != 0 {
		text = fmt.Sprintf("the last was answered %d", a.Status)
	}
	if text == "" || text == string(r.Reason) {
		return ""
	}
	return " (" + text + ")"
}

func mayHaveRun(r *queue.Record) string {
	if r.MayHaveRun {
		return "; the endpoint may have been reached"
	}
	return ""
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// in says when something comes.
func in(at, now time.Time) string {
	if !at.After(now) {
		return "now"
	}
	return fmt.Sprintf("in %s", max(at.Sub(now).Round(time.Second), time.Second))
}

// clock writes a time of day in UTC, with the date when that is another day's.
func clock(at, now time.Time) string {
	at = at.UTC()
	if at.Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return at.Format(time.TimeOnly) + " UTC"
	}
	return at.Format(time.DateTime) + " UTC"
}

func named(name string) string { return "`" + name + "`" }
