package reply_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

var received = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const date = "Thu, 01 Jan 2026 00:00:00 GMT"

// done is a record with an answer.
func done(result *queue.Result) *queue.Record {
	result.ReceivedAt = received
	rec := &queue.Record{Message: &queue.Message{ID: newID(), Queue: "app"}, Result: result}
	rec.State = queue.Done
	rec.Request = queue.Request{Method: http.MethodPost, Target: "/dir/page?q=1"}
	return rec
}

func result(status int, body string, h http.Header) *queue.Result {
	if h == nil {
		h = http.Header{}
	}
	if h["Date"] == nil {
		h["Date"] = []string{date}
	}
	return &queue.Result{Status: status, Header: h, Body: queue.InlineBody([]byte(body)), Length: -1}
}

// stored is a body that is not inline.
type stored struct{ content string }

func (s stored) OpenBody(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(s.content)), nil
}

// TestReplayEqualsTheStoredAnswer is differential: the same answer given by a handler itself, read by the same client,
// must differ in the documented fields only.
func TestReplayEqualsTheStoredAnswer(t *testing.T) {
	replies, _ := newReplies(t, api)
	big := strings.Repeat("0123456789abcdef", 20<<10)
	answers := map[string]*queue.Result{
		"plain":                  result(200, "hello", http.Header{"Content-Type": {"text/plain"}}),
		"no type":                result(200, "<html>not sniffed</html>", nil),
		"empty type":             result(200, "x", http.Header{"Content-Type": {""}}),
		"repeated and empty":     result(200, "", http.Header{"X-R": {"1", "", "2", "1"}, "X-E": {"", ""}}),
		"non-ASCII":              result(200, "", http.Header{"X-L": {"caf\xe9"}, "X-U": {"日本"}}),
		"odd names":              result(200, "", http.Header{"X_under.dot!#$%&'*+^`|~": {"1"}}),
		"cookies":                result(200, "", http.Header{"Set-Cookie": {"a=1, 2; Path=/x; HttpOnly", "b=2; Domain=example.com; Path=/"}}),
		"absolute location":      result(303, "", http.Header{"Location": {"https://example.com/a//b"}}),
		"rooted location":        result(302, "", http.Header{"Location": {"/rooted"}}),
		"own correlation ID":     result(200, "x", http.Header{"X-Correlation-Id": {"of-the-app"}, "Referrer-Policy": {"origin"}, "Server": {"app"}}),
		"202 of the app":         result(202, "{}", http.Header{"Location": {"/jobs/1"}, "Retry-After": {"5"}}),
		"204":                    result(204, "", nil),
		"205":                    result(205, "", nil),
		"304 with a type":        result(304, "", http.Header{"Etag": {`"x"`}, "Content-Type": {"text/plain"}}),
		"gzip that is none":      result(200, "not gzip", http.Header{"Content-Encoding": {"gzip"}}),
		"unknown status":         result(599, "odd", nil),
		"via, applied, prefetch": result(200, "", http.Header{"Via": {"1.1 inner"}, "Preference-Applied": {"return=minimal"}, "Link": {"<a>; rel=next"}}),
		"large, inline":          result(200, big, nil),
		"large, streamed":        result(200, big, nil),
		"cache rules":            result(200, "", http.Header{"Cache-Control": {"public, max-age=60", "immutable"}, "Expires": {"0"}, "Age": {"7"}}),
	}
	answers["large, streamed"].Body = queue.StoredBody("ref", int64(len(big)), stored{big})
	for name, answer := range answers {
		for _, held := range []bool{false, true} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				rec := done(answer)
				direct, directBody := ask(t, func(w http.ResponseWriter, _ *http.Request) { giveDirectly(t, w, answer) }, method)
				got, body := ask(t, func(w http.ResponseWriter, r *http.Request) {
					replies.Raw(w, r, rec, reply.RawOptions{Held: held})
				}, method)
				want := direct.Header.Clone()
				want["Openhqm-State"], want["Openhqm-Correlation-Id"] = []string{"COMPLETED"}, []string{rec.ID.String()}
				if !held {
					if rules := want["Cache-Control"]; rules != nil {
						want["Openhqm-Cache-Control"] = rules
					}
					want["Cache-Control"] = []string{"private, no-store"}
				}
				if held && method == http.MethodHead {
					delete(want, "Content-Length") // what a GET would have brought is not known
				}
				if got.StatusCode != direct.StatusCode || body != directBody || !maps.EqualFunc(got.Header, want, slices.Equal) {
					t.Errorf("%s, %s, held %t:\n got %d %v %d bytes\nwant %d %v %d bytes", name, method, held, got.StatusCode, got.Header, len(body),
						direct.StatusCode, want, len(directBody))
				}
			}
		}
	}
}

