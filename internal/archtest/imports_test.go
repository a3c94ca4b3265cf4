package archtest

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A rule says what one package may import besides the standard library.
type rule struct {
	ours    []string // packages of this module, relative to its root
	drivers []string // modules of others; a prefix of the import path
	later   bool     // the design names the package and nobody has begun it yet
}

// everything is the rule of a package that may import any of ours.
const everything = "*"

// imports is the table of the design: who may know whom, in code that ships.
// Every package has a row. A new one needs one, and the row is where the review
// of a new dependency happens.
var imports = map[string]rule{
	".":            {ours: []string{"internal/cli", "queue"}},
	"cmd/openhqm":  {ours: []string{"."}},
	"queue":        {},
	"client":       {},
	"internal/cli": {ours: []string{"client", "queue", "internal/app", "internal/config", "internal/telemetry"}, drivers: []string{"github.com/alecthomas/kong", "golang.org/x/term"}},
	"internal/app": {ours: []string{everything}, drivers: []string{"golang.org/x/sync", "golang.org/x/sys", "golang.org/x/crypto/x509roots", "github.com/prometheus/client_golang"}},

	// A store knows the contract and its engine, and no other store.
	"internal/store/memory":   {ours: []string{"queue"}},
	"internal/store/embedded": {ours: []string{"queue", "internal/fault"}, drivers: []string{"github.com/cockroachdb/pebble/v2", "golang.org/x/sys"}},
	"internal/store/redis":    {ours: []string{"queue"}, drivers: []string{"github.com/redis/rueidis"}},
	"internal/store/composed": {ours: []string{"queue"}, later: true},
	"internal/store/kafka":    {ours: []string{"queue", "internal/store/composed"}, drivers: []string{"github.com/twmb/franz-go"}, later: true},
	"internal/store/sqs":      {ours: []string{"queue", "internal/store/composed"}, drivers: []string{"github.com/aws/aws-sdk-go-v2"}, later: true},

	// The parts between: the contract, the leaves telemetry and fault (in which a release has nothing), and one way among
	// themselves.
	"internal/fault":     {},
	"internal/telemetry": {ours: []string{"queue", "internal/fault"}, drivers: []string{"github.com/prometheus/client_golang", "github.com/lmittmann/tint", "golang.org/x/term"}},
	"internal/auth":      {ours: []string{"queue"}, later: true},
	"internal/route":     {ours: []string{"internal/telemetry"}, drivers: []string{"github.com/itchyny/gojq", "github.com/theory/jsonpath", "golang.org/x/net/http/httpguts"}},
	"internal/flow":      {ours: []string{"queue", "internal/fault"}},
	"internal/certfile":  {},
	"internal/rule":      {ours: []string{"queue"}, drivers: []string{"github.com/itchyny/gojq"}},
	"internal/endpoint":  {ours: []string{"queue", "internal/certfile", "internal/fault", "internal/rule", "internal/telemetry"}, drivers: []string{"golang.org/x/net/http/httpguts", "golang.org/x/oauth2", "golang.org/x/sync"}},
	"internal/worker":    {ours: []string{"queue", "internal/fault", "internal/telemetry"}, drivers: []string{"golang.org/x/sync"}},
	"internal/callback":  {ours: []string{"client", "queue", "internal/fault", "internal/telemetry"}, drivers: []string{"github.com/standard-webhooks/standard-webhooks/libraries/go"}},
	"internal/ingress":   {ours: []string{"queue", "internal/certfile", "internal/fault", "internal/reply", "internal/route", "internal/telemetry"}, drivers: []string{"golang.org/x/net/http/httpguts", "github.com/dunglas/httpsfv"}},
	"internal/api":       {ours: []string{"client", "queue", "internal/fault", "internal/ingress", "internal/reply", "internal/route", "internal/telemetry"}, drivers: []string{"golang.org/x/net/http/httpguts"}},
	"internal/reply":     {ours: []string{"client", "queue", "internal/fault"}, drivers: []string{"golang.org/x/net/http/httpguts"}},
	"internal/demo":      {ours: []string{"queue"}},
	"internal/ui":        {ours: []string{"queue"}, later: true},

	// Configuration fills the Config of the packages that obey it.
	"internal/config": {
		ours:    []string{"queue", "internal/api", "internal/callback", "internal/endpoint", "internal/ingress", "internal/route", "internal/rule", "internal/store/embedded", "internal/telemetry", "internal/worker"},
		drivers: []string{"go.yaml.in/yaml/v3"},
	},

	// Public for those who write a store or a handler outside.
	"queue/storetest": {ours: []string{"queue"}, drivers: []string{"pgregory.net/rapid", "go.uber.org/goleak"}},

	// Applications that stand for a user's own.
	"examples/batch":             {},
	"examples/proxy":             {},
	"examples/report-generation": {},
	"examples/soap-facade":       {},
	"examples/third-party":       {},
	"examples/webhooks":          {},

	// Measures the product from outside; one scenario fills a store beforehand.
	"bench": {ours: []string{"client", "queue", "internal/store/embedded", "test/authority"}},

	// Tests only.
	"internal/archtest": {},
	"test/attacks":      {ours: []string{"test/freeport", "test/recorder"}, drivers: []string{"golang.org/x/net"}},
	"test/authority":    {},
	"test/e2e":          {ours: []string{"test/authority", "test/freeport", "test/issuer", "test/misbehaviour", "test/recorder"}, drivers: []string{"go.yaml.in/yaml/v3"}},
	"test/freeport":     {},
	"test/gate":         {ours: []string{"internal/fault"}},
	"test/issuer":       {},
	"test/kill":         {ours: []string{"internal/fault", "test/freeport", "test/recorder"}},
	"test/misbehaviour": {ours: []string{"queue", "test/authority", "test/recorder"}},
	"test/recorder":     {},
}

