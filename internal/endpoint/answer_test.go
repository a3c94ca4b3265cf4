package endpoint_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

func TestAnswerIsKeptAsItCame(t *testing.T) {
	const gzip = "\x1f\x8b\x08\x00 not really"
	for name, c := range map[string]struct {
		method string
		reply  string
		want   queue.Result
		body   string
	}{
		"fields keep order and number": {"GET", "HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: caf\xe9\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nok",
			queue.Result{Status: 200, Header: http.Header{"Set-Cookie": {"a=1", "b=2"}, "X-A": {"caf\xe9"}, "X-Empty": {""}}, Length: -1}, "ok"},
		"nothing is decompressed": {"GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 15\r\n\r\n" + gzip,
			queue.Result{Status: 200, Header: http.Header{"Content-Encoding": {"gzip"}}, Length: -1}, gzip},
		"fields of the connection are dropped": {"GET", "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nX-Stays: 1\r\nContent-Length: 0\r\n\r\n",
			queue.Result{Status: 200, Header: http.Header{"X-Stays": {"1"}}, Length: -1}, ""},
		"fields of ours are dropped": {"GET", "HTTP/1.1 200 OK\r\nOpenHQM-State: FAILED\r\nopenhqm-x: 1\r\nContent-Length: 0\r\n\r\n",
			queue.Result{Status: 200, Header: http.Header{}, Length: -1}, ""},
		"trailers are kept apart": {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Absent\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n",
			queue.Result{Status: 200, Header: http.Header{}, Trailer: http.Header{"X-Sum": {"1", "2"}}, Length: -1}, "ok"},
		"HEAD keeps the length": {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", queue.Result{Status: 200, Header: http.Header{}, Length: 1234}, ""},
		"HEAD without a length": {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", queue.Result{Status: 200, Header: http.Header{}, Length: -1}, ""},
		"204":                   {"POST", "HTTP/1.1 204 No Content\r\n\r\n", queue.Result{Status: 204, Header: http.Header{}, Length: -1}, ""},
		"304 keeps the length":  {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nEtag: \"x\"\r\n\r\n", queue.Result{Status: 304, Header: http.Header{"Etag": {`"x"`}}, Length: 99}, ""},
		"redirect":              {"POST", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", queue.Result{Status: 307, Header: http.Header{"Location": {"/b"}}, Length: -1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, recorder.Always(recorder.Reply{recorder.Write([]byte(c.reply))}))
			o := open(t, r.URL(), nil).Handle(t.Context(), delivery(queue.Request{Method: c.method}))
			if o.Class != queue.Answered {
				t.Fatalf("class %s, error %v", o.Class, o.Err)
			}
			got := *o.Result
			if text := content(t, got.Body); text != c.body {
				t.Errorf("body %q, want %q", text, c.body)
			}
			if got.ReceivedAt.IsZero() || got.Duration <= 0 || got.Duration > o.Duration || o.StartedAt.IsZero() {
				t.Errorf("times: result %s, outcome %s", got.Duration, o.Duration)
			}
			got.Body, got.ReceivedAt, got.Duration = queue.Body{}, time.Time{}, 0
			c.want.Proto = "HTTP/1.1"
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestTruncatedAnswerKeepsItsAnnouncedLength(t *testing.T) {
	text := strings.Repeat("0123456789", 20_000)
	r := start(t, recorder.Always(recorder.Answer(200, text)))
	for _, limit := range []int64{1, 64 << 10, 100_000, int64(len(text)) - 1, int64(len(text))} {
		o := open(t, r.URL(), func(c *endpoint.Config) { c.MaxResponseSize = limit }).Handle(t.Context(), delivery(queue.Request{}))
		if o.Class != queue.Answered {
			t.Fatalf("class %s, error %v", o.Class, o.Err)
		}
		whole := limit == int64(len(text))
		length := int64(len(text))
		if whole {
			length = -1
		}
		if got := content(t, o.Result.Body); got != text[:limit] || o.Result.Truncated == whole || o.Result.Length != length {
			t.Errorf("limit %d: %d bytes, truncated %t, length %d", limit, len(got), o.Result.Truncated, o.Result.Length)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	date := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	in := func(d time.Duration) string { return date.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		fields []string
		want   time.Duration
	}{
		{nil, 0},
		{[]string{"Retry-After: 120"}, 2 * time.Minute},
		{[]string{"Retry-After:  7 "}, 7 * time.Second},
		{[]string{"Retry-After: 0"}, 1},
		{[]string{"Retry-After: -1"}, 0},
		{[]string{"Retry-After: 1.5"}, 0},
		{[]string{"Retry-After: soon"}, 0},
		{[]string{"Retry-After: 99999999999999999999"}, 365 * 24 * time.Hour},
		{[]string{"Retry-After: " + in(90*time.Second)}, 90 * time.Second},
		{[]string{"Retry-After: " + in(-time.Hour)}, 1},
		{[]string{`RateLimit: "default";r=0;t=30`}, 30 * time.Second},
		{[]string{`RateLimit: "default";r=5;t=30`}, 0},
		{[]string{`RateLimit: "a,b;r=0";r=1;t=9, "day";t=60;r=0`, `RateLimit: "hour";r=0;t=40`}, time.Minute},
		{[]string{`RateLimit: "default";r=0`}, 0},
		{[]string{`RateLimit: ;;=,,`}, 0},
		{[]string{"Retry-After: 5", `RateLimit: "default";r=0;t=30`}, 5 * time.Second},
	} {
		r := start(t, recorder.Always(recorder.Answer(503, "", append(c.fields, "Date: "+date.Format(http.TimeFormat))...)))
		if o := open(t, r.URL(), nil).Handle(t.Context(), delivery(queue.Request{})); o.RetryAfter != c.want {
			t.Errorf("%q: %s, want %s", c.fields, o.RetryAfter, c.want)
		}
	}
}

func TestConnectionsAreReusedUpToTheConcurrency(t *testing.T) {
	const calls = 8
	all := make(chan struct{})
	r := start(t, func(a recorder.Arrival) recorder.Reply {
		return append(recorder.Reply{recorder.Hold(all)}, recorder.Answer(200, fmt.Sprint(a.Number))...)
	})
	e := open(t, r.URL(), func(c *endpoint.Config) { c.Concurrency = calls })
	for round := 1; round <= 3; round++ {
		done := make(chan queue.Outcome, calls)
		for range calls {
			go func() { done <- e.Handle(t.Context(), delivery(queue.Request{})) }()
		}
		if round == 1 {
			if _, err := r.Wait(t.Context(), calls); err != nil {
				t.Fatal(err)
			}
			close(all)
		}
		for range calls {
			if o := <-done; o.Class != queue.Answered {
				t.Fatal(o.Err)
			}
		}
	}
	if n := r.Connections(); n != calls {
		t.Errorf("%d connections for %d calls at once", n, calls)
	}
}
