package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

const twoEndpoints = "proxy: {wait: 7s, endpoints: {a: {url: http://a}, b: {url: http://b, selectable: false}}}\n"

func TestRoutesAreReadInTheirOrder(t *testing.T) {
	c := load(t, twoEndpoints+`
routes:
  - name: orders
    match: {methods: [POST], hosts: ["*.example.com"], path_prefix: /orders, headers: {X-Tenant-Id: "~t[0-9]+"}, query: {v: "*"}, jq: '.body.type == "order"'}
    endpoint: b
    mode: async
    priority: 9
    delay: 5s
    max_age: 1h
    require_idempotency_key: true
    dedupe: {by: body, window: 90s}
    ordering: {header: X-Account-Id, on_dead: block}
    rewrite: {strip_prefix: /orders, add_prefix: /v2}
    on_disconnect: keep
  - {name: rest, weights: {a: 90, b: 10}, weight_key: "header:X-Tenant-Id", wait: 3s}
`)
	if len(c.Routes) != 2 || c.Routes[0].Name != "orders" || c.Routes[1].Name != "rest" {
		t.Fatalf("%+v", c.Routes)
	}
	first, second := c.Routes[0], c.Routes[1]
	if first.Wait.Std() != 7*time.Second || second.Wait.Std() != 3*time.Second {
		t.Errorf("waits %v and %v", first.Wait, second.Wait)
	}
	if first.Endpoint != "b" || first.Mode != "async" || first.Priority != 9 || first.Dedupe.Window.Std() != 90*time.Second ||
		first.Ordering != (Ordering{Header: "X-Account-Id", OnDead: "block"}) || first.Rewrite.AddPrefix != "/v2" || first.OnDisconnect != "keep" {
		t.Errorf("%+v", first)
	}
	conditions := first.Match.Conditions()
	if f := conditions.Headers[0]; f.Regex != "t[0-9]+" || f.Exact != "" {
		t.Errorf("%+v", f)
	}
	if f := conditions.Query[0]; f.Name != "v" || f.Regex != "" || f.Exact != "" {
		t.Errorf("%+v", f)
	}
	if second.Weights["a"] != 90 || second.OnDisconnect != "" {
		t.Errorf("%+v", second)
	}
	again := load(t, printed(t, c))
	if !reflect.DeepEqual(again.Routes, c.Routes) {
		t.Errorf("printed and read again: %+v\nwant %+v", again.Routes, c.Routes)
	}
}

func TestRoutesCanBeSetByTheEnvironmentAsAWhole(t *testing.T) {
	c := load(t, twoEndpoints+"routes: [{name: file, endpoint: a}]", `OPENHQM_ROUTES=[{"name": "env", "endpoint": "b", "priority": 3}]`)
	if len(c.Routes) != 1 || c.Routes[0].Name != "env" || c.Routes[0].Priority != 3 {
		t.Errorf("%+v", c.Routes)
	}
}

func TestPrintMasksTheSecretThatARouteCompares(t *testing.T) {
	c := load(t, twoEndpoints+"routes: [{name: r, endpoint: a, match: {headers: {X-Api-Key: s3cret, X-Gate: \"${GATE}\"}}}]", "GATE=s3cret")
	if text := printed(t, c); strings.Contains(text, "s3cret") {
		t.Errorf("a secret is shown:\n%s", text)
	}
}

