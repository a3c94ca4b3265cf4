package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// A block is one marked shell block of a document.
type block struct {
	line   int      // of its first command
	kinds  []string // serve, demo, endpoint
	output []string // what its output has to contain
	script string
}

// markPattern finds the comments that make a block a test.
var markPattern = regexp.MustCompile(`^<!-- test: (serve|demo|endpoint|output (.+)) -->$`)

// blocks reads the marked shell blocks of a document.
func blocks(text string) ([]block, error) {
	var found []block
	var next block
	var inside, marked bool
	for i, line := range strings.Split(text, "\n") {
		mark := markPattern.FindStringSubmatch(strings.TrimSpace(line))
		switch {
		case inside && strings.TrimSpace(line) == "```":
			found = append(found, next)
			inside, marked, next = false, false, block{}
		case inside:
			next.script += line + "\n"
		case mark != nil && mark[2] != "":
			next.output = append(next.output, mark[2])
			marked = true
		case mark != nil:
			next.kinds = append(next.kinds, mark[1])
			marked = true
		case marked && strings.HasPrefix(line, "```sh"):
			inside, next.line = true, i+2
			if len(next.kinds) == 0 {
				return nil, fmt.Errorf("line %d: output is asked of a block that is not marked serve, demo or endpoint", i+1)
			}
		case marked && strings.TrimSpace(line) != "":
			return nil, fmt.Errorf("line %d: a mark must stand right before a sh block", i+1)
		}
	}
	if inside || marked {
		return nil, fmt.Errorf("a mark without a whole sh block behind it")
	}
	return found, nil
}

func TestMarkedBlocksAreFound(t *testing.T) {
	text := "x\n<!-- test: serve -->\n<!-- test: output PENDING -->\n```sh\na\nb\n```\n```sh\nunmarked\n```\n<!-- test: demo -->\n\n```sh\nc\n```\n"
	got, err := blocks(text)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got[0].script != "a\nb\n" || got[0].line != 5 || !slices.Equal(got[0].output, []string{"PENDING"}) || got[1].script != "c\n" {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"<!-- test: serve -->\ntext\n", "<!-- test: serve -->\n```sh\n", "<!-- test: output x -->\n```sh\na\n```\n"} {
		if _, err := blocks(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestTheReadmesCommandsWorkAsTheyStand(t *testing.T) {
	all := blocksOf(t, "README.md")
	t.Run("without an endpoint", func(t *testing.T) {
		runBlocks(t, "README.md", all, "demo", serve(t), freeAddress(t))
	})
	t.Run("with an endpoint", func(t *testing.T) {
		app := record(t, recorder.Always(recorder.Answer(200, `{"app": "answered"}`, fixedDate, "Content-Type: application/json")))
		runBlocks(t, "README.md", all, "endpoint", serve(t, endpoint(app.URL())), app.Address())
	})
}

// TestTheCommandsForTestingWorkAsTheyStand does what docs/TESTING_PROXY.md says, in front of an application that says what it got.
func TestTheCommandsForTestingWorkAsTheyStand(t *testing.T) {
	app := record(t, func(a recorder.Arrival) recorder.Reply {
		return recorder.Answer(200, a.Method()+" "+string(a.Body), fixedDate, "Content-Type: text/plain")
	})
	runBlocks(t, "docs/TESTING_PROXY.md", blocksOf(t, "docs/TESTING_PROXY.md"), "endpoint", serve(t, endpoint(app.URL())), app.Address())
}

// blocksOf returns the marked blocks of a document, or skips the test where they cannot be run.
func blocksOf(t *testing.T, document string) []block {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	all, err := blocks(readFile(t, filepath.Join(moduleRoot, filepath.FromSlash(document))))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return all
}

// runBlocks runs the blocks for one kind of start in one shell, in order.
func runBlocks(t *testing.T, document string, all []block, kind string, s *server, app string) {
	t.Helper()
	dir := t.TempDir()
	// A curl that fails on an error status, in place of the one that the
	// document's reader watches with their own eyes.
	script := "set -euo pipefail\ncurl() { command curl --fail-with-body --silent --show-error --max-time 60 \"$@\"; }\n"
	var ran []block
	for _, b := range all {
		if !slices.Contains(b.kinds, "serve") && !slices.Contains(b.kinds, kind) {
			continue
		}
		script += fmt.Sprintf("exec >%s/%d 2>&1\n%s", dir, len(ran), b.script)
		ran = append(ran, b)
	}
	if len(ran) < 2 {
		t.Fatalf("%s has %d blocks marked serve or %s, want at least a submit and a read", document, len(ran), kind)
	}
	examples, err := filepath.Abs(filepath.Join(moduleRoot, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	script = strings.NewReplacer(
		"localhost:8000", s.address, "localhost:8001", s.admin, "localhost:8080", app,
		"./bin/openhqm", openhqm(t), "--config examples/", "--config "+examples+"/",
	).Replace(script)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "OPENHQM_URL=http://"+s.address, "OPENHQM_ADMIN_URL=http://"+s.admin, "APP_URL=http://"+app)
	runErr := cmd.Run()
	for i, b := range ran {
		printed, err := os.ReadFile(filepath.Join(dir, itoa(i)))
		if err != nil {
			break // the shell ended before it came to this block
		}
		t.Logf("%s:%d printed:\n%s", document, b.line, tail(string(printed), 2000))
		if runErr == nil {
			mentions(t, string(printed), b.output...)
		}
	}
	if runErr != nil {
		t.Errorf("the last block above failed: %v", runErr)
	}
}
