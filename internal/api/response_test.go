package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestResponseEnvelopeHoldsAnyResult(t *testing.T) {
	long := strings.Repeat("långer text \"quoted\" <&>\n", 10_000)
	bytesOf := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, c := range map[string]struct {
		contentType, encoding, body string
		result                      string
	}{
		"an object":                 {"application/json", "", `{"a": 1.50, "b":[1,2]}`, `{"a": 1.50, "b":[1,2]}`},
		"an array":                  {"application/json; charset=utf-8", "", `[1,2]`, `[1,2]`},
		"a number":                  {"application/problem+json", "", "7", "7"},
		"null":                      {"application/json", "", "null", "null"},
		"a long JSON":               {"application/json", "", `[` + strings.Repeat(`"x",`, 50_000) + `1]`, `[` + strings.Repeat(`"x",`, 50_000) + `1]`},
		"JSON without a type":       {"", "", `{"a":1}`, `{"a":1}`},
		"what calls itself JSON":    {"application/json", "", `{"a":`, `{"response":"{\"a\":","content_type":"application/json"}`},
		"two JSON values":           {"application/json", "", "1 2", `{"response":"1 2","content_type":"application/json"}`},
		"JSON that is not UTF-8":    {"application/json", "", "\"\xff\"", `{"response_base64":"` + bytesOf("\"\xff\"") + `","content_type":"application/json"}`},
		"text":                      {"text/plain", "", "hello \u2028 \x01 <b>", `{"response":"hello \u2028 \u0001 \u003cb\u003e","content_type":"text/plain"}`},
		"long text":                 {"text/html", "", long, textResult(long, "text/html")},
		"XML":                       {"application/soap+xml; charset=UTF-8", "", "<a/>", textResult("<a/>", "application/soap+xml; charset=UTF-8")},
		"text without a type":       {"", "", "hello", textResult("hello", "")},
		"text of another charset":   {"text/plain; charset=iso-8859-1", "", "caf\xe9", `{"response_base64":"` + bytesOf("caf\xe9") + `","content_type":"text/plain; charset=iso-8859-1"}`},
		"text that is not UTF-8":    {"text/plain", "", "caf\xe9", `{"response_base64":"` + bytesOf("caf\xe9") + `","content_type":"text/plain"}`},
		"bytes":                     {"image/png", "", "\x89PNG\r\n", `{"response_base64":"` + bytesOf("\x89PNG\r\n") + `","content_type":"image/png"}`},
		"nothing":                   {"text/plain", "", "", "null"},
		"gzip of JSON":              {"application/json", "gzip", gzipped(`{"a":1}`), `{"a":1}`},
		"gzip of text":              {"text/plain", "GZIP", gzipped("hello"), textResult("hello", "text/plain")},
		"gzip of bytes":             {"image/png", "gzip", gzipped("\x89PNG"), `{"response_base64":"` + bytesOf("\x89PNG") + `","content_type":"image/png"}`},
		"gzip that is none":         {"text/plain", "gzip", "hello", `{"response_base64":"` + bytesOf("hello") + `","content_type":"text/plain","content_encoding":"gzip"}`},
		"gzip that is cut":          {"application/json", "gzip", gzipped(`{"a":1}`)[:20], `{"response_base64":"` + bytesOf(gzipped(`{"a":1}`)[:20]) + `","content_type":"application/json","content_encoding":"gzip"}`},
		"gzip beyond the limit":     {"text/plain", "gzip", gzipped(strings.Repeat("x", 3<<20)), `{"response_base64":"` + bytesOf(gzipped(strings.Repeat("x", 3<<20))) + `","content_type":"text/plain","content_encoding":"gzip"}`},
		"an encoding unknown to us": {"text/plain", "br", "\x0b\x02", `{"response_base64":"` + bytesOf("\x0b\x02") + `","content_type":"text/plain","content_encoding":"br"}`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(s *setup) { s.config.MaxResultSize = 2 << 20 })
			fields := []string{"X-App", "1"}
			if c.contentType != "" {
				fields = append(fields, "Content-Type", c.contentType)
			}
			if c.encoding != "" {
				fields = append(fields, "Content-Encoding", c.encoding)
			}
			id := f.finish(stored(t, f, answered(200, c.body, fields...)))
			a := f.call("GET", "/api/v1/response/"+id.String(), "").wants(200)
			var r client.Response
			a.into(&r)
			if string(r.Result) != c.result {
				t.Errorf("result %.200s, want %.200s", r.Result, c.result)
			}
			want(t, r.Status, client.Completed)
			want(t, *r.StatusCode, 200)
			want(t, *r.ProcessingTimeMS, 12)
			want(t, fmt.Sprint(r.Headers["X-App"]), "[1]")
			want(t, r.Error == nil, true)
			want(t, a.Header().Get("OpenHQM-State"), client.Completed)
			want(t, f.call("HEAD", "/api/v1/response/"+id.String(), "").wants(200).Header().Get("Content-Type"), "application/json")
		})
	}
}

