package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

func TestAdminAccess(t *testing.T) {
	const token = "s3cret"
	for name, c := range map[string]struct {
		token, peer, host string
		fields            []string
		method            string
		status            int
	}{
		"loopback without a token":          {"", "127.0.0.1:1", "localhost:8001", nil, "GET", 200},
		"loopback IPv6":                     {"", "[::1]:1", "[::1]:8001", nil, "GET", 200},
		"loopback mapped":                   {"", "[::ffff:127.0.0.1]:1", "127.0.0.1", nil, "GET", 200},
		"elsewhere without a token":         {"", "10.0.0.9:1", "localhost", nil, "GET", 403},
		"a name that points to loopback":    {"", "127.0.0.1:1", "rebound.example:8001", nil, "GET", 403},
		"through a proxy":                   {"", "127.0.0.1:1", "localhost", []string{"X-Forwarded-For", "10.0.0.9"}, "GET", 403},
		"through a proxy that says Via":     {"", "127.0.0.1:1", "localhost", []string{"Via", "1.1 edge"}, "GET", 403},
		"through a proxy, X-Real-Ip":        {"", "127.0.0.1:1", "localhost", []string{"X-Real-Ip", "10.0.0.9"}, "GET", 403},
		"through a proxy, X-Forwarded-Host": {"", "127.0.0.1:1", "localhost", []string{"X-Forwarded-Host", "ops.example"}, "GET", 403},
		"a page of another origin":          {"", "127.0.0.1:1", "localhost", []string{"Sec-Fetch-Site", "cross-site"}, "POST", 403},
		"an old browser's page":             {"", "127.0.0.1:1", "localhost", []string{"Origin", "https://evil.example"}, "POST", 403},
		"no page":                           {"", "127.0.0.1:1", "localhost", nil, "POST", 200},
		"the token from elsewhere":          {token, "10.0.0.9:1", "queue.example", []string{"Authorization", "Bearer " + token}, "POST", 200},
		"the token, other case of scheme":   {token, "10.0.0.9:1", "queue.example", []string{"Authorization", "bearer " + token}, "GET", 200},
		"a wrong token":                     {token, "10.0.0.9:1", "queue.example", []string{"Authorization", "Bearer s3cre"}, "GET", 401},
		"a token in another scheme":         {token, "10.0.0.9:1", "queue.example", []string{"Authorization", "Basic " + token}, "GET", 401},
		"loopback, but a token is set":      {token, "127.0.0.1:1", "localhost", nil, "GET", 401},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.token = c.token
			target := "/api/v1/queues/legacy"
			if c.method == "POST" {
				target += "/pause"
			}
			r := httptest.NewRequest(c.method, target, nil)
			r.RemoteAddr, r.Host = c.peer, c.host
			for i := 0; i+1 < len(c.fields); i += 2 {
				r.Header.Add(c.fields[i], c.fields[i+1])
			}
			w := httptest.NewRecorder()
			f.admin.ServeHTTP(w, r)
			a := answer{w, t}.wants(c.status)
			switch c.status {
			case 401:
				a.problem("unauthorized")
				want(t, strings.HasPrefix(a.Header().Get("WWW-Authenticate"), "Bearer"), true)
			case 403:
				a.problem("forbidden")
			}
			want(t, a.Header().Get("Access-Control-Allow-Origin"), "")
		})
	}
}

func TestAGuardedHandlerIsForOperatorsOnly(t *testing.T) {
	f := newFixture(t)
	f.token = "s3cret"
	guarded := f.admin.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	f.serve(guarded, "GET", "/debug/pprof/", "", "Authorization", "Bearer s3cret").wants(204)
	a := f.serve(guarded, "GET", "/debug/pprof/", "").wants(401)
	a.problem("unauthorized")
	want(t, strings.HasPrefix(a.Header().Get("WWW-Authenticate"), "Bearer"), true) // RFC 9110 15.5.2
}

func TestAdminShapes(t *testing.T) {
	f := newFixture(t)
	f.operate("GET", "/api/v1/nothing", "").wants(404).problem("not-found")
	f.operate("GET", "/api/v1/messages/42", "").wants(400).problem("bad-id")
	f.operate("DELETE", "/api/v1/queues", "").wants(405).problem("method-not-allowed")
	want(t, f.operate("OPTIONS", "/api/v1/dead", "").wants(204).Header().Get("Allow"), "GET, HEAD, DELETE, OPTIONS")
}

