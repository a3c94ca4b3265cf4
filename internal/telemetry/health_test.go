package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func probe(h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	return w
}

func TestReadinessFollowsTheChecks(t *testing.T) {
	var broken error
	h := NewHealth("v1", Check{ComponentQueue, func(context.Context) error { return broken }})
	expect := func(status int, words string) {
		t.Helper()
		if w := probe(h.Ready()); w.Code != status || !strings.Contains(w.Body.String(), words) {
			t.Errorf("%d %q, want %d with %q", w.Code, w.Body, status, words)
		}
	}
	expect(503, "starting")
	h.SetReady()
	expect(200, "ready")
	broken = errors.New("the disk is full")
	expect(503, "queue: the disk is full")
	broken = nil
	h.SetNotReady("draining")
	expect(503, "draining")
	if w := probe(h.Live()); w.Code != 200 {
		t.Errorf("/livez: %d", w.Code)
	}
}

func TestTheReportKeepsThePythonContract(t *testing.T) {
	var broken error
	h := NewHealth("v1", Check{ComponentQueue, func(context.Context) error { return broken }})
	h.SetReady()
	read := func() map[string]any {
		t.Helper()
		w := probe(h.Report())
		var body map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != 200 {
			t.Fatalf("%d %v %q", w.Code, err, w.Body)
		}
		if _, err := time.Parse(time.RFC3339Nano, body["timestamp"].(string)); err != nil {
			t.Error(err)
		}
		return body
	}
	body := read()
	components, _ := body["components"].(map[string]any)
	if body["status"] != "healthy" || body["version"] != "v1" || len(components) != 3 || components["api"] != "healthy" {
		t.Errorf("%v", body)
	}
	broken = errors.New("unreachable")
	body = read()
	components, _ = body["components"].(map[string]any)
	if body["status"] != "degraded" || components["queue"] != "unhealthy" || components["cache"] != "healthy" {
		t.Errorf("%v", body)
	}
}

func TestAProbeDoesNotWaitForAStuckCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := NewHealth("v1", Check{ComponentQueue, func(context.Context) error { <-release; return nil }})
		h.SetReady()
		started := time.Now()
		w := probe(h.Ready())
		if w.Code != 503 || time.Since(started) != CheckTimeout {
			t.Errorf("%d after %s", w.Code, time.Since(started))
		}
		close(release)
	})
}
