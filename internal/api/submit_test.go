package api_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/queue"
)

func TestSubmitStoresWhatTheEnvelopeSays(t *testing.T) {
	for name, c := range map[string]struct {
		envelope string
		check    func(t *testing.T, r *queue.Record)
	}{
		"payload byte for byte": {`{"payload": {"b": 1.0e2, "a":[1, 2 ], "ü": "\u00e9"} }`, func(t *testing.T, r *queue.Record) {
			want(t, bodyOf(t, r.Request.Body), `{"b": 1.0e2, "a":[1, 2 ], "ü": "\u00e9"}`)
			want(t, r.Request.Header.Get("Content-Type"), "application/json")
			want(t, r.Request.Method, "POST")
			want(t, r.Queue, "legacy")
			want(t, r.Endpoint, "legacy")
			want(t, r.OnLost, queue.OnLostFail)
			want(t, r.Request.Host, "")
		}},
		"payload of any type":    {`{"payload": "text"}`, func(t *testing.T, r *queue.Record) { want(t, bodyOf(t, r.Request.Body), `"text"`) }},
		"payload null":           {`{"payload":null,"headers":null,"metadata":null}`, func(t *testing.T, r *queue.Record) { want(t, bodyOf(t, r.Request.Body), "null") }},
		"payload after the rest": {`{"metadata":{},"unknown":[{}],"payload":[]}`, func(t *testing.T, r *queue.Record) { want(t, bodyOf(t, r.Request.Body), "[]") }},
		"headers": {`{"payload":1,"headers":{"x-one":"1","content-type":"application/vnd.x+json","Authorization":"Bearer t","Host":"shop.example",
			"Connection":"close","Content-Length":"9","Transfer-Encoding":"chunked","openhqm-delivery":"7","X-Forwarded-For":"1.2.3.4","X-Empty":""}}`, func(t *testing.T, r *queue.Record) {
			got := slices.Sorted(maps.Keys(r.Request.Header))
			want(t, fmt.Sprint(got), "[Authorization Content-Type X-Empty X-One]")
			want(t, r.Request.Header.Get("Content-Type"), "application/vnd.x+json")
			want(t, r.Request.Host, "shop.example")
		}},
		"metadata": {`{"payload":1,"metadata":{"priority":9,"timeout":2.5,"endpoint":"billing","method":"PATCH","path":"/a%2Fb?x=1",
			"retry_count":2,"type":"order","session_id":17,"partition_key":{"deep":[1]},"tenant_id":null}}`, func(t *testing.T, r *queue.Record) {
			want(t, r.Priority, uint8(9))
			want(t, r.AttemptTimeout, 2500*time.Millisecond)
			want(t, r.Queue, "billing")
			want(t, r.Request.Method, "PATCH")
			want(t, r.Request.Target, "/a%2Fb?x=1")
			for _, free := range []string{`"retry_count":2`, `"type":"order"`, `"session_id":17`, `"partition_key":{"deep":[1]}`, `"tenant_id":null`} {
				if !strings.Contains(string(r.Metadata), free) {
					t.Errorf("metadata %s lost %s", r.Metadata, free)
				}
			}
		}},
		"the endpoint's own method": {`{"payload":1,"metadata":{"endpoint":"billing"}}`, func(t *testing.T, r *queue.Record) {
			want(t, r.Request.Method, "PUT")
			want(t, r.OnLost, queue.OnLostRedeliver)
		}},
		"members that are null": {`{"payload":1,"metadata":{"priority":null,"timeout":null,"endpoint":null,"method":null,"path":null,"delay":null,"not_before":null}}`,
			func(t *testing.T, r *queue.Record) { want(t, r.State, queue.Ready) }},
		"delay": {`{"payload":1,"metadata":{"delay":"90s"}}`, func(t *testing.T, r *queue.Record) {
			want(t, r.State, queue.Scheduled)
			want(t, r.NotBefore.Sub(r.AcceptedAt), 90*time.Second)
		}},
		"not before": {fmt.Sprintf(`{"payload":1,"metadata":{"delay":1,"not_before":%q}}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)),
			func(t *testing.T, r *queue.Record) {
				want(t, r.State, queue.Scheduled)
				want(t, r.NotBefore.Sub(r.AcceptedAt) > 59*time.Minute, true)
			}},
		"the earlier deadline": {fmt.Sprintf(`{"payload":1,"metadata":{"max_age":"10m","deadline":%q}}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)),
			func(t *testing.T, r *queue.Record) { want(t, r.Deadline.Sub(r.AcceptedAt), 10*time.Minute) }},
		"ordering key": {`{"payload":1,"metadata":{"ordering_key":"account 7"}}`, func(t *testing.T, r *queue.Record) {
			want(t, r.Lane, queue.Lane{Key: "account 7", Bound: 1})
		}},
		"a time that has passed": {`{"payload":1,"metadata":{"not_before":"2020-01-01T00:00:00Z"}}`, func(t *testing.T, r *queue.Record) {
			want(t, r.State, queue.Ready)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c.check(t, f.record(f.submit(c.envelope)))
		})
	}
}

