package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// milliseconds is a duration on the wire.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// viewMessage returns a record as operators see it.
func viewMessage(rec *queue.Record, secret []string) client.Message {
	m := client.Message{
		CorrelationID:  rec.ID.String(),
		Queue:          rec.Queue,
		Subject:        subject(rec),
		Endpoint:       rec.Endpoint,
		Route:          rec.Route,
		Caller:         rec.Caller,
		Status:         rec.Status(),
		State:          rec.State.String(),
		Reason:         string(rec.Reason),
		Revision:       uint64(rec.Revision),
		Generation:     rec.Generation,
		Deliveries:     rec.Deliveries,
		Attempts:       rec.Attempts,
		Crashes:        rec.Crashes,
		Priority:       int(rec.Priority),
		Timeout:        rec.AttemptTimeout.Seconds(),
		Repeatable:     rec.OnLost == queue.OnLostRedeliver,
		AcceptedAt:     moment(rec.AcceptedAt),
		NotBefore:      instant(rec.NotBefore),
		UpdatedAt:      moment(rec.UpdatedAt),
		NextAttempt:    instant(rec.EligibleAt),
		ExpiresAt:      instant(rec.DeadlineAt),
		CompletedAt:    instant(rec.CompletedAt),
		RemovedAt:      instant(rec.RemoveAt),
		Worker:         rec.Worker,
		LeaseExpiresAt: instant(rec.LeaseExpiresAt),
		Cancelling:     rec.CancelRequested,
		MayHaveRun:     rec.MayHaveRun,
		Metadata:       maskedMetadata(rec.Metadata),
		Request:        viewRequest(&rec.Request, secret),
		History:        make([]client.Attempt, len(rec.History)),
		HistoryDropped: rec.HistoryDropped,
	}
	if !rec.Lane.IsZero() {
		m.Lane = &client.Lane{Key: rec.Lane.Key, Bound: rec.Lane.Bound, OnDead: onDeadName(rec.Lane.OnDead),
			Fair: rec.Lane.Fair, Rate: rec.Lane.Rate, Burst: rec.Lane.Burst}
	}
	if rec.Edited != nil {
		edited := viewRequest(rec.Edited, secret)
		m.Edited = &edited
	}
	if rec.Result != nil {
		m.Result = viewResult(rec.Result, secret)
	}
	for i := range rec.History {
		m.History[i] = viewAttempt(&rec.History[i])
	}
	return m
}

// subject is the request that a callback announces; "" of what is none.
func subject(rec *queue.Record) string {
	if rec.Subject.IsZero() {
		return ""
	}
	return rec.Subject.String()
}

func onDeadName(o queue.OnDead) string {
	if o == queue.OnDeadBlock {
		return "block"
	}
	return "skip"
}

func viewRequest(q *queue.Request, secret []string) client.Request {
	return client.Request{
		Method:   q.Method,
		Target:   telemetry.MaskQuery(q.Target),
		Scheme:   q.Scheme,
		Host:     q.Host,
		Proto:    q.Proto,
		Remote:   q.Remote,
		Headers:  masked(q.Header, secret),
		Trailers: masked(q.Trailer, secret),
		BodySize: q.Body.Size(),
	}
}

// maskedMetadata returns a submit's metadata with its path and its callback_url shown as the target is.
func maskedMetadata(metadata json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(metadata, &members) != nil {
		return metadata
	}
	changed := false
	for _, name := range []string{"path", "callback_url"} {
		var target string
		if json.Unmarshal(members[name], &target) != nil {
			continue
		}
		if shown := telemetry.MaskQuery(target); shown != target {
			members[name], _ = json.Marshal(shown) // a string can always be encoded
			changed = true
		}
	}
	if !changed {
		return metadata
	}
	encoded, _ := json.Marshal(members) // so can what was just decoded
	return encoded
}

func viewResult(a *queue.Result, secret []string) *client.Result {
	return &client.Result{
		StatusCode: a.Status,
		Proto:      a.Proto,
		Headers:    masked(a.Header, secret),
		Trailers:   masked(a.Trailer, secret),
		BodySize:   a.Body.Size(),
		Truncated:  a.Truncated,
		ReceivedAt: moment(a.ReceivedAt),
		DurationMS: milliseconds(a.Duration),
	}
}

func viewAttempt(t *queue.Attempt) client.Attempt {
	return client.Attempt{
		Generation: t.Generation,
		Delivery:   t.Delivery,
		StartedAt:  moment(t.StartedAt),
		DurationMS: milliseconds(t.Duration),
		Class:      t.Class.String(),
		StatusCode: t.Status,
		Counted:    t.Counted,
		Error:      t.Error,
	}
}

// mask stands for a value that is not shown.
const mask = "***"

// masked returns fields with every value of a secret one replaced, by the rule that all of OpenHQM follows and by the
// names that the endpoint's configuration adds; their number stays.
func masked(h http.Header, secret []string) client.Fields {
	if h == nil {
		return nil
	}
	shown := make(client.Fields, len(h))
	for name, values := range h {
		same := func(s string) bool { return strings.EqualFold(s, name) }
		if telemetry.SecretName(name) || slices.ContainsFunc(secret, same) {
			values = slices.Repeat([]string{mask}, len(values))
		}
		shown[name] = values
	}
	return shown
}
