package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// load returns a configuration for tests: loopback, free ports, the memory backend, no lag, and what the YAML says.
func load(t testing.TB, yaml string) *config.Config {
	t.Helper()
	path := t.TempDir() + "/openhqm.yaml"
	write(t, path, yaml)
	return loadFile(t, path)
}

func loadFile(t testing.TB, path string) *config.Config {
	t.Helper()
	c, _, err := config.Load(fileOptions(path))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fileOptions(path string) config.Options {
	return config.Options{Path: path, Backends: Extensions{}.Backends(), Flags: map[string]string{
		"server.host": "127.0.0.1", "server.port": "0", "admin.host": "127.0.0.1", "admin.port": "0",
		"queue.type": "memory", "worker.drain_lag": "0s",
	}}
}

// process is a running App.
type process struct {
	*App
	t     testing.TB
	url   string // of ingress
	admin string
	stop  context.CancelFunc
	ended chan error
}

// start runs a process until the end of the test.
func start(t testing.TB, c *config.Config, o Options) *process {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	announced := make(chan Report, 1)
	o.Announce = func(r Report) { announced <- r }
	a, err := New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &process{App: a, t: t, stop: stop, ended: make(chan error, 1)}
	go func() { p.ended <- a.Run(ctx) }()
	select {
	case <-announced:
	case err := <-p.ended:
		t.Fatal(err)
	}
	in, admin := a.Addrs()
	p.admin = "http://" + admin.String()
	if in != nil {
		p.url = "http://" + in.String()
	}
	t.Cleanup(func() { _ = p.end() })
	return p
}

// end stops the process and returns how it ended.
func (p *process) end() error {
	p.stop()
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(time.Minute):
		p.t.Error("the process does not end")
		return nil
	}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// answer is what a call gave.
type answer struct {
	status int
	header http.Header
	body   string
}

// client makes a new connection for each call, so that a drain never meets an idle one. It follows no redirect.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func call(t testing.TB, method, url, body string, fields ...string) answer {
	t.Helper()
	got, err := tryCall(t.Context(), method, url, body, fields...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func tryCall(ctx context.Context, method, url, body string, fields ...string) (answer, error) {
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

// submit sends a request that nobody waits for, and returns its ID.
func (p *process) submit(t testing.TB, path string) string {
	t.Helper()
	got := call(t, "POST", p.url+path, "x", "Prefer", "respond-async")
	if got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var accepted struct {
		ID string `json:"correlation_id"`
	}
	if err := json.Unmarshal([]byte(got.body), &accepted); err != nil {
		t.Fatal(err)
	}
	return accepted.ID
}

// wait returns the status word that a message ends with.
func (p *process) wait(t testing.TB, id string) string {
	t.Helper()
	got := call(t, "GET", p.url+"/api/v1/status/"+id+"?wait=20s", "")
	var status struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal([]byte(got.body), &status); err != nil {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	return status.Status
}

// backend is an application that says its name.
func backend(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAProcessTakesInDeliversAndReports(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello from "+r.URL.Path) })
	p := start(t, load(t, "proxy: {default_endpoint: '"+app+"'}"), Options{Version: "v9"})

	if got := call(t, "POST", p.url+"/orders", "x"); got.status != 200 || got.body != "hello from /orders" {
		t.Errorf("held: %d %q", got.status, got.body)
	}
	if got := call(t, "GET", p.url+"/page", ""); got.status != 200 || got.body != "hello from /page" {
		t.Errorf("passed through: %d %q", got.status, got.body)
	}
	if got := p.wait(t, p.submit(t, "/later")); got != "COMPLETED" {
		t.Errorf("submitted: %s", got)
	}
	for path, want := range map[string]string{"/livez": "ok", "/readyz": "ready", "/health": `"healthy"`,
		"/metrics":       `openhqm_queue_publish_total{queue_name="default",status="success"} 2`,
		"/api/v1/queues": `"default"`} {
		if got := call(t, "GET", p.admin+path, ""); got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d without %s:\n%s", path, got.status, want, got.body)
		}
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
}

func TestWithoutAnEndpointTheDemoAnswers(t *testing.T) {
	p := start(t, load(t, ""), Options{})
	got := call(t, "POST", p.url+"/api/v1/submit", `{"payload": {"operation": "uppercase", "data": "abc"}}`)
	if got.status != 202 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var accepted struct {
		ID string `json:"correlation_id"`
	}
	if err := json.Unmarshal([]byte(got.body), &accepted); err != nil {
		t.Fatal(err)
	}
	if word := p.wait(t, accepted.ID); word != "COMPLETED" {
		t.Errorf("ended %s", word)
	}
	if got := call(t, "GET", p.url+"/api/v1/response/"+accepted.ID, ""); !strings.Contains(got.body, "ABC") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestAHandlerOfTheBinaryTakesTheDemosPlace(t *testing.T) {
	h := queue.HandlerFunc(func(context.Context, *queue.Delivery) queue.Outcome {
		return queue.Outcome{Class: queue.Answered, Result: &queue.Result{Status: 299, Length: -1, Body: queue.InlineBody([]byte("mine"))}}
	})
	p := start(t, load(t, ""), Options{Extensions: Extensions{Handlers: map[string]queue.Handler{"own": h}}})
	if got := call(t, "POST", p.url+"/x", ""); got.status != 299 || got.body != "mine" {
		t.Errorf("%d %q", got.status, got.body)
	}
	if r := p.Report(); r.Default != "handler own" {
		t.Errorf("the report says %q", r.Default)
	}
}

func TestAStoreOfTheBinaryIsOpenedWithTheBounds(t *testing.T) {
	var bounds StoreConfig
	ext := Extensions{Stores: map[string]OpenStore{"mine": func(_ context.Context, c StoreConfig) (queue.Store, error) {
		bounds = c
		return memory.New(memory.Options{}), nil
	}}}
	c := load(t, "queue: {max_messages: 7, max_bytes: 64MiB}")
	c.Queue.Type = "mine"
	p := start(t, c, Options{Extensions: ext})
	if got := call(t, "POST", p.url+"/x", "", "Prefer", "respond-async"); got.status != 202 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if bounds.MaxMessages != 7 || bounds.MaxBytes != 64<<20 {
		t.Errorf("%+v", bounds)
	}
}

func TestTheReportShowsHowToChooseWhereThereIsNoDefault(t *testing.T) {
	app := backend(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, load(t, "proxy: {endpoints: {first: {url: '"+app+"'}, second: {url: '"+app+"'}}}"), Options{})
	text := p.Report().Text()
	for _, want := range []string{"there is no default", "chooses: first, second", "curl -i -H 'Prefer: respond-async' -H 'OpenHQM-Endpoint: first' "} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

func TestTheReportDoesNotSendEveryPathToTheDefaultWhereThereAreRoutes(t *testing.T) {
	app := backend(t, func(http.ResponseWriter, *http.Request) {})
	r := start(t, load(t, "proxy: {default_endpoint: '"+app+"'}\nroutes: [{name: one, match: {path: /one}, endpoint: default}]"), Options{}).Report()
	mentions(t, r.Text(), "routes says that matches (1 in all)", "what matches none goes to "+app)
	if strings.Contains(r.Text(), "every path") {
		t.Errorf("every path goes to the default:\n%s", r.Text())
	}
}

func TestTheRecordOfTheStartHasTheAddressesAsTheyAreBound(t *testing.T) {
	c := load(t, "")
	c.Server.Host = "0.0.0.0"
	r := start(t, c, Options{}).Report()
	var log bytes.Buffer
	r.Log(slog.New(slog.NewJSONHandler(&log, nil)))
	_, port, _ := net.SplitHostPort(r.Ingress.Host)
	if every := regexp.MustCompile(`"ingress":"(0\.0\.0\.0|\[::\]):` + port + `"`); !every.MatchString(log.String()) {
		t.Errorf("want %s in %s", every, log.String())
	}
	mentions(t, log.String(), `"admin":"127.0.0.1:`, "http://localhost:"+port+"/orders")
	mentions(t, r.Text(), "http://localhost:"+port+" (on every interface)")
}

func TestTheReportSaysWhatAPersonWantsToKnow(t *testing.T) {
	app := backend(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, load(t, "proxy: {default_endpoint: '"+app+"'}"), Options{Version: "v9"})
	text := p.Report().Text()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(p.url, "http://"))
	for _, want := range []string{"v9", port, app, "/api/v1/submit", "memory of this process", "go with this process",
		"the queue is empty", "whoever knows a correlation ID may read", "curl -i -H 'Prefer: respond-async'", "/readyz"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}

func TestTheRecordOfTheStartSaysWhatTheTextSays(t *testing.T) {
	app := backend(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, load(t, "proxy: {endpoints: {first: {url: '"+app+"'}, second: {url: '"+app+"'}}}"), Options{})
	var log bytes.Buffer
	p.Report().Log(slog.New(slog.NewJSONHandler(&log, nil)))
	mentions(t, log.String(), `"endpoints":["first","second"]`, `"operators":"from this machine only, until auth.admin_token is set"`,
		`"try":"curl -i -H 'Prefer: respond-async' -H 'OpenHQM-Endpoint: first' -d '{\"item\": 42}' `+p.url+`/orders"`)
}
