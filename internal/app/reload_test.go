package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/queue"
)

func named(t *testing.T, name string) string {
	return backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

func TestAReloadSwapsEverythingOrNothing(t *testing.T) {
	first, second := named(t, "first"), named(t, "second")
	level := new(slog.LevelVar)
	p := start(t, load(t, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+first+"'}}}"), Options{Level: level})
	body := func() string { return call(t, "POST", p.url+"/x", "x").body }
	if got := body(); got != "first" {
		t.Fatal(got)
	}

	after := load(t, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+second+"', concurrency: 3, rate: 50/s, sync_share: 30}}}\n"+
		"monitoring: {log_level: debug}\nserver: {max_header_bytes: 32KiB}")
	restart, err := p.Reload(after)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(); got != "second" {
		t.Errorf("after the reload: %q", got)
	}
	if !slices.Equal(restart, []string{"server.max_header_bytes"}) {
		t.Errorf("keys that take a restart: %v", restart)
	}
	if level.Level() != slog.LevelDebug {
		t.Errorf("level %s", level.Level())
	}
	await(t, "the new limits", func() bool {
		return gateOf(t, p, "a").Limits == queue.Limits{MaxLeased: 3, Rate: 50, Burst: 1, SyncShare: 30}
	})

	wrong := load(t, "proxy: {default_endpoint: b, endpoints: {b: {url: '"+first+"'}, c: {url: 'http://192.0.2.1'}}}")
	c := wrong.Proxy.Endpoints["c"]
	c.URL = config.URL(p.url)
	wrong.Proxy.Endpoints["c"] = c
	if _, err := p.Reload(wrong); err == nil || !strings.Contains(err.Error(), "itself") {
		t.Errorf("a reload with an endpoint that is itself: %v", err)
	}
	if got := body(); got != "second" {
		t.Errorf("after the refused reload: %q", got)
	}
	if _, held := gateOf(t, p, "a").Holds[queue.HoldEndpointMissing]; held {
		t.Error("the refused reload holds a queue")
	}
}

func gateOf(t *testing.T, p *process, name string) queue.Gate {
	t.Helper()
	stats, err := p.Broker().Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Queues[name].Gate
}

func TestMessagesOfAnEndpointThatDisappearsAreHeldUntilItIsBack(t *testing.T) {
	url := named(t, "a")
	with := load(t, "proxy: {default_endpoint: b, endpoints: {a: {url: '"+url+"'}, b: {url: '"+url+"'}}}")
	without := load(t, "proxy: {default_endpoint: b, endpoints: {b: {url: '"+url+"'}}}")
	p := start(t, with, Options{})
	pause := queue.GateChange{Hold: []queue.HoldChange{{Reason: queue.HoldPaused}}}
	if _, err := p.Broker().SetGate(t.Context(), "a", pause); err != nil {
		t.Fatal(err)
	}
	got := call(t, "POST", p.url+"/x", "x", "Prefer", "respond-async", "OpenHQM-Endpoint", "a")
	if got.status != 202 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	id := got.header.Get("OpenHQM-Correlation-Id")
	if _, err := p.Reload(without); err != nil {
		t.Fatal(err)
	}
	missing := func() bool { _, held := gateOf(t, p, "a").Holds[queue.HoldEndpointMissing]; return held }
	await(t, "the hold", missing)
	if got := call(t, "POST", p.url+"/x", "x", "OpenHQM-Endpoint", "a"); got.status != 404 {
		t.Errorf("a request for the endpoint that is gone: %d %s", got.status, got.body)
	}
	if _, err := p.Reload(with); err != nil {
		t.Fatal(err)
	}
	await(t, "the release", func() bool { return !missing() })
	if _, held := gateOf(t, p, "a").Holds[queue.HoldPaused]; !held {
		t.Error("the operator's hold is gone")
	}
	if _, err := p.Broker().SetGate(t.Context(), "a", queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}}); err != nil {
		t.Fatal(err)
	}
	if word := p.wait(t, id); word != "COMPLETED" {
		t.Errorf("the message that was held ended %s", word)
	}
}

func TestRefusedCredentialsHoldUntilTheyChange(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	with := func(token string) *config.Config {
		return load(t, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+app+"', auth_type: bearer, auth_token: "+token+"}}}")
	}
	p := start(t, with("wrong"), Options{})
	id := p.submit(t, "/x")
	held := func() bool { _, h := gateOf(t, p, "a").Holds[queue.HoldAuth]; return h }
	await(t, "the hold", held)
	if _, err := p.Reload(with("wrong")); err != nil {
		t.Fatal(err)
	}
	if err := p.gates.apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !held() {
		t.Error("a reload with the same credentials released the queue")
	}
	if _, err := p.Reload(with("right")); err != nil {
		t.Fatal(err)
	}
	if word := p.wait(t, id); word != "COMPLETED" {
		t.Errorf("ended %s", word)
	}
}