func TestQueuesAreListedWithTheirCounters(t *testing.T) {
	f := newFixture(t)
	f.finish(answered(200, "{}"))
	f.submit(`{"payload":1}`)
	f.submit(`{"payload":1}`)
	f.lease("legacy")
	var list client.Queues
	f.operate("GET", "/api/v1/queues", "").wants(200).into(&list)
	want(t, len(list.Queues), 2)
	want(t, list.Queues[0].Name, "billing")
	q := list.Queues[1]
	want(t, q.Endpoint, "legacy")
	want(t, q.Depth, 1)
	want(t, q.Running, 1)
	want(t, q.Counts, client.Counts{Accepted: 3, Ready: 1, Leased: 1, Done: 1})
	p := f.operate("GET", "/api/v1/queues/lagacy", "").wants(404).problem("not-found")
	want(t, strings.Contains(p["detail"].(string), "billing, legacy"), true)
}

func TestPauseAndResume(t *testing.T) {
	f := newFixture(t)
	var q client.Queue
	f.operate("POST", "/api/v1/queues/legacy/pause", `{"seconds": 60, "note": "release 7"}`).wants(200).into(&q)
	want(t, len(q.Holds), 1)
	want(t, q.Holds[0].Reason, "paused")
	want(t, q.Holds[0].Note, "release 7")
	want(t, q.Holds[0].Until.Sub(q.Holds[0].Since).Round(time.Second), time.Minute)
	q = client.Queue{}
	f.operate("POST", "/api/v1/queues/legacy/resume", "").wants(200).into(&q)
	want(t, len(q.Holds), 0)
	for body, kind := range map[string]string{`{"seconds":-1}`: "bad-parameter", `{"secs":1}`: "bad-json", `{`: "bad-json", `{} {}`: "bad-json",
		`{"note":"` + strings.Repeat("x", 501) + `"}`: "bad-parameter"} {
		f.operate("POST", "/api/v1/queues/legacy/pause", body).wants(400).problem(kind)
	}
	f.operate("POST", "/api/v1/queues/legacy/pause", strings.Repeat(" ", 100<<10)).wants(413)
	f.operate("POST", "/api/v1/queues/lagacy/pause", "").wants(404)
	f.operate("POST", "/api/v1/queues/lagacy/resume", "").wants(404)
}

func TestPurgeRemovesWhatWaits(t *testing.T) {
	f := newFixture(t)
	done := f.finish(answered(200, "{}"))
	for range 5 {
		f.submit(`{"payload":1}`)
	}
	f.submit(`{"payload":1,"metadata":{"delay":60}}`)
	other := f.submit(`{"payload":1,"metadata":{"endpoint":"billing"}}`)
	f.lease("legacy")

	var p client.Purged
	removed := 0
	for {
		p = client.Purged{}
		f.operate("POST", "/api/v1/queues/legacy/purge?limit=2&cursor="+p.Next, "").wants(200).into(&p)
		removed += p.Removed
		if p.Next == "" || p.Removed == 0 {
			break
		}
	}
	want(t, removed, 5)
	want(t, f.record(done).State, queue.Done)
	want(t, f.record(other).State, queue.Ready)
	f.operate("POST", "/api/v1/queues/legacy/purge?state=done", "").wants(200).into(&p)
	want(t, p.Removed, 1)
	f.operate("POST", "/api/v1/queues/legacy/purge?queue=billing", "").wants(400).problem("bad-parameter")
	f.operate("POST", "/api/v1/queues/lagacy/purge", "").wants(404)
}