func TestSubmitOfADelayedMessageSaysToComeBackWhenItIsDue(t *testing.T) {
	f := newFixture(t)
	for envelope, value := range map[string]string{
		`{"payload":1,"metadata":{"delay":"1h"}}`: "60",
		fmt.Sprintf(`{"payload":1,"metadata":{"not_before":%q}}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)): "60",
		`{"payload":1}`: "1",
	} {
		want(t, f.call("POST", "/api/v1/submit", envelope).wants(http.StatusAccepted).Header().Get("Retry-After"), value)
	}
}

func TestSubmitIsAnsweredWithWhereToLook(t *testing.T) {
	f := newFixture(t)
	a := f.call("POST", "/api/v1/submit", `{"payload":{"a":1}}`, "Prefer", "respond-async").wants(http.StatusAccepted)
	var accepted client.Accepted
	a.into(&accepted)
	want(t, accepted.Status, client.Pending)
	want(t, accepted.Links.Raw, "/api/v1/response/"+accepted.CorrelationID+"/raw")
	for name, value := range map[string]string{"Location": accepted.Links.Raw, "OpenHQM-Source": "openhqm", "OpenHQM-State": "PENDING",
		"OpenHQM-Correlation-Id": accepted.CorrelationID, "OpenHQM-Durability": "memory", "Preference-Applied": "respond-async",
		"Cache-Control": "no-store"} {
		want(t, a.Header().Get(name), value)
	}
	if a.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if accepted.ExpiresAt == nil || accepted.ExpiresAt.Sub(accepted.SubmittedAt).Round(time.Minute) != 24*time.Hour {
		t.Errorf("expires_at %v, want a day after %v", accepted.ExpiresAt, accepted.SubmittedAt)
	}
}

func TestRefusedSubmitStoresNothing(t *testing.T) {
	huge := `{"payload":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, c := range map[string]struct {
		envelope string
		status   int
		kind     string
		names    string // what the detail has to name
		pointer  string
	}{
		"empty":                     {"", 400, "bad-json", "too early", ""},
		"not JSON":                  {"payload=1", 400, "bad-json", "near byte", ""},
		"cut":                       {`{"payload":{"a":`, 400, "bad-json", "too early", ""},
		"an array":                  {`[]`, 400, "bad-json", "as a submit needs it", ""},
		"something behind":          {`{"payload":1} {}`, 400, "bad-json", "follows", ""},
		"a stray comma":             {`{"payload":1,}`, 400, "bad-json", "near byte", ""},
		"no payload":                {`{"Payload":1}`, 400, "invalid-message", "missing", "#/payload"},
		"payload twice":             {`{"payload":1,"payload":2}`, 400, "invalid-message", "twice", "#/payload"},
		"headers no object":         {`{"payload":1,"headers":[]}`, 400, "invalid-message", "object", "#/headers"},
		"a header that is a number": {`{"payload":1,"headers":{"X-A":1}}`, 400, "invalid-message", "text", "#/headers/X-A"},
		"a header that is null":     {`{"payload":1,"headers":{"X-A":null}}`, 400, "invalid-message", "text", "#/headers/X-A"},
		"a header name":             {`{"payload":1,"headers":{"a/b c":"1"}}`, 400, "invalid-message", "name", "#/headers/a~1b%20c"},
		"a header value":            {`{"payload":1,"headers":{"X-A":"1\r\nX-B: 2"}}`, 400, "invalid-message", "line breaks", "#/headers/X-A"},
		"metadata no object":        {`{"payload":1,"metadata":7}`, 400, "invalid-message", "object", "#/metadata"},
		"priority too high":         {`{"payload":1,"metadata":{"priority":10}}`, 400, "invalid-message", "0 to 9", "#/metadata/priority"},
		"priority as text":          {`{"payload":1,"metadata":{"priority":"5"}}`, 400, "invalid-message", "0 to 9", "#/metadata/priority"},
		"timeout zero":              {`{"payload":1,"metadata":{"timeout":0}}`, 400, "invalid-message", "above 0", "#/metadata/timeout"},
		"timeout without end":       {`{"payload":1,"metadata":{"timeout":1e300}}`, 400, "invalid-message", "above 0, at most 316224000", "#/metadata/timeout"},
		"timeout of long words":     {`{"payload":1,"metadata":{"timeout":"90000h"}}`, 400, "invalid-message", "at most 316224000", "#/metadata/timeout"},
		"delay without end":         {`{"payload":1,"metadata":{"delay":1e300}}`, 400, "invalid-message", "at most 316224000", "#/metadata/delay"},
		"retry_count":               {`{"payload":1,"metadata":{"retry_count":-1}}`, 400, "invalid-message", "0 or more", "#/metadata/retry_count"},
		"method":                    {`{"payload":1,"metadata":{"method":"GET IT"}}`, 400, "invalid-message", "method", "#/metadata/method"},
		"method CONNECT":            {`{"payload":1,"metadata":{"method":"CONNECT"}}`, 400, "invalid-message", "CONNECT", "#/metadata/method"},
		"path relative":             {`{"payload":1,"metadata":{"path":"orders"}}`, 400, "invalid-message", "slash", "#/metadata/path"},
		"path of another host":      {`{"payload":1,"metadata":{"path":"//evil/x"}}`, 400, "invalid-message", "slash", "#/metadata/path"},
		"path that climbs":          {`{"payload":1,"metadata":{"path":"/a/%2e%2e/%2E./b"}}`, 400, "invalid-message", "..", "#/metadata/path"},
		"path with a blank":         {`{"payload":1,"metadata":{"path":"/a b"}}`, 400, "invalid-message", "percent", "#/metadata/path"},
		"path with a bad escape":    {`{"payload":1,"metadata":{"path":"/a%zz"}}`, 400, "invalid-message", "percent", "#/metadata/path"},
		"delay negative":            {`{"payload":1,"metadata":{"delay":-1}}`, 400, "invalid-message", "0 or more", "#/metadata/delay"},
		"not_before":                {`{"payload":1,"metadata":{"not_before":"tomorrow"}}`, 400, "invalid-message", "RFC 3339", "#/metadata/not_before"},
		"max_age zero":              {`{"payload":1,"metadata":{"max_age":0}}`, 400, "invalid-message", "above 0", "#/metadata/max_age"},
		"deadline":                  {`{"payload":1,"metadata":{"deadline":17}}`, 400, "invalid-message", "RFC 3339", "#/metadata/deadline"},
		"deadline that has passed":  {`{"payload":1,"metadata":{"deadline":"2020-01-01T00:00:00Z"}}`, 400, "invalid-message", "later", "#/metadata/deadline"},
		"ordering_key empty":        {`{"payload":1,"metadata":{"ordering_key":""}}`, 400, "invalid-message", "1 to 512", "#/metadata/ordering_key"},
		"ordering_key a number":     {`{"payload":1,"metadata":{"ordering_key":7}}`, 400, "invalid-message", "text", "#/metadata/ordering_key"},
		"ordering_key of two lines": {`{"payload":1,"metadata":{"ordering_key":"a\nb"}}`, 400, "invalid-message", "control", "#/metadata/ordering_key"},
		"delay behind its max_age":  {`{"payload":1,"metadata":{"delay":"2h","max_age":"1h"}}`, 400, "invalid-message", "later deadline", ""},
		"delay behind the deadline": {`{"payload":1,"metadata":{"delay":"25h"}}`, 400, "invalid-message", "max_age", ""},
		"an unknown endpoint":       {`{"payload":1,"metadata":{"endpoint":"http://evil/"}}`, 404, "unknown-endpoint", "billing, legacy", ""},
		"headers too large":         {`{"payload":1,"headers":{"X":"` + strings.Repeat("x", 300<<10) + `"}}`, 400, "invalid-message", "at most", "#/headers"},
		"body too large":            {huge, 413, "body-too-large", "max_request_size", ""},
		"large and cut":             {huge[:200<<10], 400, "bad-json", "too early", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			p := f.call("POST", "/api/v1/submit", c.envelope).wants(c.status).problem(c.kind)
			if !strings.Contains(p["detail"].(string), c.names) {
				t.Errorf("detail %q does not name %q", p["detail"], c.names)
			}
			if c.pointer != "" {
				first := p["errors"].([]any)[0].(map[string]any)
				want(t, first["pointer"], any(c.pointer))
			}
			want(t, f.accepted(), 0)
		})
	}
}

func TestEveryWrongMemberIsNamedAtOnce(t *testing.T) {
	f := newFixture(t)
	p := f.call("POST", "/api/v1/submit", `{"payload":1,"headers":{"X-B":1,"X-A":2},"metadata":{"timeout":-1,"priority":99}}`).wants(400).problem("invalid-message")
	var pointers []string
	for _, e := range p["errors"].([]any) {
		pointers = append(pointers, e.(map[string]any)["pointer"].(string))
	}
	want(t, fmt.Sprint(pointers), "[#/headers/X-A #/headers/X-B #/metadata/priority #/metadata/timeout]")
}

func TestCutUploadIsRefused(t *testing.T) {
	f := newFixture(t)
	for _, length := range []int{100, 200 << 10} {
		r := httptest.NewRequest("POST", "/api/v1/submit", io.MultiReader(strings.NewReader(`{"payload":"`+strings.Repeat("x", length)),
			errorReader{io.ErrUnexpectedEOF}))
		w := httptest.NewRecorder()
		f.producer.ServeHTTP(w, r)
		answer{w, t}.wants(400).problem("bad-framing")
	}
	want(t, f.accepted(), 0)
}

func TestDawdlingUploadIsEnded(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequest("POST", "/api/v1/submit", errorReader{os.ErrDeadlineExceeded})
	w := httptest.NewRecorder()
	f.producer.ServeHTTP(w, r)
	a := answer{w, t}.wants(408)
	a.problem("request-timeout")
	want(t, a.Header().Get("Connection"), "close")
	want(t, f.accepted(), 0)
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

func TestLargePayloadIsStoredByteForByte(t *testing.T) {
	f := newFixture(t)
	for _, colon := range []string{":", " : ", ":\n\t"} {
		payload := `{"text":"` + strings.Repeat("payload ü ", 20_000) + `", "n": [ 1.50 ]}`
		id := f.submit(`{ "metadata":{"endpoint":"billing"}, "payload"` + colon + payload + "\n}\n")
		rec := f.record(id)
		if got := bodyOf(t, rec.Request.Body); got != payload {
			t.Errorf("%d bytes beginning %q, want %d", len(got), got[:min(20, len(got))], len(payload))
		}
	}
}

func TestSubmitChoosesItsTarget(t *testing.T) {
	t.Run("the demo handler without an endpoint", func(t *testing.T) {
		f := newFixture(t, demo)
		rec := f.record(f.submit(`{"payload":{"operation":"echo","data":1}}`))
		want(t, rec.Queue, "demo")
		want(t, rec.Endpoint, "")
	})
	t.Run("nothing where there is no default", func(t *testing.T) {
		f := newFixture(t, func(s *setup) { s.targets.fallback = "" })
		p := f.call("POST", "/api/v1/submit", `{"payload":1}`).wants(404).problem("unknown-endpoint")
		for _, name := range []string{"billing, legacy", "metadata.endpoint", "proxy.default_endpoint"} {
			if !strings.Contains(p["detail"].(string), name) {
				t.Errorf("detail %q does not name %q", p["detail"], name)
			}
		}
	})
}

func TestRepeatedIdempotencyKeyIsOneMessage(t *testing.T) {
	f := newFixture(t)
	const envelope = `{"payload":{"order":1}}`
	first := f.submit(envelope, "Idempotency-Key", `"k-1"`)
	want(t, f.submit(envelope, "Idempotency-Key", "k-1"), first)
	want(t, f.record(first).Request.Header.Get("Idempotency-Key"), `"k-1"`)
	f.call("POST", "/api/v1/submit", `{"payload":{"order":2}}`, "Idempotency-Key", "k-1").wants(422).problem("key-reused")
	f.call("POST", "/api/v1/submit", envelope, "Idempotency-Key", "a", "Idempotency-Key", "b").wants(400)
	f.call("POST", "/api/v1/submit", envelope, "Idempotency-Key", strings.Repeat("k", 600)).wants(400)
	if other := f.submit(`{"payload":{"order":1},"metadata":{"endpoint":"billing"}}`, "Idempotency-Key", "k-1"); other == first {
		t.Error("a submit to another endpoint joined the first one")
	}
	want(t, f.accepted(), 2)
	f.settle(f.lease("legacy"), answered(200, "{}"))
	var again client.Accepted
	f.call("POST", "/api/v1/submit", envelope, "Idempotency-Key", "k-1").wants(202).into(&again)
	want(t, again.Status, client.Completed)
}

func TestSubmitAsksByItsOwnFieldsToo(t *testing.T) {
	f := newFixture(t)
	rec := f.record(f.submit(`{"payload":1,"metadata":{"delay":5}}`, "OpenHQM-Priority", "4", "OpenHQM-Ordering-Key", "k", "OpenHQM-Max-Age", "1h"))
	want(t, rec.Priority, uint8(4))
	want(t, rec.Lane.Key, "k")
	want(t, rec.NotBefore.Sub(rec.AcceptedAt), 5*time.Second)
	want(t, rec.Deadline.Sub(rec.AcceptedAt), time.Hour)
	p := f.call("POST", "/api/v1/submit", `{"payload":1,"metadata":{"not_before":"2030-01-31T08:00:00Z"}}`,
		"OpenHQM-Not-Before", "2030-01-31T08:00:00Z").wants(400).problem("invalid-message")
	if detail := p["detail"].(string); !strings.Contains(detail, "/metadata/not_before") || !strings.Contains(detail, "OpenHQM-Not-Before") {
		t.Errorf("detail %q", detail)
	}
	f.call("POST", "/api/v1/submit", `{"payload":1}`, "OpenHQM-Priority", "12").wants(400).problem("bad-parameter")
	want(t, f.accepted(), 1)
	// A repeat of one that came in time.
	f.submit(`{"payload":1,"metadata":{"deadline":"2020-01-01T00:00:00Z"}}`, "Idempotency-Key", "k")
}

func TestSubmitKeepsTheTermsOfItsEndpoint(t *testing.T) {
	f := newFixture(t, func(s *setup) {
		s.targets.all[0].Terms = ingress.Terms{RequireKey: true, CallerHeader: "X-Tenant", Ordering: ingress.KeySource{Header: "X-Account"}, OnDead: queue.OnDeadBlock}
	})
	const envelope = `{"payload":1,"headers":{"x-account":"7"}}`
	p := f.call("POST", "/api/v1/submit", envelope).wants(400).problem("bad-parameter")
	if detail := p["detail"].(string); !strings.Contains(detail, "Idempotency-Key is missing") {
		t.Errorf("detail %q", detail)
	}
	f.call("POST", "/api/v1/submit", `{"payload":1,"headers":{"x-account":"7"},"metadata":{"ordering_key":"8"}}`, "Idempotency-Key", "k").
		wants(400).problem("bad-parameter")
	want(t, f.accepted(), 0)
	f.submit(`{"payload":null,"metadata":{"method":"GET"}}`) // a safe request needs no key
	f.submit(`{"payload":1,"metadata":{"endpoint":"billing"}}`)
	one := f.submit(envelope, "Idempotency-Key", "k", "X-Tenant", "one")
	two := f.submit(envelope, "Idempotency-Key", "k", "X-Tenant", "two")
	want(t, f.submit(envelope, "Idempotency-Key", "k", "X-Tenant", "one"), one)
	if one == two {
		t.Error("two callers share one key")
	}
	rec := f.record(two)
	want(t, rec.Caller, "two")
	want(t, rec.Lane, queue.Lane{Key: "7", Bound: 1, OnDead: queue.OnDeadBlock})
	want(t, f.status(two).OrderingKey, "7")
}

func TestForwardedTokenBoundsTheDeadline(t *testing.T) {
	expires := time.Now().Add(10 * time.Minute).Truncate(time.Second)
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, expires.Unix()))
	envelope := `{"payload":1,"headers":{"Authorization":"Bearer e30.` + claims + `.x"}}`
	for forwards, deadline := range map[bool]time.Duration{true: 10 * time.Minute, false: 24 * time.Hour} {
		f := newFixture(t, func(s *setup) { s.targets.all[0].ForwardsAuthorization = forwards })
		rec := f.record(f.submit(envelope))
		want(t, rec.Deadline.Sub(rec.AcceptedAt).Round(time.Minute), deadline)
	}
}

func TestFullQueueRefusesWithRetryAfter(t *testing.T) {
	f := newFixture(t)
	for range 1000 {
		f.submit(`{"payload":1}`)
	}
	a := f.call("POST", "/api/v1/submit", `{"payload":1}`).wants(503)
	a.problem("queue-full")
	if a.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	want(t, f.accepted(), 1000)
}

func want[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestASubmitTakesNoContentEncoding(t *testing.T) {
	f := newFixture(t)
	a := f.call("POST", "/api/v1/submit", "\x1f\x8b", "Content-Encoding", "gzip").wants(415)
	if p := a.problem("unsupported-media-type"); !strings.Contains(p["detail"].(string), `Content-Encoding "gzip"`) {
		t.Errorf("detail %v", p["detail"])
	}
	want(t, a.Header().Get("Accept-Encoding"), "identity") // RFC 9110 15.5.16
	want(t, f.accepted(), 0)
	f.call("POST", "/api/v1/submit", `{"payload":1}`, "Content-Encoding", "identity").wants(202)
}
