package endpoint

import (
	"context"
	"net/http"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// Probe is what [Endpoint.Test] found.
type Probe struct {
	Class    queue.Class // Answered if there was an answer of any status
	Status   int         // of the answer; 0 if there was none
	Detail   string      // why there was no answer; "" if there was one. Holds no secrets
	Duration time.Duration
}

// Test sends one HEAD request for the root of the endpoint, with the configured fields and credentials, and says what came
// of it. It judges nothing: a 404 shows that the endpoint is there.
func (e *Endpoint) Test(ctx context.Context) Probe {
	started := time.Now()
	p := e.probe(ctx)
	p.Duration = time.Since(started)
	return p
}

func (e *Endpoint) probe(ctx context.Context) Probe {
	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(e.config.Timeout, func() { cancel(&timeoutError{e.config.Timeout}) })
	defer timer.Stop()
	k := &call{cancel: cancel}
	request, err := e.head(attempt, &arrival{})
	if err != nil {
		return failed(faultOf(attempt, err, false))
	}
	request.Method = http.MethodHead
	e.aim(request, "/", k)
	answer, err := e.roundTrip(attempt, request, k)
	if err != nil {
		return failed(faultOf(attempt, err, k.seal()))
	}
	answer.Body.Close()
	return Probe{Class: queue.Answered, Status: answer.StatusCode}
}

func failed(f *fault) Probe { return Probe{Class: f.class, Detail: f.text} }
