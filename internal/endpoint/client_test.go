package endpoint_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/test/recorder"
)

// failing returns an endpoint and what it reported of its failed calls.
func failing(t *testing.T, url string, change func(*endpoint.Config)) (*endpoint.Endpoint, <-chan endpoint.Failure) {
	t.Helper()
	failures := make(chan endpoint.Failure, 10)
	c := endpoint.Config{Name: "app", URL: url, Timeout: 10 * time.Second}
	if change != nil {
		change(&c)
	}
	e, err := endpoint.New(c, endpoint.Options{WriteError: func(w http.ResponseWriter, _ *http.Request, f endpoint.Failure) {
		failures <- f
		w.Header().Set("Connection", "close")
		w.WriteHeader(f.Status)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e, failures
}

func TestTheClientsOwnFaultIsNotTheEndpoints(t *testing.T) {
	for name, c := range map[string]struct{ body, detail string }{
		"malformed chunk": {"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", "the body's framing is malformed"},
		"cut":             {"Content-Length: 10\r\n\r\nabc", "the body ended before its announced end"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, recorder.Always(recorder.Answer(200, "")))
			e, failures := failing(t, r.URL(), nil)
			conn, in := dial(t, front(t, e), "POST / HTTP/1.1\r\nHost: h\r\n"+c.body)
			if half, ok := conn.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
			// A client that cuts its body may be found to have left before it is found at fault.
			text, _ := io.ReadAll(in)
			if !strings.HasPrefix(string(text), "HTTP/1.1 400 ") && (name != "cut" || len(text) > 0) {
				t.Errorf("answered %q", text)
			}
			if len(text) == 0 && len(failures) == 0 {
				return
			}
			if f := <-failures; f.Status != 400 || f.Detail != c.detail {
				t.Errorf("reported %+v", f)
			}
		})
	}
}

func TestAClientThatLeftIsNobodysFailure(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Delay(time.Hour)}))
	e, failures := failing(t, r.URL(), nil)
	served := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		e.Pass(w, r.WithContext(ctx))
	}))
	t.Cleanup(s.Close)
	conn, in := dial(t, s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := r.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	if text, _ := io.ReadAll(in); len(text) > 0 {
		t.Errorf("answered %q", text)
	}
	<-served
	if len(failures) > 0 {
		t.Errorf("reported %+v", <-failures)
	}
}
