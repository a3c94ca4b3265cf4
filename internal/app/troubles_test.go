package app

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/queue"
)

type deaf struct{}

func (deaf) Observe(queue.Event) {}

func TestAFailingEndpointIsLoggedOnChangeAndOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		seen := newTroubles(deaf{}, slog.New(slog.NewTextHandler(&out, nil)))
		fail := func(text string) {
			seen.Observe(queue.Event{Kind: queue.EventSettled, Queue: "app", State: queue.Scheduled, Class: queue.NotSent, Err: errors.New(text)})
		}
		ok := func() { seen.Observe(queue.Event{Kind: queue.EventSettled, Queue: "app", State: queue.Done}) }
		lines := func() int { return strings.Count(out.String(), "\n") }

		for range 50 {
			fail("connection refused")
			time.Sleep(time.Second)
		}
		if lines() != 1 {
			t.Fatalf("50 failures in 50 s:\n%s", out.String())
		}
		fail("TLS handshake")
		fail("connection refused")
		if lines() != 2 {
			t.Fatalf("a new reason, and the old one at once after it:\n%s", out.String())
		}
		time.Sleep(repeatTrouble)
		fail("connection refused")
		ok()
		ok()
		if lines() != 4 || !strings.Contains(out.String(), "succeed again") {
			t.Fatalf("a minute later, then good:\n%s", out.String())
		}
		for range 100 {
			fail("connection refused")
			ok()
		}
		if lines() != 4 {
			t.Fatalf("failures and successes by turns:\n%s", out.String())
		}
	})
}

func TestDeadLettersAreLoggedByQueueAndReasonOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		seen := newTroubles(deaf{}, slog.New(slog.NewTextHandler(&out, nil)))
		for range 1000 {
			seen.Observe(queue.Event{Kind: queue.EventSettled, Queue: "app", State: queue.Dead, Reason: queue.ReasonEndpointError, Status: 500})
			seen.Observe(queue.Event{Kind: queue.EventLapsed, Queue: "app", State: queue.Dead, Reason: queue.ReasonUnknownOutcome})
		}
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Fatalf("%d lines:\n%s", got, out.String())
		}
		mentions(t, out.String(), "endpoint_error", "unknown_outcome", "status=500", "openhqm dead show")
		time.Sleep(repeatTrouble)
		seen.Observe(queue.Event{Kind: queue.EventSettled, Queue: "app", State: queue.Dead, Reason: queue.ReasonEndpointError, Status: 500})
		mentions(t, out.String(), "count=1000")
	})
}

func TestAnUnreachableEndpointIsInTheLog(t *testing.T) {
	out := &lines{}
	c := load(t, "proxy: {default_endpoint: 'http://127.0.0.1:1'}")
	p := start(t, c, Options{Log: slog.New(slog.NewTextHandler(out, nil))})
	p.submit(t, "/x")
	await(t, "the warning", func() bool { return out.has("deliveries fail") && out.has("connection refused") })
	for range 3 {
		if got := call(t, "GET", p.url+"/x", ""); got.status != 502 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	if got := out.count("calls that pass through"); got != 1 {
		t.Errorf("%d lines for three calls in a second", got)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}