// giveDirectly answers as an origin that adds nothing would.
func giveDirectly(t *testing.T, w http.ResponseWriter, answer *queue.Result) {
	h := w.Header()
	h["Content-Type"] = nil
	for name, values := range answer.Header {
		h[name] = slices.Clone(values)
	}
	if answer.Status == http.StatusNotModified { // see replayFields
		h["content-type"] = h["Content-Type"]
		delete(h, "Content-Type")
	}
	if answer.Status != 204 && answer.Status != 304 {
		h.Set("Content-Length", itoa(answer.Body.Size()))
	}
	w.WriteHeader(answer.Status)
	body, err := answer.Body.Open(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	defer body.Close()
	_, _ = io.Copy(w, body)
}

func itoa(n int64) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int64) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

func TestReplayDropsWhatIsNotTheEndpointsToSay(t *testing.T) {
	replies, _ := newReplies(t, api)
	answer := result(200, "x", http.Header{
		"Connection": {"X-Nominated, close"}, "X-Nominated": {"gone"}, "Keep-Alive": {"timeout=5"}, "Proxy-Authenticate": {"x"},
		"Transfer-Encoding": {"chunked"}, "Content-Length": {"99"}, "Trailer": {"X-T"}, "Upgrade": {"h2c"}, "Te": {"x"},
		"Openhqm-State": {"FAILED"}, "Openhqm-Anything": {"x"}, "Bad Name": {"1"}, "X-Inject": {"a\r\nSet-Cookie: evil=1", "kept"}, "X-Kept": {"1"},
	})
	resp, body := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Raw(w, r, done(answer), reply.RawOptions{}) }, http.MethodGet)
	resp.Header.Del("OpenHQM-Correlation-Id")
	want := http.Header{"Content-Length": {"1"}, "Date": {date}, "X-Inject": {"kept"}, "X-Kept": {"1"}, "Openhqm-State": {"COMPLETED"},
		"Cache-Control": {"private, no-store"}}
	resp.Header.Del("Connection")
	if !maps.EqualFunc(resp.Header, want, slices.Equal) || body != "x" {
		t.Errorf("%v %q, want %v", resp.Header, body, want)
	}
}

