package config

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// FuzzLoad loads any file and any variable. The result is a configuration or errors, each of which says where it is, or
// which key it is about, and what to do. What is accepted is valid: printed, it is accepted again without the
// file and the variables, unless a secret was masked in it, and printed once more it says the same.
func FuzzLoad(f *testing.F) {
	for _, path := range []string{"testdata/full.yaml", "testdata/mission/my-api.yaml", "starter.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "PROXY__ENDPOINTS", `{"a": {"url": "http://a"}}`)
	}
	f.Add([]byte("a: &a [*a]\n<<: 1\n? [x]\n: y"), "SERVER__PORT", "1")
	f.Add([]byte(allKinds), "PROXY__ENDPOINTS__LEGACY__RATE", "1/s")
	f.Add([]byte("# nothing"), "SERVER", "{")
	f.Add([]byte(twoEndpoints+"routes: [{name: r, endpoint: a, match: {path_regex: '/x/[0-9]+', headers: {X-A: '~b'}, jq: .body.x}, weight_key: query:a, rewrite: {regex: a, replace: $1}}]"),
		"ROUTES", `[{"name": "r", "weights": {"a": 1, "b": 2}, "ordering": {"header": "X-A"}}]`)
	f.Add([]byte("proxy: {endpoints: {a: {url: http://a, rate: 5/m, breaker: {failures: 3}, headers: {X-A: b}, header_names: [SOAPAction]}}}"), "WORKER__CONCURRENCY", "7")
	f.Add([]byte("server: {host: ${TOKEN}, port: 0x10}\nworker: {timeout_seconds: 1e3, lease: 1h2m}\nproxy: {endpoints: {a: {url: 'http://a/${API_TOKEN:-b}', headers: {X: '#', Y: ' '}}}}"), "", "")
	f.Fuzz(func(t *testing.T, file []byte, name, value string) {
		r := &report{}
		root := parseFile("fuzz.yaml", file, r)
		o := Options{Env: []string{"TOKEN=x", "API_TOKEN=y", envPrefix + name + "=" + value}, Backends: []string{"embedded", "redis"}}
		c, notes, err := build(root, o, r)
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v, error %v", c, err)
		}
		for _, n := range notes {
			if n.Source == "" && n.Key == "" || n.Text == "" {
				t.Errorf("a note that names nothing: %+v", n)
			}
		}
		if err != nil {
			errs, ok := err.(Errors)
			if !ok || len(errs) == 0 {
				t.Fatalf("error is %T %v", err, err)
			}
			for _, e := range errs {
				if e.Source == "" && e.Key == "" || e.Text == "" {
					t.Errorf("an error that names nothing: %+v", e)
				}
			}
			return
		}
		if strings.Contains(printedText(t, c), mask) {
			return // refused on purpose: a mask is no secret
		}
		first := printedValues(t, c)
		r = &report{}
		again, _, err := build(parseFile("printed.yaml", []byte(printedText(t, c)), r), Options{Backends: o.Backends}, r)
		if err != nil {
			t.Fatalf("what was printed is not accepted: %v\n%s", err, printedText(t, c))
		}
		if second := printedValues(t, again); !reflect.DeepEqual(second, first) {
			t.Errorf("what was printed means another configuration:\n%v\nand then\n%v", first, second)
		}
	})
}

func printedText(t *testing.T, c *Config) string {
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// printedValues is what was printed, without the comments that name the sources.
func printedValues(t *testing.T, c *Config) (values map[string]any) {
	if err := yaml.Unmarshal([]byte(printedText(t, c)), &values); err != nil {
		t.Fatal(err)
	}
	return values
}
