package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

// clients returns a client of each listener.
func clients(t *testing.T, f *fixture) (*client.Client, *client.Admin) {
	t.Helper()
	c, err := client.New(serveProducer(t, f), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f.admin)
	t.Cleanup(server.Close)
	a, err := client.NewAdmin(server.URL, client.Options{Token: f.token})
	if err != nil {
		t.Fatal(err)
	}
	return c, a
}

// must returns a value, or fails the test.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused returns the problem that a call is answered with.
func refused(t *testing.T, err error, status int, kind string) *client.Error {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want a *client.Error", err)
	}
	want(t, e.Problem.Status, status)
	want(t, e.Type, "urn:openhqm:problem:"+kind)
	return e
}

func TestClientSubmitsAndReads(t *testing.T) {
	f := newFixture(t)
	c, _ := clients(t, f)
	ctx := t.Context()
	accepted := must[*client.Accepted](t)(c.Submit(ctx, client.Submission{
		Payload: json.RawMessage(`{"a":1}`),
		Headers: map[string]string{"X-A": "1"},
		Metadata: client.Metadata{Priority: 5, Timeout: 90 * time.Second, Endpoint: "billing", Method: "PATCH", Path: "/x?y=1",
			NotBefore: time.Now().Add(-time.Hour), Extra: map[string]any{"type": "order"}},
		IdempotencyKey: "k",
	}))
	id := accepted.CorrelationID
	rec := f.record(must[queue.ID](t)(queue.ParseID(id)))
	want(t, rec.Priority, uint8(5))
	want(t, rec.AttemptTimeout, 90*time.Second)
	want(t, rec.Request.Method, "PATCH")
	want(t, rec.Request.Target, "/x?y=1")
	want(t, rec.Request.Header.Get("X-A"), "1")
	want(t, strings.Contains(string(rec.Metadata), `"type":"order"`), true)

	want(t, must[*client.Status](t)(c.Status(ctx, id, 0)).Status, client.Pending)
	want(t, must[*client.Response](t)(c.Response(ctx, id, 0)).Terminal(), false)
	raw := must[*client.Raw](t)(c.Raw(ctx, id, 0))
	raw.Body.Close()
	want(t, raw.Terminal(), false)

	f.settle(f.lease("billing"), answered(303, gzipped("hello"), "Content-Encoding", "gzip", "Content-Type", "text/plain", "Location", "/elsewhere"))
	want(t, must[*client.Status](t)(c.Wait(ctx, id)).StatusCode, 303)
	response := must[*client.Response](t)(c.Response(ctx, id, time.Second))
	want(t, string(response.Result), `{"response":"hello","content_type":"text/plain"}`)
	raw = must[*client.Raw](t)(c.Raw(ctx, id, 0))
	defer raw.Body.Close()
	want(t, raw.StatusCode, 303)
	want(t, raw.Status, client.Completed)
	want(t, string(must[[]byte](t)(io.ReadAll(raw.Body))), gzipped("hello"))
	_, err := c.Cancel(ctx, id)
	refused(t, err, 409, "already-finished")
}

func TestClientErrorsCarryTheProblem(t *testing.T) {
	f := newFixture(t)
	c, _ := clients(t, f)
	_, err := c.Submit(t.Context(), client.Submission{Payload: json.RawMessage("1"), Metadata: client.Metadata{Path: "x", Priority: 10}})
	e := refused(t, err, 400, "invalid-message")
	want(t, len(e.Errors), 2)
	want(t, strings.Contains(e.Error(), "/metadata/priority"), true)
	for range 1000 {
		f.submit(`{"payload":1}`)
	}
	_, err = c.Submit(t.Context(), client.Submission{Payload: json.RawMessage("1")})
	want(t, refused(t, err, 503, "queue-full").RetryAfter > 0, true)
	_, err = c.Status(t.Context(), queue.NewID(1, time.Now()).String(), 0)
	refused(t, err, 404, "not-found")
	_, err = c.Raw(t.Context(), queue.NewID(1, time.Now()).String(), 0)
	refused(t, err, 404, "not-found")
	_, err = c.Events(t.Context(), queue.NewID(1, time.Now()).String(), 0)
	refused(t, err, 404, "not-found")
}