func TestEveryErrorOfARouteNamesIt(t *testing.T) {
	for _, test := range []struct{ route, want string }{
		{`{endpoint: a}`, `routes.1.name: is missing`},
		{`{name: "a b", endpoint: a}`, `routes.1.name: "a b" is not accepted`},
		{`{name: r, endpoint: a}, {name: r, endpoint: a}`, `routes.2.name: "r" is the name of an earlier route`},
		{`{name: r, endpont: a}`, `routes.r.endpont: unknown key; did you mean routes.r.endpoint?`},
		{`{name: r}`, `routes.r.endpoint: is missing; name one of: a, b`},
		{`{name: r, endpoint: c}`, `routes.r.endpoint: "c" is no configured endpoint; configured are: a, b`},
		{`{name: r, endpoint: a, weights: {b: 1}}`, `routes.r.weights: is set together with endpoint`},
		{`{name: r, weights: {a: 0}}`, `routes.r.weights: are all 0`},
		{`{name: r, weights: {a: 1}, weight_key: tenant}`, `routes.r.weight_key: "tenant" is not accepted; give header:NAME, query:NAME or client`},
		{`{name: r, endpoint: a, mode: fast}`, `routes.r.mode: "fast" is not accepted`},
		{`{name: r, endpoint: a, mode: sync, priority: 3}`, `routes.r.priority: is for requests that are queued`},
		{`{name: r, endpoint: a, priority: 10}`, `routes.r.priority: "10" is not accepted; give a whole number from 0 to 9`},
		{`{name: r, endpoint: a, match: {path: x}}`, `routes.r.match: path "x": give a path that begins with a slash`},
		{`{name: r, endpoint: a, match: {jq: ".a |"}}`, `routes.r.match: jq: ".a |" is no program`},
		{`{name: r, endpoint: a, match: {path_regex: "("}}`, `routes.r.match: error parsing regexp`},
		{`{name: r, endpoint: a, match: {headers: {"a b": x}}}`, `routes.r.match.headers: "a b" is no header field`},
		{`{name: r, endpoint: a, rewrite: {replace: /x}}`, `routes.r.rewrite: replace needs regex`},
		{`{name: r, endpoint: a, ordering: {header: A}, fairness: {header: B}}`, `routes.r.fairness: is set together with ordering`},
		{`{name: r, endpoint: a, delay: 2h, max_age: 1h}`, `routes.r.delay: 2h is not less than max_age, 1h`},
		{`{name: r, endpoint: a, fairness: {header: A, claim: tenant}}`, `routes.r.fairness.claim: is set together with header`},
		{`{name: r, endpoint: a, fairness: {rate: 5/s}}`, `routes.r.fairness.rate: says nothing without a key`},
		{`{name: r, endpoint: a, fairness: {claim: .tenant}}`, `routes.r.fairness.claim: ".tenant" is not accepted`},
		{`{name: r, endpoint: a, ordering: {claim: sub}, fairness: {claim: tenant}}`, `routes.r.fairness: is set together with ordering`},
		{`{name: r, endpoint: a, mode: sync, fairness: {claim: tenant}}`, `routes.r.fairness: is for requests that are queued`},
		{`{name: r, endpoint: a, on_store_down: open, ordering: {claim: sub}}`, `routes.r.on_store_down: is open together with ordering`},
		{`{name: r, endpoint: a, mode: sync, queue_percent: 5}`, `routes.r.queue_percent: is for requests that are queued`},
		{`{name: r, endpoint: a, queue_key: "cookie:x"}`, `routes.r.queue_key: "cookie:x" is not accepted`},
		{`{name: r, endpoint: a, queue_percent: 101}`, `routes.r.queue_percent`},
		{`{name: r, endpoint: a, fairness: {header: Authorization}}`, `routes.r.fairness.header: "Authorization" holds a secret`},
		{`{name: r, endpoint: a, dedupe: {by: key}}`, `routes.r.dedupe.by: "key" is not accepted; give one of body`},
		{`nothing`, `routes.1: holds keys; give a mapping`},
	} {
		_, _, err := tryLoad(t, twoEndpoints+"routes: ["+test.route+"]")
		if err == nil || !strings.Contains(err.Error(), "openhqm.yaml:2: "+test.want) {
			t.Errorf("%s: %v\nwant %s", test.route, err, test.want)
		}
	}
	if _, _, err := tryLoad(t, twoEndpoints+"routes: {name: r}"); err == nil || !strings.Contains(err.Error(), "routes: is no list") {
		t.Errorf("%v", err)
	}
	_, notes, err := tryLoad(t, "proxy: {enabled: false, endpoints: {a: {url: http://a}}}\nroutes: [{name: r, endpoint: a}]")
	if err != nil || !strings.Contains(notes[len(notes)-1].String(), "routes: have no effect: proxy.enabled is false") {
		t.Errorf("%v %v", notes, err)
	}
}
