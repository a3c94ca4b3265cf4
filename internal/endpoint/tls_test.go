package endpoint_test

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
)

// secure returns an https server that breaks connections on /break, and the number of requests that it took there.
func secure(t *testing.T) (*httptest.Server, *atomic.Int64) {
	var broken atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/break" {
			broken.Add(1)
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Proto", r.Proto)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, &broken
}

func TestCertificateIsVerified(t *testing.T) {
	s, _ := secure(t)
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url   string
		roots *x509.CertPool
		class queue.Class
		text  string
	}{
		"trusted":           {s.URL, trusted, queue.Answered, ""},
		"unknown authority": {s.URL, x509.NewCertPool(), queue.NotSent, "unknown authority"},
		"another name":      {"https://localhost:" + port, trusted, queue.NotSent, "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := endpoint.New(endpoint.Config{URL: c.url}, endpoint.Options{Roots: c.roots})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Close)
			o := e.Handle(t.Context(), delivery(queue.Request{Body: body("x")}))
			if o.Class != c.class || o.Err != nil && !strings.Contains(o.Err.Error(), c.text) {
				t.Fatalf("class %s, error %v", o.Class, o.Err)
			}
			if o.Class == queue.Answered && o.Result.Header.Get("X-Proto") != "HTTP/1.1" {
				t.Errorf("spoke %s", o.Result.Header.Get("X-Proto"))
			}
		})
	}
}

func TestOneAttemptArrivesOnceOverTLS(t *testing.T) {
	s, broken := secure(t)
	trusted := x509.NewCertPool()
	trusted.AddCert(s.Certificate())
	e, err := endpoint.New(endpoint.Config{URL: s.URL}, endpoint.Options{Roots: trusted})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	for i, method := range []string{"GET", "POST", "PUT", "OPTIONS"} {
		if o := e.Handle(t.Context(), delivery(queue.Request{Method: method})); o.Class != queue.Answered {
			t.Fatalf("class %s, error %v", o.Class, o.Err)
		}
		o := e.Handle(t.Context(), delivery(queue.Request{Method: method, Target: "/break", Header: http.Header{"Idempotency-Key": {"k"}}}))
		if n := broken.Load(); o.Class != queue.Unanswered || n != int64(i+1) {
			t.Errorf("%s: class %s, error %v, %d arrivals of %d", method, o.Class, o.Err, n, i+1)
		}
	}
}
