package callback

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// arrival is one callback as its receiver saw it.
type arrival struct {
	method, target string
	header         http.Header
	body           string
}

// receiver is a server that keeps what arrives and answers by the handler.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals []arrival
}

func receive(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r.keep(answer))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) keep(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.arrivals = append(r.arrivals, arrival{q.Method, q.RequestURI, q.Header, string(body)})
		r.mu.Unlock()
		answer(w, q)
	}
}

func (r *receiver) all() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrivals)
}

func status(code int, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(code)
	}
}

func listed(r *receiver) Config { return Config{Allow: []string{r.URL}, Networks: loopback} }

func TestACallbackIsSignedUnderTheTicketsID(t *testing.T) {
	r := receive(t, status(204))
	c := listed(r)
	c.Secrets, c.Base = []string{key2, key1}, "https://queue.example.com/api/v1"
	s, ends := sender(t, c, Options{})
	subject := finished(r.URL + "/done?for=shop")
	d := delivery(subject)
	for range 2 {
		if o := s.Handle(t.Context(), d); o.Class != queue.Answered || o.Verdict != queue.VerdictResult || o.Result.Status != 204 {
			t.Fatalf("the outcome is %+v", o)
		}
	}
	if ends[telemetry.CallbackDelivered] != 2 {
		t.Errorf("counted as %v", ends)
	}
	arrivals := r.all()
	for _, a := range arrivals {
		at, err := strconv.ParseInt(a.header.Get("webhook-timestamp"), 10, 64)
		if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
			t.Errorf("webhook-timestamp %q is not that of the attempt", a.header.Get("webhook-timestamp"))
		}
		id := a.header.Get("webhook-id")
		want := signature(t, key2, id, time.Unix(at, 0), a.body) + " " + signature(t, key1, id, time.Unix(at, 0), a.body)
		if got := a.header.Get("webhook-signature"); got != want {
			t.Errorf("webhook-signature %q, want %q", got, want)
		}
		if a.method != "POST" || a.target != "/done?for=shop" || a.header.Get("Content-Type") != "application/json" || id != d.ID.String() {
			t.Errorf("arrived %+v, want webhook-id %s", a, d.ID)
		}
	}
	if len(arrivals) != 2 || arrivals[0].body != arrivals[1].body {
		t.Fatalf("arrived %+v, want the same twice", arrivals)
	}
	var got client.Callback
	if err := json.Unmarshal([]byte(arrivals[0].body), &got); err != nil {
		t.Fatal(err)
	}
	id := subject.ID.String()
	base := "https://queue.example.com/api/v1"
	want := client.Callback{Type: "request.completed", Timestamp: subject.CompletedAt.UTC(), Data: client.CallbackData{
		CorrelationID: id, Status: "COMPLETED", State: "done", StatusCode: 201, Endpoint: "legacy",
		SubmittedAt: subject.AcceptedAt.UTC(), CompletedAt: subject.CompletedAt.UTC(),
		Links: client.CallbackLinks{Status: base + "/status/" + id, Response: base + "/response/" + id, Raw: base + "/response/" + id + "/raw"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("told %+v\nwant %+v", got, want)
	}
}

func TestPayloadBearsNothingOfTheRequest(t *testing.T) {
	r := receive(t, status(200))
	s, _ := sender(t, listed(r), Options{})
	try(t, s, r.URL)
	for _, a := range r.all() {
		fields := make([]string, 0, len(a.header))
		for name, values := range a.header {
			fields = append(fields, name+": "+strings.Join(values, ", "))
		}
		if strings.Contains(a.body+strings.Join(fields, "\n"), "s3cret") {
			t.Errorf("arrived %+v", a)
		}
	}
	long := finished(r.URL, func(r *queue.Record) {
		r.Endpoint, r.State, r.Reason = strings.Repeat("n", queue.MaxNameLength), queue.Dead, queue.ReasonAttemptsExhausted
	})
	told, err := queue.ReadTicket(queue.NewTicket(long, long.CompletedAt))
	if err != nil {
		t.Fatal(err)
	}
	body, err := payload(long.ID, &told, "https://queue.example.com/"+strings.Repeat("p", 500))
	if err != nil || len(body) > MaxPayload {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if !strings.Contains(string(body), `"type":"request.failed"`) || !strings.Contains(string(body), `"reason":"attempts_exhausted"`) {
		t.Errorf("told %s", body)
	}
	if _, err := payload(long.ID, &told, strings.Repeat("p", MaxPayload)); err == nil {
		t.Error("a payload beyond the limit is sent")
	}
}

func TestNothingOfTheReceiversAnswerIsKept(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "a=s3cret")
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "s3cret")
	})
	s, _ := sender(t, listed(r), Options{})
	o := try(t, s, r.URL)
	if o.Result == nil || o.Result.Header != nil || o.Result.Trailer != nil || o.Result.Body.Size() != 0 || o.Err != nil {
		t.Errorf("kept %+v", o.Result)
	}
}