func textResult(text, contentType string) string {
	q, _ := json.Marshal(text)
	ct, _ := json.Marshal(contentType)
	return `{"response":` + string(q) + `,"content_type":` + string(ct) + `}`
}

// stored puts a large body of an answer beside the records, as a worker would.
func stored(t *testing.T, f *fixture, o queue.Outcome) queue.Outcome {
	t.Helper()
	content := bodyOf(t, o.Result.Body)
	if len(content) > queue.InlineLimit {
		body, err := queue.ReceiveBody(t.Context(), f.broker.Bodies(), strings.NewReader(content), -1, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		o.Result.Body = body
	}
	return o
}

func TestResponseHasTheMembersOfThePythonVersion(t *testing.T) {
	f := newFixture(t)
	id := f.finish(answered(200, `{}`, "Content-Type", "application/json", "Set-Cookie", "a=1", "Set-Cookie", "b=2"))
	var members map[string]any
	f.call("GET", "/api/v1/response/"+id.String(), "").wants(200).into(&members)
	for _, name := range []string{"correlation_id", "status", "result", "headers", "status_code", "error", "processing_time_ms", "completed_at"} {
		if _, ok := members[name]; !ok {
			t.Errorf("no member %s", name)
		}
		delete(members, name)
	}
	if len(members) > 0 {
		t.Errorf("further members %v", members)
	}
	var r client.Response
	f.call("GET", "/api/v1/response/"+id.String(), "").into(&r)
	want(t, fmt.Sprint(r.Headers["Set-Cookie"]), "[a=1 b=2]")
}

func TestResponseWithoutAResult(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(f *fixture, id queue.ID)
		code   int
		status string
		errors string
	}{
		"waiting":   {func(*fixture, queue.ID) {}, 202, client.Pending, ""},
		"running":   {func(f *fixture, _ queue.ID) { f.lease("legacy") }, 202, client.Processing, ""},
		"cancelled": {func(f *fixture, id queue.ID) { f.call("DELETE", "/api/v1/requests/"+id.String(), "") }, 200, client.Cancelled, "cancelled"},
		"unknown": {func(f *fixture, _ queue.ID) {
			f.settle(f.lease("legacy"), queue.Outcome{Class: queue.Unanswered, Err: errors.New("connection reset")})
		}, 200, client.Failed, "connection reset"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id := f.submit(`{"payload":1}`)
			c.end(f, id)
			a := f.call("GET", "/api/v1/response/"+id.String(), "").wants(c.code)
			var r client.Response
			a.into(&r)
			want(t, r.Status, c.status)
			want(t, string(r.Result), "null")
			got := ""
			if r.Error != nil {
				got = *r.Error
			}
			want(t, got, c.errors)
			want(t, a.Header().Get("Retry-After") != "", c.code == 202)
			want(t, a.Header().Get("OpenHQM-State"), c.status)
		})
	}
}

