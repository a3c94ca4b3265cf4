package endpoint_test

import (
	"net/http/httptest"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

func TestTraceBearsNothingConfidential(t *testing.T) {
	for _, method := range []string{"TRACE", "trace"} {
		for name, call := range map[string]func(*endpoint.Endpoint){
			"queued": func(e *endpoint.Endpoint) { e.Handle(t.Context(), delivery(queue.Request{Method: method})) },
			"passed": func(e *endpoint.Endpoint) {
				e.Pass(httptest.NewRecorder(), httptest.NewRequest(method, "/", nil))
			},
		} {
			r := start(t, recorder.Always(recorder.Answer(200, "")))
			call(open(t, r.URL(), func(c *endpoint.Config) {
				c.Headers = map[string]string{"X-Internal": "s3cr3t"}
				c.Auth = endpoint.Auth{Scheme: endpoint.AuthAPIKey, Secret: func() string { return "s3cr3t" }}
			}))
			got := r.Arrivals()[0]
			if got.Method() != method || got.Values("X-Internal") != nil || got.Values("X-API-Key") != nil || got.Value("Via") == "" {
				t.Errorf("%s %s arrived as %q", name, method, got.Head)
			}
		}
	}
}
