package route_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/route"
)

func message(t *testing.T, payload string) *route.Message {
	t.Helper()
	m := &route.Message{Headers: http.Header{"X-Source": {"web"}}, Metadata: map[string]any{"type": "order", "n": 5.0}}
	m.Payload = route.DecodeJSON([]byte(payload))
	return m
}

func TestRulesAreAskedByPriorityAndTheDefaultLast(t *testing.T) {
	rs, err := route.NewRules([]route.Rule{
		{Name: "default", Default: true, Priority: 100},
		{Name: "low", Field: "payload.type", Priority: 1},
		{Name: "value", Field: "payload.type", Value: "order", HasValue: true, Priority: 10},
		{Name: "pattern", Field: "payload.items.1.sku", Pattern: "A[0-9]", Priority: 5},
		{Name: "header", Field: "headers.x-source", Value: "web", HasValue: true, Priority: 2},
		{Name: "number", Field: "metadata.n", Value: "5", HasValue: true, Priority: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"default", "low", "value", "pattern", "header", "number"}
	for payload, want := range map[string]string{
		`{"type":"order"}`: "value", `{"type":"x","items":[{},{"sku":"A1-b"}]}`: "pattern", `{"type":"x","items":[{},{"sku":"BA1"}]}`: "header", `7`: "header",
	} {
		if i, ok := rs.Match(message(t, payload)); !ok || names[i] != want {
			t.Errorf("%s: %v %v, want %s", payload, i, ok, want)
		}
	}
	m := message(t, `{}`)
	m.Headers = nil
	if i, _ := rs.Match(m); names[i] != "number" {
		t.Errorf("%s", names[i])
	}
	m.Metadata = nil
	if i, _ := rs.Match(m); names[i] != "default" {
		t.Errorf("%s", names[i])
	}
}

func TestTransformsMakeThePayload(t *testing.T) {
	payload := `{"name":"a \"b\", \"admin\": true","n":7,"big":12345678901234567890,"items":[{"p":1},{"p":2}],"tags":"x,y","evil":"{{payload.n}}"}`
	for _, test := range []struct{ kind, text, want string }{
		{"jq", `{name: .n, all: (.items | map(.p) | add), first: (.tags | split(",")[0]), d: (.none // "d"), m: ({a: 1} * {b: 2})}`,
			`{"all":3,"d":"d","first":"x","m":{"a":1,"b":2},"name":7}`},
		{"jsonpath", `$.items[*].p`, `[1,2]`},
		{"jsonpath", `$.n`, `7`},
		{"jsonpath", `$.items[?@.p > 1]`, `{"p":2}`},
		{"jq", `{big, more: (.n + 1), big2: (.big + 1)}`, `{"big":12345678901234567890,"big2":12345678901234567891,"more":8}`},
		{"template", `{"big": {{big}}, "s": "{{big}}"}`, `{"big": 12345678901234567890, "s": "12345678901234567890"}`},
		{"template", `{"hello": "dear {{payload.name}}!", "n": {{ payload.n }}, "m": "{{metadata.type}}", "h": "{{headers.X-Source}}", "none": {{payload.no}}, "s": "{{payload.no}}", "short": {{n}}}`,
			`{"hello": "dear a \"b\", \"admin\": true!", "n": 7, "m": "order", "h": "web", "none": null, "s": "", "short": 7}`},
		{"template", `{"x": {{payload.evil}}, "y": "{{payload.items}}"}`, `{"x": "{{payload.n}}", "y": "[{\"p\":1},{\"p\":2}]"}`},
		{"passthrough", "", ""},
	} {
		rs, err := route.NewRules([]route.Rule{{Name: "r", Default: true, TransformType: test.kind, Transform: test.text}})
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		got, err := rs.Apply(0, message(t, payload))
		if err != nil || string(got.Payload) != test.want {
			t.Errorf("%s %s: %s %v\nwant %s", test.kind, test.text, got.Payload, err, test.want)
		}
	}
	for _, test := range []struct{ kind, text, want string }{
		{"jq", ".n | keys", "transform of route r: "}, {"jq", "empty", "no output"}, {"jq", "[range(1e9)]", "steps"}, {"jsonpath", "$.nothing", "selects nothing"},
	} {
		rs, err := route.NewRules([]route.Rule{{Name: "r", Default: true, TransformType: test.kind, Transform: test.text}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rs.Apply(0, message(t, payload)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
	}
}

func TestMappingsSetFieldsAndParametersAndNothingElse(t *testing.T) {
	rs, err := route.NewRules([]route.Rule{{Name: "r", Default: true, Headers: map[string]string{"X-User": "payload.user", "X-N": "metadata.n", "X-None": "payload.none"},
		Query: map[string]string{"u": "payload.user", "none": "payload.none"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := rs.Apply(0, message(t, `{"user":"a&b=c ü"}`))
	if err != nil || got.Header.Get("X-User") != "a&b=c ü" || got.Header.Get("X-N") != "5" || len(got.Header) != 2 || got.Query != "u=a%26b%3Dc+%C3%BC" || got.Payload != nil {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := rs.Apply(0, message(t, `{"user":"a\r\nX-Admin: 1"}`)); err == nil || !strings.Contains(err.Error(), "X-User") {
		t.Errorf("a line break became part of a field: %v", err)
	}
}

func TestRulesThatCannotWorkAreRefused(t *testing.T) {
	for want, r := range map[string]route.Rule{
		"match_field is missing": {}, "match_pattern": {Field: "payload.a", Pattern: "("},
		"is no program": {Default: true, TransformType: "jq", Transform: "{"}, "transform: ": {Default: true, TransformType: "jsonpath", Transform: "$["},
		"is no JSON": {Default: true, TransformType: "template", Transform: `{"a": {{payload.x}}`},
	} {
		r.Name = "bad"
		if _, err := route.NewRules([]route.Rule{r}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "route bad: ") {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}
