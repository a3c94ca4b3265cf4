package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files and the reference manual")

// in makes dir the working directory, with file as its openhqm.yaml unless it is empty.
func in(t *testing.T, file string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if file != "" {
		if err := os.WriteFile(DefaultFile, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// load loads file and env, which must be right, with an embedded and a Redis backend.
func load(t *testing.T, file string, env ...string) *Config {
	t.Helper()
	c, _, err := tryLoad(t, file, env...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryLoad(t *testing.T, file string, env ...string) (*Config, []Note, error) {
	t.Helper()
	in(t, file)
	return Load(Options{Env: env, Backends: []string{"embedded", "redis"}})
}

func printed(t *testing.T, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares got with a file of testdata, given before the test changed directory, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not current; run go test ./internal/config -update and review the change\ngot:\n%s", filepath.Base(path), got)
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mustContain(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}
