package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	// semanticsPath is the table of the delivery rules.
	semanticsPath = "docs/semantics.md"
	// scenariosPath is where the conformance suite has its scenarios.
	scenariosPath = "queue/storetest"
	// rules is how many delivery rules there are.
	rules = 22
)

var (
	ruleRow       = regexp.MustCompile(`(?m)^\| R(\d+) [^|]+\|[^|]+\|([^|]+)\|([^|]+)\|$`)
	scenarioNamed = regexp.MustCompile("`TestStoreKeepsTheContract/([^/`]+)/([^`]+)`")
	subjectHead   = regexp.MustCompile(`\{"([a-z]+)", ([a-z]+Scenarios)\(\)\}`)
	scenarioFunc  = regexp.MustCompile(`(?m)^func ([a-z]+Scenarios)\(\) \[\]scenario \{\n((?:.*\n)*?)^\}`)
	scenarioName  = regexp.MustCompile(`\{name: "([^"]+)"`)
)

// scenarios are the names of the conformance suite, as subject/name.
func scenarios(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(scenariosPath), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", scenariosPath, err)
	}
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	bodies := map[string]string{}
	for _, found := range scenarioFunc.FindAllStringSubmatch(source.String(), -1) {
		bodies[found[1]] = found[2]
	}
	names := map[string]bool{}
	for _, subject := range subjectHead.FindAllStringSubmatch(source.String(), -1) {
		for _, found := range scenarioName.FindAllStringSubmatch(bodies[subject[2]], -1) {
			names[subject[1]+"/"+found[1]] = true
		}
	}
	return names
}

func TestEveryRuleNamesItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(semanticsPath)))
	if err != nil {
		t.Fatal(err)
	}
	rows := ruleRow.FindAllStringSubmatch(string(text), -1)
	for i, row := range rows {
		if row[1] != strconv.Itoa(i+1) {
			t.Errorf("%s: R%s stands where R%d belongs", semanticsPath, row[1], i+1)
		}
		if !strings.Contains(row[2], "`") {
			t.Errorf("%s: R%s does not say where it is kept", semanticsPath, row[1])
		}
		if !testNamePattern.MatchString(row[3]) {
			t.Errorf("%s: R%s names no test", semanticsPath, row[1])
		}
	}
	if len(rows) != rules {
		t.Errorf("%s has rows of %d rules, want %d", semanticsPath, len(rows), rules)
	}
}

func TestEveryScenarioNamedInDocumentsExists(t *testing.T) {
	known := scenarios(t)
	for _, doc := range documents(t) {
		for _, found := range scenarioNamed.FindAllStringSubmatch(doc.text, -1) {
			if !known[found[1]+"/"+found[2]] {
				t.Errorf("%s names the scenario %s/%s, which %s does not have", doc.path, found[1], found[2], scenariosPath)
			}
		}
	}
}