func TestFailedResponseKeepsTheLastAnswer(t *testing.T) {
	f := newFixture(t)
	id := f.finish(answered(500, `{"fault":1}`, "Content-Type", "application/json"))
	var r client.Response
	f.call("GET", "/api/v1/response/"+id.String(), "").wants(200).into(&r)
	want(t, r.Status, client.Failed)
	want(t, *r.StatusCode, 500)
	want(t, string(r.Result), `{"fault":1}`)
	want(t, r.Reason, "endpoint_error")
	want(t, *r.Error, "the endpoint answered 500")

	f.call("GET", "/api/v1/response/"+f.finish(answered(502, "")).String(), "").wants(200).into(&r)
	want(t, r.Reason, "unknown_outcome")
	want(t, *r.Error, "the endpoint answered 502, which leaves open whether the request was executed")
}

func TestTruncatedResultIsFlagged(t *testing.T) {
	f := newFixture(t)
	o := answered(200, `{"a":[1,2`, "Content-Type", "application/json")
	o.Result.Truncated = true
	id := f.finish(o)
	var r client.Response
	f.call("GET", "/api/v1/response/"+id.String(), "").wants(200).into(&r)
	want(t, r.Truncated, true)
	want(t, string(r.Result), `{"response":"{\"a\":[1,2","content_type":"application/json"}`)
	f.call("GET", "/api/v1/response/"+id.String()+"/raw", "").wants(502).problem("truncated")
	want(t, f.call("GET", "/api/v1/response/"+id.String()+"/raw?partial=1", "").wants(200).Body.String(), `{"a":[1,2`)
}

func TestRawReplaysTheAnswer(t *testing.T) {
	f := newFixture(t)
	body := gzipped("hello")
	id := f.submit(`{"payload":1}`)
	a := f.call("GET", "/api/v1/response/"+id.String()+"/raw", "").wants(202)
	want(t, a.Header().Get("OpenHQM-Source"), "openhqm")
	if a.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After while pending")
	}
	f.settle(f.lease("legacy"), answered(418, body, "Content-Encoding", "gzip", "Set-Cookie", "a=1; Path=/", "Set-Cookie", "b=2; Path=/",
		"Access-Control-Allow-Origin", "https://shop.example"))
	for range 2 {
		a = f.call("GET", "/api/v1/response/"+id.String()+"/raw", "", "Origin", "https://shop.example").wants(418)
		want(t, a.Body.String(), body)
		want(t, a.Header().Get("OpenHQM-Source"), "")
		want(t, a.Header().Get("OpenHQM-State"), client.Completed)
		want(t, fmt.Sprint(a.Header()["Set-Cookie"]), "[a=1; Path=/ b=2; Path=/]")
		want(t, fmt.Sprint(a.Header()["Access-Control-Allow-Origin"]), "[https://shop.example]")
	}
	want(t, f.call("HEAD", "/api/v1/response/"+id.String()+"/raw", "").wants(418).Body.Len(), 0)
}

func TestRawOfAnEndWithoutAnAnswerIsAProblem(t *testing.T) {
	f := newFixture(t)
	id := f.finish(queue.Outcome{Class: queue.Unanswered, Err: errors.New("connection reset")})
	a := f.call("GET", "/api/v1/response/"+id.String()+"/raw", "").wants(http.StatusGatewayTimeout)
	a.problem("unknown-outcome")
	want(t, a.Header().Get("OpenHQM-State"), client.Failed)
}

func TestEvery202SaysWhereAndWhenToLookAgain(t *testing.T) {
	f := newFixture(t)
	id := f.submit(`{"payload":1}`)
	path := "/api/v1/response/" + id.String()
	look := func(a answer) {
		t.Helper()
		want(t, a.wants(http.StatusAccepted).Header().Get("Location"), path+"/raw")
		if seconds, err := strconv.Atoi(a.Header().Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("Retry-After %q, want seconds", a.Header().Get("Retry-After"))
		}
	}
	look(f.call("GET", path, ""))
	look(f.call("GET", path+"/raw", ""))
	f.lease("legacy")
	look(f.call("DELETE", "/api/v1/requests/"+id.String(), ""))
}