// A call that passes through closes an endpoint that refuses the configured credentials as a queued one does, and one with its
// client's own credentials closes nothing, either way.
func TestOnlyRefusedCredentialsOfOurOwnHoldAnEndpoint(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	p := start(t, load(t, "proxy: {wait: 1s, default_endpoint: a, endpoints: {a: {url: '"+app+"', auth_type: bearer, auth_token: wrong, authorization: forward}}}"), Options{})
	held := func() bool { _, h := gateOf(t, p, "a").Holds[queue.HoldAuth]; return h }
	if got := call(t, "GET", p.url+"/x", "", "Authorization", "Bearer own"); got.status != 403 || held() {
		t.Errorf("passed with its own credentials: %d, held %t", got.status, held())
	}
	if got := call(t, "POST", p.url+"/x", "x", "Authorization", "Bearer own", "Prefer", "wait=20"); got.status != 403 || held() {
		t.Errorf("queued with its own credentials: %d, held %t", got.status, held())
	}
	if got := call(t, "TRACE", p.url+"/x", ""); got.status != 403 || held() { // bears none
		t.Errorf("a TRACE: %d, held %t", got.status, held())
	}
	if got := call(t, "GET", p.url+"/x", ""); got.status != 403 || !held() {
		t.Errorf("passed with the configured credentials: %d, held %t", got.status, held())
	}
	if got := call(t, "GET", p.url+"/x", ""); got.status != 503 || !strings.Contains(got.body, "auth") || got.header.Get("Retry-After") == "" {
		t.Errorf("passed while it is held: %d %s", got.status, got.body)
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

func TestSIGHUPReloads(t *testing.T) {
	first, second := named(t, "first"), named(t, "second")
	path := t.TempDir() + "/openhqm.yaml"
	write(t, path, "proxy: {default_endpoint: '"+first+"'}")
	log := &lines{}
	p := start(t, loadFile(t, path), Options{
		Log: slog.New(slog.NewTextHandler(log, nil)),
		Reread: func() (*config.Config, []config.Note, error) {
			return config.Load(config.Options{Path: path, Backends: Extensions{}.Backends(), Flags: map[string]string{
				"server.host": "127.0.0.1", "server.port": "0", "admin.host": "127.0.0.1", "admin.port": "0",
				"queue.type": "memory", "worker.drain_lag": "0s"}})
		},
	})
	write(t, path, "proxy: {default_endpiont: x}")
	hangUp(t)
	await(t, "the refusal", func() bool { return log.has("configuration not reloaded") && log.has("default_endpiont") })
	if got := call(t, "POST", p.url+"/x", ""); got.body != "first" {
		t.Errorf("after the refused reload: %d %q", got.status, got.body)
	}
	write(t, path, "proxy: {default_endpoint: '"+second+"'}")
	hangUp(t)
	await(t, "the reload", func() bool { return log.has("configuration reloaded") })
	if got := call(t, "POST", p.url+"/x", ""); got.body != "second" {
		t.Errorf("after the reload: %d %q", got.status, got.body)
	}
}

func hangUp(t *testing.T) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatChangesAsAConfigMapDoesIsNoticed(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"1", "2", "3"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	file := func(version string) string { return filepath.Join(dir, version, "openhqm.yaml") }
	write(t, file("1"), "a: 1")
	write(t, file("2"), "a: 1") // the same content
	write(t, file("3"), "a: 2")
	for i, version := range []string{"1", "2", "3"} {
		at := time.Unix(1_000_000_000+int64(i), 0)
		if err := os.Chtimes(file(version), at, at); err != nil {
			t.Fatal(err)
		}
	}
	point := func(version string) {
		t.Helper()
		if err := os.Symlink(version, filepath.Join(dir, "next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
	}
	point("1")
	held := config.Digest(sha256.Sum256([]byte("a: 1")))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		changed := make(chan struct{}, 1)
		go watchFile(ctx, filepath.Join(dir, "data", "openhqm.yaml"), held, changed)
		synctest.Wait()
		notices := func() bool {
			time.Sleep(4 * watchEvery)
			synctest.Wait()
			select {
			case <-changed:
				return true
			default:
				return false
			}
		}
		point("2")
		if notices() {
			t.Error("the same content counts as a change")
		}
		point("3")
		if !notices() {
			t.Error("new content is not noticed")
		}
		if err := os.Remove(file("3")); err != nil {
			t.Fatal(err)
		}
		if notices() {
			t.Error("a file that is gone counts as a change")
		}
		point("1")
		if !notices() {
			t.Error("what was held before is not noticed")
		}
		go watchFile(ctx, filepath.Join(dir, "data", "openhqm.yaml"), config.Digest{}, changed)
		if !notices() {
			t.Error("a file that changed between its reading and the first look is not noticed")
		}
	})
}
