package archtest

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is the longest a Go file may be without a reason in longFiles.
const maxLines = 600

// longFiles are the exceptions to maxLines, each with its reason.
var longFiles = map[string]string{}

// timedDirs may sleep: they watch real processes over real time.
var timedDirs = []string{"test/", "bench/"}

// vagueNames say nothing about what a package is for.
var vagueNames = []string{"util", "utils", "common", "types", "models", "helpers", "misc", "shared", "base"}

// postponed finds the marks of work put off.
var postponed = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func TestFilesStayReadable(t *testing.T) {
	for _, file := range goFiles(t) {
		lines := strings.Count(file.source, "\n")
		reason, excepted := longFiles[file.path]
		switch {
		case lines > maxLines && !excepted:
			t.Errorf("%s has %d lines, more than %d: split it by purpose, or give a reason in longFiles", file.path, lines, maxLines)
		case lines <= maxLines && excepted:
			t.Errorf("%s has %d lines and needs no exception (%s)", file.path, lines, reason)
		}
	}
}

func TestMainIsOneCall(t *testing.T) {
	for _, file := range goFiles(t) {
		if path.Base(file.path) == "main.go" && strings.HasPrefix(file.path, "cmd/") {
			if lines := strings.Count(file.source, "\n"); lines >= 40 {
				t.Errorf("%s has %d lines, want under 40: what it does belongs to internal/cli", file.path, lines)
			}
		}
	}
}

func TestNothingHappensAtImport(t *testing.T) {
	for _, file := range goFiles(t) {
		for _, decl := range file.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: an init function; do it in a constructor", file.line(fn.Pos()))
			}
		}
	}
}

func TestPackagesAreNamedForWhatTheyDo(t *testing.T) {
	for _, file := range goFiles(t) {
		name := strings.TrimSuffix(file.ast.Name.Name, "_test")
		if slices.Contains(vagueNames, name) || slices.Contains(vagueNames, path.Base(file.dir)) {
			t.Errorf("%s: package %s says nothing about its purpose", file.path, name)
		}
	}
}

func TestUnitTestsDoNotSleep(t *testing.T) {
	for _, file := range goFiles(t) {
		if !file.test || slices.ContainsFunc(timedDirs, func(dir string) bool { return strings.HasPrefix(file.path, dir) }) {
			continue
		}
		synctest := strings.Contains(file.source, `"testing/synctest"`)
		ast.Inspect(file.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || selector.Sel.Name != "Sleep" || synctest {
				return true
			}
			if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "time" {
				t.Errorf("%s: time.Sleep in a unit test; use testing/synctest, whose clock does not make anybody wait", file.line(call.Pos()))
			}
			return true
		})
	}
}

func TestNothingIsPostponedInComments(t *testing.T) {
	for _, file := range goFiles(t) {
		for _, group := range file.ast.Comments {
			for _, comment := range group.List {
				if mark := postponed.FindString(comment.Text); mark != "" {
					t.Errorf("%s: %s in a comment; do it, or open an issue", file.line(comment.Pos()), mark)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range goFiles(t) {
		if file.test {
			continue
		}
		documented[file.dir] = documented[file.dir] || file.ast.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}
