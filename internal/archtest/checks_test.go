package archtest

import (
	"slices"
	"strings"
	"testing"
)

// The checks of this package pass in silence, so each is shown here to fail on
// what it is for.

func TestForbiddenImportsAreFound(t *testing.T) {
	tests := []struct {
		dir, imported string
		allowed       bool
	}{
		{"queue", "net/http", true},
		{"queue", module + "/client", false},
		{"queue", "golang.org/x/sync/errgroup", false},
		{"internal/store/embedded", module + "/queue", true},
		{"internal/store/embedded", "github.com/cockroachdb/pebble/v2/vfs", true},
		{"internal/store/embedded", "github.com/cockroachdb/pebble/v22", false},
		{"internal/store/embedded", module + "/internal/store/memory", false},
		{"internal/worker", module + "/internal/config", false},
		{"internal/cli", module + "/internal/config", true},
		{"internal/app", module + "/internal/store/memory", true},
		{"internal/app", module + "/internal/cli", false},
		{"cmd/openhqm", module, true},
		{"cmd/openhqm", module + "/internal/app", false},
	}
	for _, test := range tests {
		reason := forbidden(goFile{dir: test.dir}, imports[test.dir], test.imported)
		if (reason == "") != test.allowed {
			t.Errorf("%s importing %s: %q, want allowed %v", test.dir, test.imported, reason, test.allowed)
		}
	}
}

func TestPathsOfTheRepositoryAreRecognised(t *testing.T) {
	for span, want := range map[string]bool{
		"queue/doc.go": true, "internal/app/": true, "README.md": true, ".ci/run": true, "docs/design.md": true,
		"application/json": false, "/api/v1": false, "internal/store/NAME": false, "openhqm.yaml": false,
		"queue.Store": false, "./bin/openhqm": false, "go test ./...": false,
	} {
		if got := ownPath(span); got != want {
			t.Errorf("%q counts as a path: %v, want %v", span, got, want)
		}
	}
}

func TestCommandsAreReadFromSpansBlocksAndIndentedLines(t *testing.T) {
	doc := document{text: "Run `make a`.\n\n    make b && x\n\n```sh\n$ make c \\\n  --flag # why\n# a comment\n```\n\n```yaml\nmake: d\n```\n"}
	got := doc.commands()
	for i := range got {
		got[i] = strings.Join(strings.Fields(got[i]), " ")
	}
	want := []string{"make a", "make c --flag", "make b && x"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnchorsAreMadeAsHostsOfMarkdownDo(t *testing.T) {
	made := anchors("# What `it` is: a queue!\n## Ten promises\n")
	if !made["what-it-is-a-queue"] || !made["ten-promises"] {
		t.Errorf("made %v", made)
	}
}

func TestTestNamesAreFoundInProse(t *testing.T) {
	for text, want := range map[string]string{
		"`TestX`":                       "TestX",
		"`queue/storetest.TestX`":       "TestX",
		"`TestX/with a case` and more":  "TestX",
		"`FuzzY`":                       "FuzzY",
		"`Testing` is no test":          "",
		"TestX outside of backticks":    "",
		"`internal/archtest` is a path": "",
	} {
		found := ""
		if match := testNamePattern.FindStringSubmatch(text); match != nil {
			found = match[1]
		}
		if found != want {
			t.Errorf("%q: found %q, want %q", text, found, want)
		}
	}
}
