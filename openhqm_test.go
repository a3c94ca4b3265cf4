package openhqm_test

import (
	"context"
	"net/http"

	"github.com/openhqm/openhqm"
	"github.com/openhqm/openhqm/queue"
)

// A binary with a handler of its own: requests wait in the queue "greet", and the handler's answer is their result.
func ExampleMain() {
	greet := func(_ context.Context, d *queue.Delivery) queue.Outcome {
		return queue.Outcome{Class: queue.Answered, Result: &queue.Result{
			Status: http.StatusOK,
			Header: http.Header{"Content-Type": {"text/plain"}},
			Body:   queue.InlineBody([]byte("hello, " + d.Request().Target)),
			Length: -1,
		}}
	}
	openhqm.Main(openhqm.WithHandler("greet", queue.HandlerFunc(greet)))
}