func TestClientFollowsEvents(t *testing.T) {
	f := newFixture(t)
	c, _ := clients(t, f)
	id := f.submit(`{"payload":1}`).String()
	stream := must[*client.EventStream](t)(c.Events(t.Context(), id, 0))
	defer stream.Close()
	next := must[*client.Status](t)
	want(t, next(stream.Next()).Status, client.Pending)
	d := f.lease("legacy")
	want(t, next(stream.Next()).Status, client.Processing)
	f.settle(d, answered(200, "{}"))
	last := next(stream.Next())
	want(t, last.Status, client.Completed)
	_, err := stream.Next()
	want(t, err, io.EOF)
	again := must[*client.EventStream](t)(c.Events(t.Context(), id, last.Revision))
	defer again.Close()
	_, err = again.Next()
	want(t, err, io.EOF)
}

func TestClientWaitEndsWithItsContext(t *testing.T) {
	f := newFixture(t)
	c, _ := clients(t, f)
	id := f.submit(`{"payload":1}`).String()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the end of the context", err)
	}
}

func TestClientOperates(t *testing.T) {
	f := newFixture(t)
	f.token = "t0ken"
	c, a := clients(t, f)
	ctx := t.Context()
	dead := f.finish(answered(500, "{}")).String()
	removed := f.finish(answered(500, "{}")).String()
	waiting := must[*client.Accepted](t)(c.Submit(ctx, client.Submission{})).CorrelationID

	want(t, len(must[[]client.Queue](t)(a.Queues(ctx))), 2)
	want(t, must[*client.Queue](t)(a.Queue(ctx, "legacy")).Counts.Dead, 2)
	want(t, len(must[*client.Queue](t)(a.Pause(ctx, "legacy", client.HoldRequest{Seconds: 60})).Holds), 1)
	want(t, len(must[*client.Queue](t)(a.Resume(ctx, "legacy")).Holds), 0)
	want(t, len(must[[]client.Endpoint](t)(a.Endpoints(ctx))), 2)
	want(t, len(must[*client.Endpoint](t)(a.Hold(ctx, "legacy", client.HoldRequest{Note: "n"})).Queue.Holds), 1)
	want(t, len(must[*client.Endpoint](t)(a.Release(ctx, "legacy", client.ReleaseRequest{})).Queue.Holds), 0)

	page := must[*client.Messages](t)(a.Messages(ctx, client.Filter{States: []string{"ready"}, Before: time.Now().Add(time.Hour)}))
	want(t, len(page.Messages), 1)
	want(t, page.Messages[0].CorrelationID, waiting)
	want(t, *must[*client.Message](t)(a.Message(ctx, waiting, true)).Request.Body, "null")
	want(t, len(must[*client.Messages](t)(a.Dead(ctx, client.Filter{Queue: "legacy", Limit: 10})).Messages), 2)

	want(t, must[*client.Message](t)(a.Redrive(ctx, dead)).Generation, 1)
	_, err := a.RedriveAll(ctx, client.Filter{}, false, 0)
	refused(t, err, 400, "bad-parameter")
	want(t, must[*client.Redriven](t)(a.RedriveAll(ctx, client.Filter{Endpoint: "billing"}, false, 0)).Redriven, 0)
	want(t, must[*client.Purged](t)(a.RemoveDead(ctx, client.Filter{}, true)).Removed, 1)
	_, err = a.Message(ctx, removed, false)
	refused(t, err, 404, "not-found")
	want(t, must[*client.Purged](t)(a.Purge(ctx, "legacy", client.Filter{})).Removed, 2)

	stranger, err := client.NewAdmin(strings.TrimSuffix(a.Address(), client.DefaultPrefix), client.Options{})
	want(t, err, nil)
	_, err = stranger.Queues(ctx)
	refused(t, err, 401, "unauthorized")
}
