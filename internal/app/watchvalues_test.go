package app

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/queue"
)

// mounted is a Secret as Kubernetes mounts it: a symbolic link to a link that is swapped.
func mounted(t *testing.T, value string) (path string, swap func(value string)) {
	t.Helper()
	dir := t.TempDir()
	n := 0
	swap = func(value string) {
		t.Helper()
		n++
		version := filepath.Join(dir, ".."+string(rune('a'+n)))
		if err := os.Mkdir(version, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(version, "token"), value)
		fresh := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(version, fresh); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap(value)
	path = filepath.Join(dir, "token")
	if err := os.Symlink(filepath.Join("..data", "token"), path); err != nil {
		t.Fatal(err)
	}
	return path, swap
}

// rereadable starts a process that rereads its configuration from a file.
func rereadable(t *testing.T, yaml string, log *lines) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openhqm.yaml")
	write(t, path, yaml)
	return start(t, loadFile(t, path), Options{
		Log:    slog.New(slog.NewTextHandler(log, nil)),
		Reread: func() (*config.Config, []config.Note, error) { return config.Load(fileOptions(path)) },
	})
}

func TestASecretThatChangesInItsFileReleasesItsEndpoint(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer right" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	secret, swap := mounted(t, "wrong\n")
	log := &lines{}
	p := rereadable(t, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+app+"', auth_type: bearer, auth_token: '${file:"+secret+"}'}}}", log)
	held := func() bool { _, h := gateOf(t, p, "a").Holds[queue.HoldAuth]; return h }
	id := p.submit(t, "/x")
	await(t, "the hold", held)

	swap("")
	const kept = "configuration not reloaded; the one before stays"
	await(t, "the refusal of an empty file", func() bool { return log.has(kept) && log.has("is empty; write the value into it") })
	if !held() {
		t.Error("an empty file released the endpoint")
	}
	swap("right")
	if word := p.wait(t, id); word != "COMPLETED" {
		t.Errorf("ended %s", word)
	}

	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	await(t, "the refusal of a missing file", func() bool { return log.has("does not exist; create it, or correct the path") })
	if word := p.wait(t, p.submit(t, "/x")); word != "COMPLETED" {
		t.Errorf("with the secret before: %s", word)
	}
	if n := log.count(kept); n != 2 {
		t.Errorf("%d refusals in the log", n)
	}
	if log.has("right") || log.has("wrong") {
		t.Error("the log holds the secret")
	}
}

// A ConfigMap may arrive before the Secret that it names.
func TestAConfigurationThatNamesAFileBeforeItIsThereIsTakenUpLater(t *testing.T) {
	first, second := named(t, "first"), named(t, "second")
	dir := t.TempDir()
	path, secret := filepath.Join(dir, "openhqm.yaml"), filepath.Join(dir, "token")
	write(t, path, "proxy: {default_endpoint: '"+first+"'}")
	log := &lines{}
	p := start(t, loadFile(t, path), Options{
		Log:    slog.New(slog.NewTextHandler(log, nil)),
		Reread: func() (*config.Config, []config.Note, error) { return config.Load(fileOptions(path)) },
	})
	write(t, path, "proxy: {default_endpoint: a, endpoints: {a: {url: '"+second+"', auth_type: bearer, auth_token: '${file:"+secret+"}'}}}")
	hangUp(t)
	await(t, "the refusal", func() bool { return log.has("configuration not reloaded") && log.has("does not exist; create it") })
	if got := call(t, "GET", p.url+"/x", ""); got.body != "first" {
		t.Errorf("after the refused reload: %q", got.body)
	}
	write(t, secret, "s3cret")
	await(t, "the reload", func() bool { return call(t, "GET", p.url+"/x", "").body == "second" })
	if n := log.count("configuration not reloaded"); n > 2 { // the file's own change may have been seen too
		t.Errorf("%d refusals in the log", n)
	}
}

func TestAFileOfAValueIsNoticedOncePerChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "value")
	write(t, path, "one\n")
	used := map[string]config.Digest{path: config.DigestOf(path)}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		changed := make(chan struct{}, 1)
		go watchValues(ctx, func() map[string]config.Digest { return used }, changed)
		for _, step := range []struct {
			do      string
			content string
			noticed bool
		}{
			{"nothing", "one\n", false},
			{"a line break that does not count", "one", false},
			{"another value", "two", true},
			{"the same, which was not taken up", "two", false},
			{"an empty file", "", true},
			{"the value in use", "one", false},
			{"an empty file again", "", true},
		} {
			write(t, path, step.content)
			time.Sleep(4 * valuesEvery)
			synctest.Wait()
			noticed := false
			select {
			case <-changed:
				noticed = true
			default:
			}
			if noticed != step.noticed {
				t.Errorf("%s: noticed %t", step.do, noticed)
			}
		}
	})
}