func TestReplayResolvesWhatWasRelativeToTheTarget(t *testing.T) {
	replies, _ := newReplies(t, api)
	tests := []struct{ target, field, value, want string }{
		{"/dir/page?q=1", "Location", "items/7?x=1#f", "/dir/items/7?x=1#f"},
		{"/dir/page?q=1", "Location", "../up", "/dir/../up"},
		{"/dir/page?q=1", "Location", "?x", "/dir/page?x"},
		{"/dir/page?q=1", "Location", "#f", "/dir/page?q=1#f"},
		{"/dir/page?q=1", "Location", "//host/x", "//host/x"},
		{"/dir/page?q=1", "Location", "mailto:a@b", "mailto:a@b"},
		{"/dir/page?q=/1:2", "Location", "a/b:c|ü", "/dir/a/b:c|ü"},
		{"/dir/page?q=1", "Location", "", ""},
		{"/dir/page?q=1", "Set-Cookie", "a=1", "a=1; Path=/dir"},
		{"/dir/page?q=1", "Set-Cookie", "a=1; Secure; path = /x", "a=1; Secure; path = /x"},
		{"/dir/page?q=1", "Set-Cookie", "path=/x", "path=/x; Path=/dir"},
		{"/dir/page?q=1", "Set-Cookie", "a=1; Path=", "a=1; Path=; Path=/dir"},
		{"/dir/page?q=1", "Set-Cookie", "a=1; Path=/x; Path=y", "a=1; Path=/x; Path=y; Path=/dir"},
		{"/page", "Set-Cookie", "a=1", "a=1; Path=/"},
		{"/a;v=1/b/c", "Set-Cookie", "a=1", "a=1; Path=/"},
		{"*", "Set-Cookie", "a=1", "a=1; Path=/"},
	}
	for _, test := range tests {
		rec := done(result(200, "", http.Header{test.field: {test.value}}))
		rec.Request.Target = test.target
		w := httptest.NewRecorder()
		replies.Raw(w, httptest.NewRequest(http.MethodGet, "/", nil), rec, reply.RawOptions{})
		if got := w.Header()[test.field]; len(got) != 1 || got[0] != test.want {
			t.Errorf("%s %q at %s: %q, want %q", test.field, test.value, test.target, got, test.want)
		}
		if rec.Result.Header[test.field][0] != test.value {
			t.Error("the record was changed")
		}
	}
}

func TestReplayTellsTheLengthOfAnAnswerWithoutBody(t *testing.T) {
	replies, _ := newReplies(t, api)
	tests := []struct {
		name       string
		method     string // of the stored request
		status     int
		length     int64
		held       bool
		asked      string
		want, sent string
	}{
		{"HEAD read by GET", "HEAD", 200, 777, false, "GET", "777", "0"},
		{"HEAD read by HEAD", "HEAD", 200, 777, false, "HEAD", "777", "0"},
		{"HEAD held", "HEAD", 200, 777, true, "HEAD", "", "777"},
		{"HEAD without a length", "HEAD", 200, -1, false, "GET", "", "0"},
		{"304", "GET", 304, 12, false, "GET", "12", ""},
		{"304 held", "GET", 304, 12, true, "GET", "12", ""},
		{"204", "GET", 204, 0, false, "GET", "0", ""},
		{"GET", "GET", 200, 0, false, "GET", "", "0"},
	}
	for _, test := range tests {
		rec := done(result(test.status, "", nil))
		rec.Request.Method, rec.Result.Length = test.method, test.length
		resp, _ := ask(t, func(w http.ResponseWriter, r *http.Request) {
			replies.Raw(w, r, rec, reply.RawOptions{Held: test.held})
		}, test.asked)
		if told, sent := resp.Header.Get("OpenHQM-Content-Length"), resp.Header.Get("Content-Length"); told != test.want || sent != test.sent {
			t.Errorf("%s: OpenHQM-Content-Length %q, Content-Length %q; want %q, %q", test.name, told, sent, test.want, test.sent)
		}
	}
}

func TestAnAnswerWithoutADateGetsTheOneOfItsArrival(t *testing.T) {
	replies, _ := newReplies(t, api)
	rec := done(&queue.Result{Status: 200, Length: -1})
	resp, _ := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Raw(w, r, rec, reply.RawOptions{}) }, http.MethodGet)
	if got := resp.Header.Get("Date"); got != received.Format(http.TimeFormat) {
		t.Errorf("Date %q", got)
	}
}

func TestTrailersGoToClientsThatKeepThem(t *testing.T) {
	replies, _ := newReplies(t, api)
	rec := done(result(200, "body", http.Header{"X-After": {"in the head"}}))
	rec.Result.Trailer = http.Header{"X-After": {"1", "2"}, "Content-Length": {"9"}, "Openhqm-X": {"1"}}
	handler := func(w http.ResponseWriter, r *http.Request) { replies.Raw(w, r, rec, reply.RawOptions{}) }
	resp, body := ask(t, handler, http.MethodGet, "Te", "trailers")
	if body != "body" || !maps.EqualFunc(resp.Trailer, http.Header{"X-After": {"1", "2"}}, slices.Equal) {
		t.Errorf("%q, trailers %v", body, resp.Trailer)
	}
	if resp, _ := ask(t, handler, http.MethodGet); len(resp.Trailer) != 0 || resp.Header.Get("Content-Length") != "4" {
		t.Errorf("without TE: trailers %v, Content-Length %q", resp.Trailer, resp.Header.Get("Content-Length"))
	}
}

