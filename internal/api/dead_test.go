package api_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

func TestADeadLetterIsRedrivenWithAnEdit(t *testing.T) {
	f := newFixture(t)
	id := f.submit(`{"payload":{"a":1},"headers":{"X-Tenant":"7","X-Old":"1","Authorization":"Bearer hunter2"},"metadata":{"path":"/orders?dry=1"}}`)
	f.settle(f.lease("legacy"), answered(500, "no"))
	edit := `{"method":"PUT","target":"/orders/9","headers":{"x-tenant":"8","Connection":"close"},"remove_headers":["x-old"],"body":"{\"a\":2}"}`
	var m client.Message
	f.operate("POST", "/api/v1/dead/"+id.String()+"/redrive", edit).wants(200).into(&m)
	want(t, m.Generation, 1)
	want(t, m.Request.Target, "/orders?dry=1")
	want(t, m.Edited.Target, "/orders/9")

	d := f.lease("legacy")
	sent := d.Record.Sent()
	want(t, sent.Method+" "+sent.Target, "PUT /orders/9")
	want(t, bodyOf(t, sent.Body), `{"a":2}`)
	want(t, sent.Header.Get("X-Tenant")+sent.Header.Get("X-Old")+sent.Header.Get("Connection"), "8")
	want(t, sent.Header.Get("Authorization"), "Bearer hunter2") // what is masked need not be known to be kept
	original := f.record(id).Message.Request
	want(t, original.Method+" "+original.Target+" "+original.Header.Get("X-Tenant"), "POST /orders?dry=1 7")
	want(t, bodyOf(t, original.Body), `{"a":1}`)

	// A second edit goes on from the first, and the history tells of both generations.
	f.settle(d, answered(500, "no"))
	f.operate("POST", "/api/v1/dead/"+id.String()+"/redrive", `{"headers":{"X-Tenant":"9"}}`).wants(200)
	sent = f.record(id).Sent()
	want(t, sent.Target+" "+sent.Header.Get("X-Tenant")+" "+bodyOf(t, sent.Body), `/orders/9 9 {"a":2}`)
	f.settle(f.lease("legacy"), answered(200, "{}"))
	m = client.Message{}
	f.operate("GET", "/api/v1/messages/"+id.String(), "").wants(200).into(&m)
	var generations []int
	for _, a := range m.History {
		generations = append(generations, a.Generation)
	}
	want(t, slices.Equal(generations, []int{0, 1, 2}), true)
}

func TestAnEditIsChecked(t *testing.T) {
	f := newFixture(t)
	id := f.finish(answered(500, "no"))
	for edit, kind := range map[string]string{
		`{"method":"CONNECT"}`:              "bad-parameter",
		`{"target":"/a/../b"}`:              "bad-parameter",
		`{"target":"http://other/"}`:        "bad-parameter",
		`{"headers":{"X A":"1"}}`:           "invalid-message",
		`{"headers":{"X-A":"1\r\nX-B: 2"}}`: "invalid-message",
		`{"body":"a","body_base64":"YQ=="}`: "bad-parameter",
		`{"url":"http://other"}`:            "bad-json",
		`{`:                                 "bad-json",
	} {
		f.operate("POST", "/api/v1/dead/"+id.String()+"/redrive", edit).wants(400).problem(kind)
		want(t, f.record(id).State, queue.Dead)
	}
	// What may be repeated was decided when the message was accepted.
	safe := f.submit(`{"payload":1,"metadata":{"method":"PUT"}}`)
	f.settle(f.lease("legacy"), queue.Outcome{Class: queue.Rejected})
	f.operate("POST", "/api/v1/dead/"+safe.String()+"/redrive", `{"method":"POST"}`).wants(400).problem("invalid-message")
	want(t, f.record(safe).State, queue.Dead)
}