func TestWhatAStatusMeans(t *testing.T) {
	later := time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat)
	for _, tc := range []struct {
		status  int
		fields  []string
		verdict queue.Verdict
		end     telemetry.CallbackEnd
		after   time.Duration // at most so much, and if not 0 at least a minute less
	}{
		{status: 200, verdict: queue.VerdictResult, end: telemetry.CallbackDelivered},
		{status: 202, verdict: queue.VerdictResult, end: telemetry.CallbackDelivered},
		{status: 299, verdict: queue.VerdictResult, end: telemetry.CallbackDelivered},
		{status: 304, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 400, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 401, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 404, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 410, verdict: queue.VerdictFail, end: telemetry.CallbackGone},
		{status: 429, fields: []string{"Retry-After", "120"}, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused, after: 2 * time.Minute},
		{status: 429, fields: []string{"Retry-After", "soon"}, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 429, fields: []string{"Retry-After", "-1"}, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 500, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 502, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused},
		{status: 503, fields: []string{"Retry-After", later}, verdict: queue.VerdictRetry, end: telemetry.CallbackRefused, after: 10 * time.Minute},
	} {
		r := receive(t, status(tc.status, tc.fields...))
		s, ends := sender(t, listed(r), Options{})
		o := try(t, s, r.URL)
		if o.Class != queue.Answered || o.Verdict != tc.verdict || o.Result.Status != tc.status || ends[tc.end] != 1 {
			t.Errorf("%d: %+v, counted as %v", tc.status, o, ends)
		}
		if o.RetryAfter > tc.after || o.RetryAfter < tc.after-time.Minute {
			t.Errorf("%d %v: wait %s, want about %s", tc.status, tc.fields, o.RetryAfter, tc.after)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	victim := receive(t, status(200))
	for _, code := range []int{301, 302, 303, 307, 308} {
		r := receive(t, status(code, "Location", victim.URL+"/internal"))
		c := listed(r)
		c.Allow = append(c.Allow, victim.URL) // not even to another that is listed
		s, _ := sender(t, c, Options{})
		if o := try(t, s, r.URL); o.Verdict != queue.VerdictRetry || o.Result.Status != code {
			t.Errorf("%d: %+v", code, o)
		}
	}
	if n := len(victim.all()); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestAReceiverThatIsNoLongerListedIsNotCalled(t *testing.T) {
	r := receive(t, status(200))
	s, ends := sender(t, Config{Allow: []string{"https://hooks.example.com"}, Networks: loopback}, Options{})
	if o := try(t, s, r.URL); o.Class != queue.NotSent || ends[telemetry.CallbackForbidden] != 1 || len(r.all()) != 0 {
		t.Errorf("%+v, counted as %v", o, ends)
	}
}

func TestFaultsOfAReceiver(t *testing.T) {
	hang := func(w http.ResponseWriter, q *http.Request) { <-q.Context().Done() }
	hijacked := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, answer)
				conn.Close()
			}
		}
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		err    string
	}{
		"silence":      {hang, "no answer within 500ms (callback.timeout)"},
		"closed":       {hijacked(""), "the connection broke before the answer was there"},
		"half a head":  {hijacked("HTTP/1.1 200 OK\r\nX: "), "the connection broke before the answer was there"},
		"not HTTP":     {hijacked("220 mail.example.com ESMTP s3cret\r\n"), "the connection broke before the answer was there"},
		"endless head": {hijacked("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("s3cret", 20_000)), "the connection broke before the answer was there"},
		"a flood of 1xx": {hijacked(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("y", 1000)+"\r\n\r\n", 200)),
			"the connection broke before the answer was there"},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t, tc.answer)
			c := listed(r)
			c.Timeout = 500 * time.Millisecond
			s, ends := sender(t, c, Options{})
			o := try(t, s, r.URL)
			if o.Class != queue.Unanswered || o.Err == nil || o.Err.Error() != tc.err || ends[telemetry.CallbackUnanswered] != 1 {
				t.Errorf("%+v, counted as %v", o, ends)
			}
			if n := len(r.all()); n != 1 {
				t.Errorf("arrived %d times in one attempt", n)
			}
		})
	}
}