func TestMessagesAreFiltered(t *testing.T) {
	f := newFixture(t)
	done := f.finish(answered(200, "{}"))
	dead := f.finish(answered(500, "{}"))
	waiting := f.submit(`{"payload":1,"metadata":{"endpoint":"billing"}}`)
	later := f.submit(`{"payload":1,"metadata":{"delay":60}}`)
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for query, ids := range map[string][]queue.ID{
		"":                                 {done, dead, waiting, later},
		"queue=billing":                    {waiting},
		"endpoint=billing":                 {waiting},
		"state=done,dead":                  {done, dead},
		"state=done&state=dead":            {done, dead},
		"state=PENDING":                    {waiting, later},
		"reason=endpoint_error":            {dead},
		"caller=alice":                     nil,
		"key=a":                            nil,
		"after=" + soon:                    nil,
		"before=" + soon + "&state=leased": nil,
	} {
		var list client.Messages
		f.operate("GET", "/api/v1/messages?"+query, "").wants(200).into(&list)
		got := map[string]bool{}
		for _, m := range list.Messages {
			got[m.CorrelationID] = true
		}
		want(t, len(got), len(ids))
		for _, id := range ids {
			if !got[id.String()] {
				t.Errorf("%q: no %s", query, id)
			}
		}
	}
	for query, names := range map[string]string{"state=finished": "ready, parked", "reason=bad": "endpoint_error", "after=now": "RFC 3339",
		"limit=0": "1 to 1000", "limit=1001": "1 to 1000", "cursor=x": "unchanged", "status=done": "no such parameter"} {
		p := f.operate("GET", "/api/v1/messages?"+query, "").wants(400).problem("bad-parameter")
		if !strings.Contains(p["detail"].(string), names) {
			t.Errorf("%s: detail %q does not name %q", query, p["detail"], names)
		}
	}
}

func TestMessagesComeInPages(t *testing.T) {
	f := newFixture(t)
	for range 5 {
		f.submit(`{"payload":1}`)
	}
	seen, cursor := map[string]bool{}, ""
	for pages := 0; ; pages++ {
		var list client.Messages
		f.operate("GET", "/api/v1/messages?limit=2&cursor="+cursor, "").wants(200).into(&list)
		for _, m := range list.Messages {
			seen[m.CorrelationID] = true
		}
		if cursor = list.Next; cursor == "" {
			break
		}
		if pages > 5 {
			t.Fatal("the pages do not end")
		}
	}
	want(t, len(seen), 5)
}

func TestMessageIsShownInFull(t *testing.T) {
	f := newFixture(t)
	id := f.submit(`{"payload":{"a":1},"headers":{"X-A":"1"},"metadata":{"priority":4,"type":"order"}}`)
	f.settle(f.lease("legacy"), answered(500, "oops", "X-B", "2"))
	var m client.Message
	f.operate("GET", "/api/v1/messages/"+id.String(), "").wants(200).into(&m)
	want(t, m.Status, client.Failed)
	want(t, m.Priority, 4)
	want(t, m.Repeatable, false)
	want(t, m.Request.BodySize, 7)
	want(t, m.Request.Body == nil, true)
	want(t, fmt.Sprint(m.Request.Headers["X-A"]), "[1]")
	want(t, m.Result.StatusCode, 500)
	want(t, len(m.History), 1)
	want(t, m.History[0].Class, "answered")
	want(t, m.History[0].StatusCode, 500)
	want(t, m.History[0].Counted, true)
	want(t, string(m.Metadata), `{"priority":4,"type":"order"}`)
	f.operate("GET", "/api/v1/messages/"+id.String()+"?body=true", "").wants(200).into(&m)
	want(t, *m.Request.Body, `{"a":1}`)
	f.operate("GET", "/api/v1/messages/"+id.String()+"?body=yes", "").wants(400)
}

func TestMessageMasksSecrets(t *testing.T) {
	const secret = "hunter2"
	f := newFixture(t)
	id := f.submit(`{"payload":1,"headers":{"Authorization":"Bearer hunter2","Cookie":"s=hunter2","x-shop-key":"hunter2","X-Api-Key":"hunter2",
		"X-Amz-Security-Token":"hunter2","X-Vault-Token":"hunter2","X-Csrf-Token":"hunter2","X-Open":"1"},
		"metadata":{"path":"/pay?access_token=hunter2&page=1"}}`)
	f.settle(f.lease("legacy"), answered(200, "{}", "Set-Cookie", "s=hunter2", "Set-Cookie", "t=hunter2"))
	for _, path := range []string{"/messages/" + id.String() + "?body=true", "/messages"} {
		a := f.operate("GET", "/api/v1"+path, "").wants(200)
		if strings.Contains(a.Body.String(), secret) {
			t.Errorf("%s shows the secret: %s", path, a.Body)
		}
		want(t, strings.Contains(a.Body.String(), `"Set-Cookie":["***","***"]`), true)
		want(t, strings.Contains(a.Body.String(), `/pay?access_token=***\u0026page=1`), true)
	}
}

