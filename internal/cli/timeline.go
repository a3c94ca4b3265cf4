package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/openhqm/openhqm/client"
)

// happening is one line of a request's life.
type happening struct {
	At   *time.Time `json:"at"` // nil: its time is not kept
	What string     `json:"what"`
}

// timeline tells a request's life in order, from its record.
func timeline(m *client.Message) []happening {
	target := "queue " + m.Queue
	if m.Endpoint != "" {
		target += ", endpoint " + m.Endpoint
	}
	lines := []happening{{&m.AcceptedAt, fmt.Sprintf("accepted: %s %s for %s", m.Request.Method, m.Request.Target, target)}}
	if m.Subject != "" {
		lines[0].What = fmt.Sprintf("callback for request %s: to %s, %s", m.Subject, m.Request.Target, target)
	}
	add := func(at *time.Time, format string, args ...any) {
		lines = append(lines, happening{at, fmt.Sprintf(format, args...)})
	}
	if m.NotBefore != nil {
		add(m.NotBefore, "not before this time, by its client")
	}
	if m.HistoryDropped > 0 {
		add(nil, "%d deliveries of which the details are no longer kept", m.HistoryDropped)
	}
	generation := 0
	if m.HistoryDropped > 0 && len(m.History) > 0 {
		generation = m.History[0].Generation
	}
	redriven := func(to int) {
		for ; generation < to; generation++ {
			add(nil, "redriven as generation %d", generation+1)
		}
	}
	for i := range m.History {
		redriven(m.History[i].Generation)
		add(&m.History[i].StartedAt, "%s", attempted(&m.History[i]))
	}
	redriven(m.Generation)
	switch {
	case m.CompletedAt != nil:
		end := m.Status
		if m.Reason != "" {
			end += ", " + m.Reason
		}
		add(m.CompletedAt, "%s", end)
	case m.Worker != "":
		add(&m.UpdatedAt, "%s: delivery %d is with worker %s", m.Status, m.Deliveries, m.Worker)
	default:
		add(&m.UpdatedAt, "%s (%s)", m.Status, m.State)
	}
	for _, ahead := range []struct {
		at   *time.Time
		what string
	}{{m.NextAttempt, "next attempt"}, {m.LeaseExpiresAt, "its lease ends, unless it is renewed"}, {expiry(m), "TIMEOUT, if it has not run by then"}, {m.RemovedAt, "removed"}} {
		if ahead.at != nil {
			add(ahead.at, "%s", ahead.what)
		}
	}
	return lines
}

// expiry is the deadline, while it still matters.
func expiry(m *client.Message) *time.Time {
	if m.CompletedAt != nil {
		return nil
	}
	return m.ExpiresAt
}

func attempted(a *client.Attempt) string {
	text := fmt.Sprintf("delivery %d: %s", a.Delivery, a.Class)
	if a.StatusCode != 0 {
		text += fmt.Sprintf(" %d", a.StatusCode)
	}
	text += fmt.Sprintf(" after %.1f ms", a.DurationMS)
	if !a.Counted {
		text += ", costs no attempt"
	}
	if a.Error != "" {
		text += " (" + a.Error + ")"
	}
	return text
}

func printTimeline(w io.Writer, m *client.Message) error {
	rows := [][]any{{"TIME", "WHAT"}}
	for _, h := range timeline(m) {
		at := "-"
		if h.At != nil {
			at = h.At.Local().Format("2006-01-02 15:04:05.000")
		}
		rows = append(rows, []any{at, h.What})
	}
	return printTable(w, rows)
}
