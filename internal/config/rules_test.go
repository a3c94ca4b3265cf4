package config

import (
	"reflect"
	"strings"
	"testing"
)

const ruled = `
proxy:
  endpoints:
    soap:
      url: http://soap:8080
      success: {status: [2xx], header: {Content-Type: "^text/xml"}, jq: .ok, otherwise: retry}
      rules:
        - {status: [302, 303], header: {Location: /login}, then: wait}
        - body_regex: '<(\w+:)?Fault[ >]'
          then: fail
`

func TestRulesAreReadAndPrinted(t *testing.T) {
	c := load(t, ruled)
	e := c.Proxy.Endpoints["soap"]
	want := []Rule{
		{Status: []string{"302", "303"}, Header: map[string]string{"Location": "/login"}, Then: OnWait},
		{Status: []string{}, BodyRegex: `<(\w+:)?Fault[ >]`, Then: OnFail},
	}
	if !reflect.DeepEqual(e.Rules, want) {
		t.Errorf("rules are %+v, want %+v", e.Rules, want)
	}
	if e.Success.Otherwise != OnRetry || e.Success.JQ != ".ok" || !reflect.DeepEqual(e.Success.Status, []string{"2xx"}) {
		t.Errorf("success is %+v", e.Success)
	}
	if again := load(t, printed(t, c)); !reflect.DeepEqual(again.Proxy.Endpoints["soap"], e) {
		t.Errorf("printed and loaded: %+v, want %+v", again.Proxy.Endpoints["soap"], e)
	}
	c, _, err := tryLoad(t, "", `OPENHQM_PROXY__ENDPOINTS__A__URL=http://a`,
		`OPENHQM_PROXY__ENDPOINTS__A__RULES=[{"status": ["5xx"], "then": "fail"}]`)
	if err != nil || len(c.Proxy.Endpoints["a"].Rules) != 1 || c.Proxy.Endpoints["a"].Rules[0].Status[0] != "5xx" {
		t.Errorf("rules from the environment: %+v, %v", c, err)
	}
}

func TestWrongRulesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		`rules: [{then: fail}]`:                                            `proxy.endpoints.a.rules.1: has no condition`,
		`rules: [{status: [200]}]`:                                         `proxy.endpoints.a.rules.1.then: is missing`,
		`rules: [{status: [200], then: explode}]`:                          `proxy.endpoints.a.rules.1.then: "explode" is not accepted`,
		`rules: [{status: [200], then: fail}, {status: [99], then: wait}]`: `proxy.endpoints.a.rules.2.status: "99" is not accepted`,
		`rules: [{body_regex: "(", then: fail}]`:                           `proxy.endpoints.a.rules.1.body_regex: is no regular expression`,
		`rules: [{jq: ".a ==", then: fail}]`:                               `proxy.endpoints.a.rules.1.jq: is no jq program`,
		`rules: [{jq: "input", then: fail}]`:                               `proxy.endpoints.a.rules.1.jq: is no jq program`,
		`rules: [{header: {"a b": x}, then: fail}]`:                        `proxy.endpoints.a.rules.1.header.a b: "a b" is not accepted`,
		`rules: [{header: {X: "["}, then: fail}]`:                          `proxy.endpoints.a.rules.1.header.X: is no regular expression`,
		`rules: [{body: x, then: fail}]`:                                   `proxy.endpoints.a.rules.1.body: unknown key`,
		`rules: [fail]`:                                                    `proxy.endpoints.a.rules.1: holds keys; give a mapping`,
		`success: {status: [404]}`:                                         `proxy.endpoints.a.success.status: "404" is not accepted; success is among 2xx and 3xx`,
		`success: {jq: "("}`:                                               `proxy.endpoints.a.success.jq: is no jq program`,
		`success: {jq: .ok, otherwise: explode}`:                           `proxy.endpoints.a.success.otherwise: "explode" is not accepted`,
	} {
		_, _, err := tryLoad(t, "proxy: {endpoints: {a: {url: 'http://a', "+text+"}}}")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
