package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A server is one running openhqm.
type server struct {
	*process
	address string // host:port of ingress
	admin   string // host:port of the admin listener
	dir     string // its data directory
	settings
}

// settings are what a test chooses for a start.
type settings struct {
	role   string   // the subcommand, serve unless said otherwise
	args   []string // flags behind it
	env    []string // KEY=value
	config string   // the text of openhqm.yaml, if any
	data   string   // the data directory; empty for a fresh one
}

// An option changes the settings of a start.
type option func(*settings)

// endpoint puts the server in front of one URL.
func endpoint(url string) option {
	return func(s *settings) { s.args = append(s.args, "--endpoint", url) }
}

// setting sets an environment variable: setting("WORKER__MAX_RETRIES", "0").
func setting(key, value string) option {
	return func(s *settings) { s.env = append(s.env, "OPENHQM_"+key+"="+value) }
}

// variable sets an environment variable whose name is not a key of ours.
func variable(name, value string) option {
	return func(s *settings) { s.env = append(s.env, name+"="+value) }
}

// flags adds command line flags.
func flags(args ...string) option {
	return func(s *settings) { s.args = append(s.args, args...) }
}

// configured gives the server a configuration file.
func configured(yaml string) option {
	return func(s *settings) { s.config = yaml }
}

// dataIn places the data directory.
func dataIn(dir string) option {
	return func(s *settings) { s.data = dir }
}

// role runs another subcommand than serve.
func role(name string) option {
	return func(s *settings) { s.role = name }
}

// begin starts openhqm on free ports and returns without waiting.
func begin(t testing.TB, options ...option) *server {
	t.Helper()
	s := &server{address: freeAddress(t), admin: freeAddress(t), settings: settings{role: "serve"}}
	for _, option := range options {
		option(&s.settings)
	}
	s.dir = s.data
	if s.dir == "" {
		s.dir = filepath.Join(t.TempDir(), "data")
	}
	env := []string{
		"OPENHQM_SERVER__HOST=127.0.0.1", "OPENHQM_SERVER__PORT=" + port(s.address),
		"OPENHQM_ADMIN__HOST=127.0.0.1", "OPENHQM_ADMIN__PORT=" + port(s.admin),
		"OPENHQM_QUEUE__EMBEDDED__DIR=" + s.dir,
		// No load balancer has to notice that this one goes.
		"OPENHQM_WORKER__DRAIN_LAG=0s",
	}
	args := append([]string{s.role}, s.args...)
	if s.config != "" {
		file := filepath.Join(t.TempDir(), "openhqm.yaml")
		if err := os.WriteFile(file, []byte(s.config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	s.process = launch(t, "openhqm "+s.role, openhqm(t), args, append(env, s.env...))
	t.Cleanup(func() {
		if !s.ended() {
			_ = s.cmd.Process.Kill()
			<-s.done
		}
		if strings.Contains(s.out.String(), "WARNING: DATA RACE") {
			t.Errorf("data race in the server:\n%s", s.out)
		} else if t.Failed() {
			t.Logf("openhqm printed:\n%s", tail(s.out.String(), 8000))
		}
	})
	return s
}

// serve starts openhqm, waits until it is ready, and at the end of the test
// stops it with SIGTERM and wants exit code 0.
func serve(t testing.TB, options ...option) *server {
	t.Helper()
	s := begin(t, options...)
	s.awaitReady(t)
	t.Cleanup(func() {
		if !s.ended() {
			s.stop(t)
		}
	})
	return s
}

// awaitReady blocks until /readyz says 200.
func (s *server) awaitReady(t testing.TB) {
	t.Helper()
	eventually(t, startTimeout, func() error {
		if s.ended() {
			t.Fatalf("openhqm ended before it was ready:\n%s", s.out)
		}
		resp, err := http.Get("http://" + s.admin + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %s", resp.Status)
		}
		return nil
	})
}

// stop sends SIGTERM and wants exit code 0 within the grace period. Before that
// the counters have to agree with the records (promise 2).
func (s *server) stop(t testing.TB) {
	t.Helper()
	if drift := s.metric(t, "openhqm_queue_drift"); len(drift) < len(s.metric(t, "openhqm_queue_oldest_age_seconds")) {
		t.Errorf("a queue has no openhqm_queue_drift in /metrics: %v", drift)
	} else {
		for series, value := range drift {
			if value != "0" {
				t.Errorf("%s is %s, want 0", series, value)
			}
		}
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t, 60*time.Second); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0; it printed:\n%s", code, tail(s.out.String(), 8000))
	}
}

// metric reads the series of one family from /metrics.
func (s *server) metric(t testing.TB, family string) map[string]string {
	t.Helper()
	scrape := send(t, s.admin, get("/metrics"))
	if scrape.status != http.StatusOK {
		t.Errorf("/metrics: status %d: %s", scrape.status, scrape.text())
	}
	series := map[string]string{}
	for line := range strings.Lines(string(scrape.body)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && (name == family || strings.HasPrefix(name, family+"{")) {
			series[name] = value
		}
	}
	return series
}

// kill ends the process as a crash does.
func (s *server) kill(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	s.exit(t, 10*time.Second)
}

// refused runs openhqm where it must not start, and returns what it printed.
func refused(t testing.TB, options ...option) string {
	t.Helper()
	s := begin(t, options...)
	if code := s.exit(t, startTimeout); code == 0 {
		t.Errorf("exit code 0, want an error; it printed:\n%s", s.out)
	}
	return s.out.String()
}

// mentions fails unless the text has every one of the words.
func mentions(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("does not mention %q:\n%s", word, tail(text, 4000))
		}
	}
}

// cli runs a subcommand against the server and returns its output and exit code.
func (s *server) cli(t testing.TB, args ...string) (string, int) {
	t.Helper()
	env := []string{"OPENHQM_URL=http://" + s.address, "OPENHQM_ADMIN_URL=http://" + s.admin}
	p := launch(t, "openhqm "+args[0], openhqm(t), args, env)
	code := p.exit(t, startTimeout)
	return p.out.String(), code
}