// testImports is what any test may import besides what its package may.
var testImports = rule{
	ours: []string{"queue", "queue/storetest", "internal/store/memory", "internal/telemetry", "test/authority", "test/freeport", "test/issuer", "test/misbehaviour", "test/recorder"},
	drivers: []string{
		"go.uber.org/goleak", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", "github.com/coder/websocket",
		"github.com/prometheus/client_golang", "go.yaml.in/yaml/v3", "golang.org/x/sys",
		"github.com/pb33f/libopenapi", "github.com/pb33f/libopenapi-validator", "github.com/dunglas/httpsfv", "golang.org/x/net/http2",
	},
}

// stdlibTests are packages whose tests too stay within the standard library
// and the packages named, so that a user may copy them.
var stdlibTests = []string{"client"}

// only lists the packages that alone may import another.
var only = map[string][]string{
	"internal/config": {"internal/app", "internal/cli", "internal/config"},
	"internal/app":    {"internal/app", "internal/cli"},
	"internal/cli":    {".", "internal/cli"},
}

func TestImportsKeepToTheTable(t *testing.T) {
	for _, file := range goFiles(t) {
		row, known := imports[file.dir]
		if !known {
			t.Errorf("%s: package %s has no row in the table of internal/archtest/imports_test.go; add one", file.path, file.dir)
			continue
		}
		allowed := row
		if file.test {
			allowed.ours = append(slices.Clone(row.ours), file.dir)
			if !slices.Contains(stdlibTests, file.dir) {
				allowed.ours = append(allowed.ours, testImports.ours...)
				allowed.drivers = append(slices.Clone(row.drivers), testImports.drivers...)
			}
		}
		for _, spec := range file.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if reason := forbidden(file, allowed, imported); reason != "" {
				t.Errorf("%s: %s may not import %s: %s", file.line(spec.Pos()), file.dir, imported, reason)
			}
		}
	}
}

// forbidden says why a file may not import a path, or nothing if it may.
func forbidden(file goFile, allowed rule, imported string) string {
	relative, local := strings.CutPrefix(imported, module)
	if !local {
		if standard(imported) {
			return ""
		}
		for _, driver := range allowed.drivers {
			if imported == driver || strings.HasPrefix(imported, driver+"/") {
				return ""
			}
		}
		return "not among the drivers of its row"
	}
	relative = strings.TrimPrefix(relative, "/")
	if relative == "" {
		relative = "."
	}
	if importers, restricted := only[relative]; restricted && !slices.Contains(importers, file.dir) {
		return "only " + strings.Join(importers, ", ") + " may"
	}
	if slices.Contains(allowed.ours, everything) || slices.Contains(allowed.ours, relative) {
		return ""
	}
	return "not in its row"
}

// standard reports whether an import path belongs to the standard library: the
// first element of any other has a dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func TestEveryRowHasItsPackage(t *testing.T) {
	present := map[string]bool{}
	for _, file := range goFiles(t) {
		present[file.dir] = true
	}
	for dir, row := range imports {
		if row.later && present[dir] {
			t.Errorf("package %s exists: its row is no longer later", dir)
		}
		if !row.later && !present[dir] {
			t.Errorf("the table has a row for %s, and there is no such package", dir)
		}
		for _, imported := range row.ours {
			if _, known := imports[imported]; !known && imported != everything {
				t.Errorf("the row of %s allows %s, which has no row", dir, imported)
			}
		}
	}
}

func TestNoStoreKnowsAnother(t *testing.T) {
	for dir, row := range imports {
		if path.Dir(dir) != "internal/store" {
			continue
		}
		for _, imported := range row.ours {
			transport := dir == "internal/store/kafka" || dir == "internal/store/sqs"
			if imported != "queue" && imported != "internal/fault" && !(transport && imported == "internal/store/composed") {
				t.Errorf("the row of store %s allows %s: a store imports queue, its planted faults and its one driver", dir, imported)
			}
		}
	}
}

func TestThePublicContractHasNoDependencies(t *testing.T) {
	for _, dir := range []string{"queue", "client"} {
		if row := imports[dir]; len(row.ours) > 0 || len(row.drivers) > 0 {
			t.Errorf("the row of %s is not empty: it imports the standard library only", dir)
		}
	}
}