func TestALargeEditedBodyIsKeptOnceOrNotAtAll(t *testing.T) {
	f := newFixture(t)
	id := f.finish(answered(500, "no"))
	edit, err := json.Marshal(client.Edit{BodyBase64: []byte(strings.Repeat("x", 100<<10))})
	want(t, err, nil)
	f.operate("POST", "/api/v1/dead/"+id.String()+"/redrive", string(edit)).wants(200)
	want(t, f.record(id).Sent().Body.Size(), 100<<10)
	f.operate("POST", "/api/v1/dead/"+id.String()+"/redrive", string(edit)).wants(409).problem("not-dead")
	want(t, f.record(id).Sent().Body.Size(), 100<<10)
	f.operate("POST", "/api/v1/dead/"+id.String()+"/redrive", `{"body":"`+strings.Repeat("x", 16<<20)+`"}`).wants(413)
}

func TestARedriveOfManyKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for range 12 {
			f.finish(answered(500, "{}"))
		}
		begun := time.Now()
		var r client.Redriven
		f.operate("POST", "/api/v1/dead/redrive?all=true&rate=2", "").wants(200).into(&r)
		want(t, r.Redriven, 10)
		want(t, time.Since(begun), 5*time.Second) // also after the last: the next call comes at once
		next := r.Next
		r = client.Redriven{}
		f.operate("POST", "/api/v1/dead/redrive?all=true&rate=2&cursor="+next, "").wants(200).into(&r)
		want(t, r.Redriven, 2)
		want(t, time.Since(begun), 5500*time.Millisecond)
		want(t, r.Next, "")
	})
	f := newFixture(t)
	for _, rate := range []string{"0", "-1", "NaN", "fast", "1e9"} {
		f.operate("POST", "/api/v1/dead/redrive?all=true&rate="+rate, "").wants(400).problem("bad-parameter")
	}
}

func TestDeadLettersAreExported(t *testing.T) {
	f := newFixture(t)
	f.submit(`{"payload":{"it's":1},"headers":{"Authorization":"Bearer hunter2","Cookie":"s=hunter2","X-Shop-Key":"hunter2","X-Empty":""},
		"metadata":{"path":"/pay?token=hunter2&page=1"}}`)
	f.settle(f.lease("legacy"), answered(500, "no"))
	second := f.finish(answered(500, "no"))
	f.operate("POST", "/api/v1/dead/"+second.String()+"/redrive", `{"body_base64":"AP8="}`).wants(200)
	f.settle(f.lease("legacy"), answered(500, "no"))
	f.finish(answered(200, "{}"))

	lines := f.operate("GET", "/api/v1/dead/export", "").wants(200)
	want(t, lines.Header().Get("Content-Type"), "application/jsonl")
	all := strings.Split(strings.TrimSuffix(lines.Body.String(), "\n"), "\n")
	want(t, len(all), 2)
	bodies := map[string]bool{}
	for _, line := range all {
		var m client.Message
		want(t, json.Unmarshal([]byte(line), &m), nil)
		bodies[*m.Request.Body] = true
		if m.CorrelationID == second.String() {
			want(t, string(m.Edited.BodyBase64), "\x00\xff")
		}
	}
	want(t, bodies[`{"it's":1}`] && bodies[`{}`], true)

	curl := f.operate("GET", "/api/v1/dead/export?format=curl", "").wants(200).Body.String()
	for _, text := range []string{`-H 'X-Shop-Key: ***'`, `-H 'Authorization: ***'`, `-H 'Cookie: ***'`, `-H 'X-Empty;'`, `--data-raw '{"it'\''s":1}'`,
		`'http://legacy:8080/pay?token=***&page=1'`, `printf %s 'AP8=' | base64 -d | curl`} {
		if !strings.Contains(curl, text) {
			t.Errorf("no %s in:\n%s", text, curl)
		}
	}
	if out, err := exec.Command("sh", "-n", "-c", curl).CombinedOutput(); err != nil {
		t.Errorf("a shell cannot read it: %v: %s", err, out)
	}
	if strings.Contains(curl+lines.Body.String(), "hunter2") {
		t.Error("an export shows a secret")
	}

	want(t, strings.Count(f.operate("GET", "/api/v1/dead/export?limit=1", "").wants(200).Body.String(), "\n"), 1)
	want(t, f.operate("GET", "/api/v1/dead/export?endpoint=billing", "").wants(200).Body.String(), "")
	f.operate("GET", "/api/v1/dead/export?format=xml", "").wants(400).problem("bad-parameter")
	f.operate("GET", "/api/v1/dead/export?cursor=x", "").wants(400).problem("bad-parameter")
}