func TestAnEndlessAnswerDoesNotHoldTheSlot(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(200)
		for q.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	s, _ := sender(t, listed(r), Options{})
	if o := try(t, s, r.URL); o.Verdict != queue.VerdictResult || o.Duration > 5*time.Second {
		t.Errorf("%+v", o)
	}
}

func TestWhatWasNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	listener.Close()
	secure := httptest.NewTLSServer(status(200))
	t.Cleanup(secure.Close)
	plain := receive(t, status(200))
	for name, tc := range map[string]struct{ url, err string }{
		"refused":             {closed, "the receiver refuses connections"},
		"unknown name":        {"http://receiver.invalid", "the receiver's name cannot be resolved"},
		"unknown certificate": {secure.URL, "the receiver's certificate is not accepted"},
		"no TLS":              {strings.Replace(plain.URL, "http:", "https:", 1), "the TLS handshake failed"},
	} {
		t.Run(name, func(t *testing.T) {
			s, ends := sender(t, Config{Allow: []string{tc.url}, Networks: loopback}, Options{})
			o := try(t, s, tc.url+"/?token=s3cret")
			if o.Class != queue.NotSent || o.Err.Error() != tc.err || ends[telemetry.CallbackUnreachable] != 1 {
				t.Errorf("%+v, counted as %v", o, ends)
			}
		})
	}
	if n := len(plain.all()); n != 0 {
		t.Errorf("%d callbacks arrived in the clear", n)
	}
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	s, _ := sender(t, Config{Allow: []string{secure.URL}, Networks: loopback}, Options{Roots: roots})
	if o := try(t, s, secure.URL); o.Verdict != queue.VerdictResult {
		t.Errorf("with its authority: %+v", o)
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, q *http.Request) { panic(http.ErrAbortHandler) })
	for _, c := range []Config{listed(r), {Allow: []string{r.URL}}, {Allow: []string{"https://hooks.example.com"}}} {
		s, _ := sender(t, c, Options{})
		if o := try(t, s, r.URL+"/?token=s3cret"); o.Err == nil || strings.Contains(o.Err.Error(), "s3cret") {
			t.Errorf("the error is %v", o.Err)
		}
	}
	const name = "localhost"
	s, _ := sender(t, Config{Allow: []string{"http://" + name}}, Options{})
	o := try(t, s, "http://"+name+"/?token=s3cret")
	if want := name + " resolves to a loopback address; callbacks go to public addresses, and to those of callback.allow_networks"; o.Err == nil || o.Err.Error() != want {
		t.Errorf("%v, want %s", o.Err, want)
	}
}

func TestAnAttemptThatIsCutSaysWhy(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, q *http.Request) { <-q.Context().Done() })
	for _, cause := range []error{queue.ErrDraining, queue.ErrCancelRequested, queue.ErrLeaseLost} {
		s, ends := sender(t, listed(r), Options{})
		ctx, cancel := context.WithCancelCause(t.Context())
		before := len(r.all())
		done := make(chan queue.Outcome, 1)
		go func() { done <- s.Handle(ctx, delivery(finished(r.URL))) }()
		for len(r.all()) == before {
			select {
			case o := <-done:
				t.Fatalf("ended before it arrived: %+v", o)
			case <-time.After(time.Millisecond):
			}
		}
		cancel(cause)
		if o := <-done; o.Class != queue.Unanswered || !errors.Is(o.Err, cause) || ends[telemetry.CallbackEndedEarly] != 1 {
			t.Errorf("%v: %+v", cause, o)
		}
		cancelled, end := context.WithCancelCause(t.Context())
		end(cause)
		want := queue.NotSent
		if cause == queue.ErrDraining {
			want = queue.NotBegun
		}
		if o := s.Handle(cancelled, delivery(finished(r.URL))); o.Class != want || !errors.Is(o.Err, cause) {
			t.Errorf("%v before it was sent: %+v", cause, o)
		}
	}
}

func TestWhatIsNoTicketIsRejected(t *testing.T) {
	s, ends := sender(t, Config{Allow: []string{"https://hooks.example.com"}}, Options{})
	d := delivery(finished("https://hooks.example.com"))
	m := *d.Record.Message
	m.Metadata = nil
	d.Record.Message = &m
	if o := s.Handle(t.Context(), d); o.Class != queue.Rejected || ends[telemetry.CallbackUnreadable] != 1 {
		t.Errorf("%+v", o)
	}
}
