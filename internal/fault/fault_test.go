package fault

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// root is the repository, seen from this package.
const root = "../.."

// TestReleaseHoldsNoFault builds the product as it ships, with its symbols, and looks for what must not be in it; and for
// the same with the tag, where it must be found.
func TestReleaseHoldsNoFault(t *testing.T) {
	names := append(Bugs(), Points()...)
	release, planted := build(t), build(t, "-tags", "planted")
	for _, f := range names {
		if bytes.Contains(read(t, release), []byte(f.Name)) {
			t.Errorf("the release binary holds the name %s", f.Name)
		}
		if !bytes.Contains(read(t, planted), []byte(f.Name)) {
			t.Errorf("the binary with the tag planted does not hold the name %s", f.Name)
		}
	}
	for _, symbol := range []string{"/internal/fault.", "(*unit).setLater", "embedded.settlePoint"} {
		if found := symbols(t, release, symbol); len(found) > 0 {
			t.Errorf("the release binary has %v", found)
		}
		if symbol != "embedded.settlePoint" && len(symbols(t, planted, symbol)) == 0 { // that one may be inlined
			t.Errorf("the binary with the tag planted has nothing of %s", symbol)
		}
	}
}

func build(t *testing.T, flags ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "openhqm")
	cmd := exec.Command("go", append(append([]string{"build", "-buildvcs=false", "-o", binary}, flags...), "./cmd/openhqm")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// symbols returns the symbols of a binary that contain a text.
func symbols(t *testing.T, binary, text string) (found []string) {
	t.Helper()
	out, err := exec.Command("go", "tool", "nm", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, text) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// TestEveryFaultIsPlanted reads the product's source: every bug stands in it, and every point exactly once.
func TestEveryFaultIsPlanted(t *testing.T) {
	bugs, points := constants(t, "bugs.go"), constants(t, "points.go")
	uses := map[string]int{}
	sources(t, func(tree *ast.File) {
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			argument, named := call.Args[0].(*ast.SelectorExpr)
			if ok && named && (function.Sel.Name == "Planted" || function.Sel.Name == "Point") {
				uses[function.Sel.Name+" "+argument.Sel.Name]++
			}
			return true
		})
	})
	for constant := range bugs {
		if uses["Planted "+constant] == 0 {
			t.Errorf("bug %s is planted nowhere", constant)
		}
	}
	for constant := range points {
		if n := uses["Point "+constant]; n != 1 {
			t.Errorf("point %s stands in %d places, want one", constant, n)
		}
	}
	described(t, bugs, Bugs())
	described(t, points, Points())
}

// described compares the constants with the table of them.
func described(t *testing.T, constants map[string]string, table []Fault) {
	t.Helper()
	left := map[string]bool{}
	for _, name := range constants {
		left[name] = true
	}
	for _, f := range table {
		if !left[f.Name] {
			t.Errorf("%s is in the table twice, or no constant", f.Name)
		}
		if !strings.HasSuffix(f.Does, ".") {
			t.Errorf("%s is not described in one sentence: %q", f.Name, f.Does)
		}
		delete(left, f.Name)
	}
	for name := range left {
		t.Errorf("%s is not described", name)
	}
}

// constants returns the string constants of a file of this package: name to value.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found[spec.Names[0].Name] = value
		return true
	})
	return found
}

// sources parses every file of the product outside this package.
func sources(t *testing.T, visit func(*ast.File)) {
	t.Helper()
	for _, dir := range []string{"internal", "queue", "client"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && filepath.Base(path) == "fault" {
				return fs.SkipDir
			}
			if d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				visit(tree)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyWhatExistsIsChosen(t *testing.T) {
	for _, c := range []struct {
		bug, crash string
		want       selection
		refusal    string
	}{
		{want: selection{nth: 1}},
		{bug: "no-token-check", want: selection{bug: NoTokenCheck, nth: 1}},
		{crash: "time-due", want: selection{crash: TimeDue, nth: 1}},
		{crash: "time-due:7", want: selection{crash: TimeDue, nth: 7}},
		{bug: "no-such-bug", refusal: "OPENHQM_FAULT_BUG=\"no-such-bug\": there is no such fault; known are ack-before-sync, "},
		{crash: "no-token-check", refusal: "known are commit-before-sync, "},
		{crash: "time-due:", refusal: "want a name"},
		{crash: "time-due:0", refusal: "want a name"},
		{crash: "time-due:x", refusal: "want a name"},
	} {
		got, err := choose(c.bug, c.crash)
		switch {
		case c.refusal == "" && (err != nil || got != c.want):
			t.Errorf("%q and %q chose %+v, %v", c.bug, c.crash, got, err)
		case c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)):
			t.Errorf("%q and %q: %v, want an error that says %q", c.bug, c.crash, err, c.refusal)
		}
	}
}
