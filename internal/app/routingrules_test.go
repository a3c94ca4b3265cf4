package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/queue"
)

// routingYAML is a routing.yaml as users of the Python version have one.
const routingYAML = `
version: "1.0"
default_endpoint: a
enable_fallback: true
routes:
  - name: fallback
    is_default: true
    priority: 1000
    endpoint: a
    enabled: false
  - name: users
    description: what users do
    match_field: payload.type
    match_pattern: "user\\."
    priority: 10
    endpoint: b
    transform_type: jq
    transform: '{id: .user.id, name: (.user.name | split(" ")[0])}'
    method: PUT
    header_mappings: {X-User-Id: payload.user.id, X-Source: headers.x-source}
    query_params: {tenant: metadata.tenant}
    timeout: 5
    max_retries: 0
  - {name: notes, match_field: metadata.kind, match_value: note, endpoint: b, transform_type: template, transform: '{"text": "note: {{payload.text}}"}'}
`

func TestARoutingYAMLChoosesAndTransformsSubmits(t *testing.T) {
	show := func(name string) string {
		return backend(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %s %s %s", name, r.Method, r.RequestURI, body, r.Header.Get("X-User-Id"), r.Header.Get("X-Source"))
		})
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "routing.yaml")
	write(t, file, routingYAML)
	path := filepath.Join(dir, "openhqm.yaml")
	write(t, path, "proxy: {default_endpoint: b, endpoints: {a: {url: '"+show("a")+"'}, b: {url: '"+show("b")+"'}}}\n"+
		"routes: [{name: own, match: {jq: '.metadata.own'}, endpoint: a}]\nrouting: {enabled: true, config_path: '"+file+"'}")
	p := start(t, loadFile(t, path), Options{Log: slog.New(slog.DiscardHandler), Reread: func() (*config.Config, []config.Note, error) {
		return config.Load(config.Options{Path: path, Backends: Extensions{}.Backends()})
	}})
	submit := func(envelope string, fields ...string) (answer, string) {
		t.Helper()
		got := call(t, "POST", p.url+"/api/v1/submit", envelope, fields...)
		if got.status != http.StatusAccepted {
			return got, ""
		}
		id := got.header.Get("OpenHQM-Correlation-Id")
		p.wait(t, id)
		return got, call(t, "GET", p.url+"/api/v1/response/"+id+"/raw", "").body
	}
	user := `{"payload": {"type": "user.created", "user": {"id": 7, "name": "Ada L"}}, "headers": {"X-Source": "web"}, "metadata": {"tenant": "t&1"}}`
	for envelope, want := range map[string]string{
		user: `b PUT /?tenant=t%261 {"id":7,"name":"Ada"} 7 web`,
		`{"payload": {"text": "a \"b\", \"admin\": true"}, "metadata": {"kind": "note"}}`: `b POST / {"text": "note: a \"b\", \"admin\": true"}  `,
		`{"payload": {"type": "other"}}`:                                       `a POST / {"type": "other"}  `,
		`{"payload": {"type": "user.created"}, "metadata": {"endpoint": "a"}}`: `a POST / {"type": "user.created"}  `,
		`{"payload": {"type": "user.created"}, "metadata": {"own": true}}`:     `a POST / {"type": "user.created"}  `,
	} {
		if got, body := submit(envelope); body != want {
			t.Errorf("%s: %d %q %q, want %q", envelope, got.status, got.body, body, want)
		}
	}
	got, _ := submit(user)
	id, err := queue.ParseID(got.header.Get("OpenHQM-Correlation-Id"))
	if err != nil {
		t.Fatal(err)
	}
	explained, err := p.Broker().Explain(t.Context(), id)
	if err != nil || explained.MaxAttempts != 1 || explained.Record.AttemptTimeout != 5*time.Second || explained.Record.Route != "users" {
		t.Errorf("%+v %v", explained, err)
	}
	if got, _ := submit(`{"payload": {"type": "user.x", "user": "text"}}`); got.status != 400 || !strings.Contains(got.body, "transform of route users") {
		t.Errorf("a transform that fails: %d %s", got.status, got.body)
	}
	if got, _ := submit(`{"payload": {"type": "user.x", "x": "` + strings.Repeat("x", 1<<20) + `"}}`); got.status != 413 {
		t.Errorf("a payload beyond what rules look at: %d %s", got.status, got.body)
	}
	first, _ := submit(user, "Idempotency-Key", "k")
	again, _ := submit(user, "Idempotency-Key", "k")
	if a, b := first.header.Get("OpenHQM-Correlation-Id"), again.header.Get("OpenHQM-Correlation-Id"); a != b || a == "" {
		t.Errorf("a repeat under a key: %s and %s", a, b)
	}

	write(t, file, strings.Replace(routingYAML, "enable_fallback: true", "enable_fallback: false", 1))
	await(t, "the changed rules", func() bool { got, _ := submit(`{"payload": 1}`); return got.status == 404 })
}

func TestALargeTransformedPayloadArrivesWhole(t *testing.T) {
	c := load(t, "proxy: {endpoints: {a: {url: '"+saying(t, "a")+"'}}}\nrouting: {enabled: true, config_dict: {routes: [{name: r, is_default: true, endpoint: a, transform_type: jq, transform: '{x: (.x + .x)}'}]}}")
	p := start(t, c, Options{})
	got := call(t, "POST", p.url+"/api/v1/submit", `{"payload": {"x": "`+strings.Repeat("y", 200<<10)+`"}}`)
	if got.status != 202 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	id := got.header.Get("OpenHQM-Correlation-Id")
	p.wait(t, id)
	if body := call(t, "GET", p.url+"/api/v1/response/"+id+"/raw", "").body; body != `a / {"x":"`+strings.Repeat("y", 400<<10)+`"}` {
		t.Errorf("%d bytes: %.60s", len(body), body)
	}
}
