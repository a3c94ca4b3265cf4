package endpoint_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// start starts a recorder that ends with the test.
func start(t testing.TB, script recorder.Script) *recorder.Recorder {
	t.Helper()
	r, err := recorder.Start(script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// open returns an endpoint with the given changes to its configuration.
func open(t testing.TB, url string, change func(*endpoint.Config)) *endpoint.Endpoint {
	t.Helper()
	c := endpoint.Config{Name: "app", URL: url, Timeout: 10 * time.Second}
	if change != nil {
		change(&c)
	}
	e, err := endpoint.New(c, endpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// delivery returns a delivery of a request.
func delivery(r queue.Request) *queue.Delivery {
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if r.Target == "" {
		r.Target = "/"
	}
	id := queue.NewID(queue.HomeOf("app"), time.Now())
	record := &queue.Record{Message: &queue.Message{ID: id, Queue: "app", Request: r}}
	record.Deliveries = 1
	return &queue.Delivery{LeaseRef: queue.LeaseRef{ID: id, Token: 1}, Record: record, Bodies: &bodies{}}
}

func body(s string) queue.Body { return queue.InlineBody([]byte(s)) }

// bodies keeps large bodies in memory.
type bodies struct {
	kept []byte
	fail error // of CreateBody and OpenBody
}

func (b *bodies) OpenBody(context.Context, string) (io.ReadCloser, error) {
	if b.fail != nil {
		return nil, b.fail
	}
	return io.NopCloser(bytes.NewReader(b.kept)), nil
}

func (b *bodies) CreateBody(context.Context) (queue.BodyWriter, error) {
	if b.fail != nil {
		return nil, b.fail
	}
	return &writer{b: b}, nil
}

func (b *bodies) DiscardBody(context.Context, queue.Body) error { return nil }

type writer struct {
	bytes.Buffer
	b *bodies
}

func (w *writer) Commit() (queue.Body, error) {
	w.b.kept = w.Bytes()
	return queue.StoredBody("kept", int64(w.Len()), w.b), nil
}

func (w *writer) Abort() error { return nil }

// content reads a body.
func content(t testing.TB, b queue.Body) string {
	t.Helper()
	r, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

var errStore = errors.New("the store is away")
