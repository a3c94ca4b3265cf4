package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/fault"
)

func TestEveryBugHasItsTest(t *testing.T) {
	watched := map[string]int{}
	for _, w := range watches {
		watched[string(w.bug)]++
		name, _, _ := strings.Cut(strings.TrimPrefix(w.test, "^"), "$")
		if !declared(t, w.pkg, name) {
			t.Errorf("%s is to be caught by %s, which %s does not have", w.bug, name, w.pkg)
		}
	}
	for _, f := range fault.Bugs() {
		if n := watched[f.Name]; n != 1 {
			t.Errorf("bug %s has %d rows in watches, want one", f.Name, n)
		}
		delete(watched, f.Name)
	}
	for name := range watched {
		t.Errorf("there is no bug %s", name)
	}
}

// declared reports whether a package has a test of that name.
func declared(t *testing.T, pkg, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if function.Match(source) {
			return true
		}
	}
	return false
}

func TestOnlyATestThatSaysSoHasFailed(t *testing.T) {
	for out, want := range map[string]bool{
		"--- FAIL: TestX (0.01s)\n    x_test.go:1: no\nFAIL\n":       true,
		"ok\n--- FAIL: TestX (0.01s)\n":                              true,
		"panic: test timed out after 2m0s\n":                         false,
		"openhqm: OPENHQM_FAULT_BUG=\"x\": there is no such fault\n": false,
		"PASS\n": false,
	} {
		if failed.MatchString(out) != want {
			t.Errorf("%q counts as failed: %v, want %v", out, !want, want)
		}
	}
}

func TestEightOfTenAreEnough(t *testing.T) {
	for _, c := range []struct {
		caught, runs int
		enough       bool
	}{{8, 10, true}, {7, 10, false}, {1, 1, true}, {0, 1, false}, {3, 4, false}, {4, 5, true}} {
		if s := (score{caught: c.caught, runs: c.runs}); s.enough() != c.enough {
			t.Errorf("%d of %d: %v", c.caught, c.runs, s.enough())
		}
	}
}
