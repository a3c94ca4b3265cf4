package config

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestReferenceIsCurrent keeps comments.json and docs/config.md equal to what the section structs say; -update writes them.
func TestReferenceIsCurrent(t *testing.T) {
	structs := commentsOfStructs(t)
	comments := map[string]string{}
	for _, k := range schema() {
		doc := structs[structOf(t, k.path)][keyOf(k.field)]
		if doc == "" {
			t.Errorf("%s has no comment", k.path)
		}
		comments[k.path] = doc
	}
	encoded, err := json.MarshalIndent(comments, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "comments.json", string(encoded)+"\n")
	var b strings.Builder
	if err := Reference(&b, keysWith(comments)); err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/config.md", b.String())
}

// commentsOfStructs returns the comments of this package's struct fields by struct name and key, each on one line.
func commentsOfStructs(t *testing.T) map[string]map[string]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				found[spec.Name.Name] = map[string]string{}
				for _, f := range st.Fields.List {
					if f.Tag == nil {
						continue
					}
					key := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml")
					found[spec.Name.Name][key] = strings.Join(strings.Fields(f.Doc.Text()), " ")
				}
			}
			return true
		})
	}
	return found
}

// structOf returns the name of the struct that holds the last part of a path.
func structOf(t *testing.T, path string) string {
	t.Helper()
	parts := strings.Split(path, ".")
	typ := reflect.TypeFor[Config]()
	for _, part := range parts[:len(parts)-1] {
		if typ.Kind() == reflect.Map || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
			continue
		}
		f, ok := fieldOf(typ, part)
		if !ok {
			t.Fatalf("no field for %s of %s", part, path)
		}
		typ = f.Type
	}
	if typ.Kind() == reflect.Map || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	return typ.Name()
}

func TestEveryKeyCanBeSetByTheVariableItsDocumentationNames(t *testing.T) {
	for _, k := range Keys() {
		if ofItem(k.Key) {
			continue // its documentation names none
		}
		parts := strings.Split(strings.ToLower(strings.TrimPrefix(k.Env, envPrefix)), "__")
		path, _, err := resolver{root: &node{kind: mapping}, fold: true}.resolve(parts)
		want := k.Key
		if list, _, listed := strings.Cut(want, ".NAME."); listed && !strings.HasPrefix(want, "proxy.") {
			want = list // a list is set as a whole
		}
		if err != nil || !strings.EqualFold(strings.Join(path, "."), want) {
			t.Errorf("%s leads to %v, %v; want %s", k.Env, path, err, k.Key)
		}
	}
}

func TestStarterFileSetsNothingAndAllItShowsIsAccepted(t *testing.T) {
	var b strings.Builder
	if err := Init(&b); err != nil {
		t.Fatal(err)
	}
	asItIs := load(t, b.String())
	if keys := len(asItIs.sources); keys != 0 {
		t.Errorf("the starter file sets %d keys: %v", keys, asItIs.sources)
	}
	var uncommented strings.Builder
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "# ") {
			line = strings.TrimPrefix(line, "#")
		}
		uncommented.WriteString(line)
	}
	c, notes, err := tryLoad(t, uncommented.String(), "API_TOKEN=t", "OPENHQM_ADMIN_TOKEN=a")
	if err != nil || len(notes) != 0 {
		t.Fatal(err, notes)
	}
	// Outside the example endpoint and the token, what it shows are the defaults.
	c.Proxy, asItIs.Proxy = Proxy{}, Proxy{}
	c.Auth.AdminToken = ""
	if a, b := effective(t, c), effective(t, asItIs); !reflect.DeepEqual(a, b) {
		t.Errorf("the starter file shows other values than the defaults:\n%v\n%v", a, b)
	}
}

// effective is what Print shows, without its comments.
func effective(t *testing.T, c *Config) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(printed(t, c)), &values); err != nil {
		t.Fatal(err)
	}
	return values
}