func TestARecordWithoutAnAnswerIsAProblem(t *testing.T) {
	replies, _ := newReplies(t, api)
	tests := []struct {
		name   string
		change func(*queue.Record)
		status int
		kind   string
		state  string
	}{
		{"cancelled", func(r *queue.Record) { r.State, r.Result = queue.Cancelled, nil }, 409, "cancelled", "CANCELLED"},
		{"expired", func(r *queue.Record) { r.State, r.Result = queue.Expired, nil }, 504, "expired", "TIMEOUT"},
		{"failed", func(r *queue.Record) { r.State, r.Reason, r.Result = queue.Dead, queue.ReasonAttemptsExhausted, nil }, 502, "failed", "FAILED"},
		{"unknown", func(r *queue.Record) { r.State, r.Reason, r.Result = queue.Dead, queue.ReasonUnknownOutcome, nil }, 504, "unknown-outcome", "FAILED"},
		{"truncated", func(r *queue.Record) { r.Result.Truncated = true }, 502, "truncated", "COMPLETED"},
		{"not final", func(r *queue.Record) { r.Result.Status = 101 }, 502, "unusable-answer", "COMPLETED"},
		{"pending", func(r *queue.Record) { r.State, r.Result = queue.Ready, nil }, 202, "", "PENDING"},
		{"running", func(r *queue.Record) { r.State, r.Result = queue.Leased, nil }, 202, "", "PROCESSING"},
	}
	for _, test := range tests {
		rec := done(result(200, "part", nil))
		test.change(rec)
		resp, body := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Raw(w, r, rec, reply.RawOptions{}) }, http.MethodGet)
		if resp.StatusCode != test.status || !strings.Contains(body, test.kind) || resp.Header.Get("OpenHQM-State") != test.state ||
			resp.Header.Get("OpenHQM-Correlation-Id") != rec.ID.String() || resp.Header.Get("OpenHQM-Source") != "openhqm" {
			t.Errorf("%s: %d %s %v", test.name, resp.StatusCode, body, resp.Header)
		}
		if pending := test.status == 202; pending != (resp.Header.Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", test.name, resp.Header.Get("Retry-After"))
		}
	}
}

func TestATruncatedAnswerIsGivenOnDemandAndFlagged(t *testing.T) {
	replies, _ := newReplies(t, api)
	rec := done(result(200, "part", nil))
	rec.Result.Truncated, rec.Result.Length = true, 1000
	resp, body := ask(t, func(w http.ResponseWriter, r *http.Request) { replies.Raw(w, r, rec, reply.RawOptions{Partial: true}) }, http.MethodGet)
	if resp.StatusCode != 200 || body != "part" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	wantFields(t, resp.Header, map[string]string{"OpenHQM-Truncated": "true", "OpenHQM-Content-Length": "1000", "Content-Length": "4"})
}

// broken fails in the middle.
type broken struct{ err error }

func (b broken) OpenBody(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 40<<10)), failing(b))), nil
}

type failing broken

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestABodyThatCannotBeReadToItsEndEndsTheConnection(t *testing.T) {
	for name, err := range map[string]error{"corrupt": queue.ErrCorrupt, "short": io.EOF} {
		replies, log := newReplies(t, api)
		rec := done(result(200, "", nil))
		rec.Result.Body = queue.StoredBody("ref", 50<<10, broken{err})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { replies.Raw(w, r, rec, reply.RawOptions{}) }))
		resp, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: the client read to the end: %v", name, err)
		}
		resp.Body.Close()
		server.Close()
		if !strings.Contains(log.String(), rec.ID.String()) {
			t.Errorf("%s: not logged: %s", name, log)
		}
	}
}
