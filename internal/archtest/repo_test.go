package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "github.com/openhqm/openhqm"

// root is the repository's directory, seen from this package.
const root = "../.."

// A goFile is one parsed Go file of the main module.
type goFile struct {
	path   string // relative to the root, with slashes
	dir    string // the package: path without the file, "." for the root
	test   bool
	source string
	fset   *token.FileSet
	ast    *ast.File
}

// line says where in the file pos is, as an error message wants it.
func (f goFile) line(pos token.Pos) string {
	return f.fset.Position(pos).String()
}

// ours reports whether a directory belongs to the main module: nested modules,
// test data, hidden directories and build output do not.
func ours(dir string) bool {
	name := path.Base(dir)
	if dir == "." {
		return true
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || dir == "bin" || dir == "openhqm-data" {
		return false
	}
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(dir), "go.mod"))
	return err != nil
}

// goFiles parses every Go file of the main module, comments included.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	walk(t, func(p string) {
		if path.Ext(p) != ".go" {
			return
		}
		full := filepath.Join(root, filepath.FromSlash(p))
		source, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, p, source, parser.ParseComments)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		files = append(files, goFile{
			path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"),
			source: string(source), fset: fset, ast: tree,
		})
	})
	return files
}

// walk calls visit with every file of the main module, relative to the root.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && !ours(p):
			return fs.SkipDir
		case d.Type().IsRegular():
			visit(p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testNames lists every top-level TestX, FuzzX, ExampleX and BenchmarkX of the
// whole repository, nested modules included, with the files that declare it.
func testNames(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string][]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (p == ".git" || p == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(p) != ".go" {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(p)), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil // a nested module may hold what does not parse here
		}
		for _, decl := range tree.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv != nil {
				continue
			}
			for _, prefix := range []string{"Test", "test", "Fuzz", "Example", "Benchmark"} {
				if strings.HasPrefix(fn.Name.Name, prefix) && !slices.Contains(names[fn.Name.Name], p) {
					names[fn.Name.Name] = append(names[fn.Name.Name], p)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
