package endpoint_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

func TestPassTellsWhatCameOfACall(t *testing.T) {
	for name, c := range map[string]struct {
		script recorder.Script
		want   queue.Passed
	}{
		"an answer":         {recorder.Always(recorder.Answer(200, "x")), queue.Passed{Class: queue.Answered, Status: 200}},
		"Retry-After":       {recorder.Always(recorder.Answer(503, "x", "Retry-After: 7")), queue.Passed{Class: queue.Answered, Status: 503, RetryAfter: 7 * time.Second}},
		"a used up limit":   {recorder.Always(recorder.Answer(200, "x", `RateLimit: "a";r=0;t=9`)), queue.Passed{Class: queue.Answered, Status: 200, RetryAfter: 9 * time.Second, LimitReset: 9 * time.Second}},
		"a limit with room": {recorder.Always(recorder.Answer(200, "x", `RateLimit: "a";r=1;t=9`)), queue.Passed{Class: queue.Answered, Status: 200}},
		"nobody there":      {nil, queue.Passed{Class: queue.NotSent}},
	} {
		t.Run(name, func(t *testing.T) {
			url := "http://127.0.0.1:1"
			if c.script != nil {
				url = start(t, c.script).URL()
			}
			told := make(chan queue.Passed, 2)
			e, err := endpoint.New(endpoint.Config{Name: "shop", URL: url}, endpoint.Options{
				Passed: func(_ context.Context, name string, p queue.Passed) {
					if name != "shop" || p.StartedAt.IsZero() {
						t.Errorf("told of %q, begun at %v", name, p.StartedAt)
					}
					p.StartedAt = time.Time{}
					told <- p
				}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			answer, err := http.Get(front(t, e).URL)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if got := <-told; got != c.want {
				t.Errorf("told of %+v, want %+v", got, c.want)
			}
			if len(told) != 0 {
				t.Error("told twice")
			}
		})
	}
}

func TestAClientThatLeavesIsNotTheEndpointsFault(t *testing.T) {
	arrived := make(chan struct{})
	s := http.NewServeMux()
	s.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() })
	backend := httptest.NewServer(s)
	t.Cleanup(backend.Close)
	told := make(chan queue.Passed, 1)
	e, err := endpoint.New(endpoint.Config{Name: "shop", URL: backend.URL}, endpoint.Options{
		Passed: func(_ context.Context, _ string, p queue.Passed) { told <- p }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", front(t, e).URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-arrived; leave() }()
	if answer, err := http.DefaultClient.Do(r); err == nil {
		answer.Body.Close()
		t.Fatal("answered")
	}
	if got := <-told; !got.Ours {
		t.Errorf("told of %+v", got)
	}
}