func TestDeadLettersAreRedriven(t *testing.T) {
	f := newFixture(t)
	live := f.submit(`{"payload":1,"metadata":{"endpoint":"billing"}}`)
	var dead []queue.ID
	for range 5 {
		dead = append(dead, f.finish(answered(500, "{}")))
	}
	var list client.Messages
	f.operate("GET", "/api/v1/dead", "").wants(200).into(&list)
	want(t, len(list.Messages), 5)

	var m client.Message
	f.operate("POST", "/api/v1/dead/"+dead[0].String()+"/redrive", "").wants(200).into(&m)
	want(t, m.Generation, 1)
	want(t, m.Status, client.Pending)
	want(t, len(m.History), 1)
	f.operate("POST", "/api/v1/dead/"+live.String()+"/redrive", "").wants(409).problem("not-dead")
	f.operate("POST", "/api/v1/dead/"+queue.NewID(1, time.Now()).String()+"/redrive", "").wants(404)

	p := f.operate("POST", "/api/v1/dead/redrive", "").wants(400).problem("bad-parameter")
	want(t, strings.Contains(p["detail"].(string), "all=true"), true)
	redriven, cursor := 0, ""
	for {
		var r client.Redriven
		f.operate("POST", "/api/v1/dead/redrive?queue=legacy&reason=endpoint_error&limit=3&cursor="+cursor, "").wants(200).into(&r)
		redriven += r.Redriven
		if cursor = r.Next; cursor == "" {
			break
		}
	}
	want(t, redriven, 4)
	f.operate("GET", "/api/v1/dead?queue=legacy", "").wants(200).into(&list)
	want(t, len(list.Messages), 0)
	f.operate("GET", "/api/v1/dead?state=done", "").wants(400).problem("bad-parameter")
}

func TestDeadLettersAreRemoved(t *testing.T) {
	f := newFixture(t)
	id := f.finish(answered(500, "{}"))
	kept := f.finish(answered(200, "{}"))
	f.operate("DELETE", "/api/v1/dead", "").wants(400).problem("bad-parameter")
	f.operate("DELETE", "/api/v1/dead?all=maybe", "").wants(400).problem("bad-parameter")
	want(t, f.record(id).State, queue.Dead)
	var p client.Purged
	f.operate("DELETE", "/api/v1/dead?all=true", "").wants(200).into(&p)
	want(t, p.Removed, 1)
	f.operate("GET", "/api/v1/messages/"+id.String(), "").wants(404)
	want(t, f.record(kept).State, queue.Done)
}

func TestEndpointsAreHeldAndReleased(t *testing.T) {
	f := newFixture(t)
	var list client.Endpoints
	f.operate("GET", "/api/v1/endpoints", "").wants(200).into(&list)
	want(t, len(list.Endpoints), 2)
	want(t, list.Endpoints[1].Name, "legacy")
	want(t, list.Endpoints[1].Default, true)
	want(t, list.Endpoints[1].URL, "http://legacy:8080")

	var e client.Endpoint
	f.operate("POST", "/api/v1/endpoints/legacy/hold", `{"note":"database moves"}`).wants(200).into(&e)
	want(t, e.Queue.Holds[0].Reason, "operator")
	want(t, e.Queue.Holds[0].Until == nil, true)
	f.operate("POST", "/api/v1/queues/legacy/pause", "").wants(200)
	_, err := f.broker.SetGate(t.Context(), "legacy", queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldAuth}}})
	want(t, err, nil)

	e = client.Endpoint{}
	f.operate("POST", "/api/v1/endpoints/legacy/release", "").wants(200).into(&e)
	want(t, len(e.Queue.Holds), 1)
	want(t, e.Queue.Holds[0].Reason, "paused")
	e = client.Endpoint{}
	f.operate("POST", "/api/v1/endpoints/legacy/release", `{"reasons":["paused"]}`).wants(200).into(&e)
	want(t, len(e.Queue.Holds), 0)
	f.operate("POST", "/api/v1/endpoints/legacy/release", `{"reasons":["tired"]}`).wants(400).problem("bad-parameter")
	p := f.operate("POST", "/api/v1/endpoints/lagacy/hold", "").wants(404).problem("unknown-endpoint")
	want(t, strings.Contains(p["detail"].(string), "billing, legacy"), true)
}
