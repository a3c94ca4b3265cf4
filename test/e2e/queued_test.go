package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// ticket is the body of a 202.
type ticket struct {
	ID          string            `json:"correlation_id"`
	Status      string            `json:"status"`
	SubmittedAt time.Time         `json:"submitted_at"`
	ExpiresAt   time.Time         `json:"expires_at"`
	Links       map[string]string `json:"links"`
}

// status is the part of a status answer that tests look at.
type status struct {
	ID         string `json:"correlation_id"`
	Status     string `json:"status"`
	Reason     string `json:"reason"`
	Attempts   int    `json:"attempts"`
	Deliveries int    `json:"deliveries"`
}

// terminal reports whether nothing more will happen to a message in that state.
func (s status) terminal() bool {
	switch s.Status {
	case "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT":
		return true
	}
	return false
}

// enqueue sends a request as one to be answered later and returns its
// correlation ID.
func (s *server) enqueue(t testing.TB, r request) string {
	t.Helper()
	a := send(t, s.address, r.with("Prefer: respond-async"))
	if a.status != http.StatusAccepted {
		t.Fatalf("%s %s: status %d, want 202: %s", r.method, tail(r.target, 200), a.status, a.text())
	}
	id := a.header.Get("OpenHQM-Correlation-Id")
	if id == "" {
		t.Fatalf("%s %s: a 202 without OpenHQM-Correlation-Id: %v", r.method, tail(r.target, 200), a.header)
	}
	if r.method == "HEAD" {
		return id
	}
	var got ticket
	decode(t, a, &got)
	if got.ID != id {
		t.Fatalf("the body of the 202 says %q, its field %q", got.ID, id)
	}
	return id
}

// status asks for the state of a message.
func (s *server) status(t testing.TB, id string) status {
	t.Helper()
	return s.statusOf(t, "/api/v1/status/"+id)
}

// settled waits until a message is in a terminal state.
func (s *server) settled(t testing.TB, id string) status {
	t.Helper()
	deadline := time.Now().Add(exchangeTimeout)
	for {
		got := s.statusOf(t, "/api/v1/status/"+id+"?wait=20s")
		if got.terminal() {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("message %s is %s after %v", id, got.Status, exchangeTimeout)
		}
	}
}

func (s *server) statusOf(t testing.TB, target string) status {
	t.Helper()
	a := send(t, s.address, get(target))
	if a.status != http.StatusOK {
		t.Fatalf("%s: status %d: %s", target, a.status, a.text())
	}
	var got status
	decode(t, a, &got)
	return got
}

// replay reads the stored answer of a settled message.
func (s *server) replay(t testing.TB, id string, fields ...string) answer {
	t.Helper()
	return send(t, s.address, get("/api/v1/response/"+id+"/raw", fields...))
}

// through sends a request by way of the queue and returns the replayed answer.
func (s *server) through(t testing.TB, r request) (answer, status) {
	t.Helper()
	id := s.enqueue(t, r)
	final := s.settled(t, id)
	return s.replay(t, id), final
}

// decode reads the JSON of an answer.
func decode(t testing.TB, a answer, into any) {
	t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("status %d with a body that is not the JSON expected: %v\n%s", a.status, err, a.text())
	}
}

// A problem is an error that OpenHQM itself answers (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// wantProblem checks that an answer is a problem document of that status that
// mentions the words.
func wantProblem(t testing.TB, a answer, status int, words ...string) problem {
	t.Helper()
	var got problem
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.text())
		return got
	}
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", kind)
	}
	decode(t, a, &got)
	if got.Status != status || got.Title == "" || got.Type == "" || got.Detail == "" {
		t.Errorf("incomplete problem document: %s", a.text())
	}
	if a.header.Get("OpenHQM-Source") != "openhqm" || a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("an own answer without OpenHQM-Source and Referrer-Policy: %v", a.header)
	}
	mentions(t, string(a.body), words...)
	return got
}
