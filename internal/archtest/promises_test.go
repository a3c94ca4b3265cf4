package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// designPath is the living design, where every kept promise names its proof.
const designPath = "docs/design.md"

// testNamePattern finds the name of a test in backticks, with a subtest or a
// package before it if the author gave one: `queue/storetest.TestX/case`.
var testNamePattern = regexp.MustCompile("`(?:[a-z0-9_/]+\\.)?((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]*)(?:/[^`]*)?`")

// promiseHeading finds the section that lists the promises.
var promiseHeading = regexp.MustCompile(`(?mi)^##+ .*promises.*$`)

// numbered finds the items of a numbered list or the rows of a numbered table.
var numbered = regexp.MustCompile(`(?m)^(?:\| *)?(\d+)(?:\.| *\|) `)

func TestEveryTestNamedInDocumentsExists(t *testing.T) {
	names := testNames(t)
	for _, doc := range documents(t) {
		for _, found := range testNamePattern.FindAllStringSubmatch(doc.text, -1) {
			if _, exists := names[found[1]]; !exists {
				t.Errorf("%s names the test %s, which no _test.go file or conformance suite declares", doc.path, found[1])
			}
		}
	}
}

func TestEveryPromiseNamesItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(designPath)))
	if err != nil {
		t.Fatalf("%v: the living design is missing", err)
	}
	heading := promiseHeading.FindIndex(text)
	if heading == nil {
		t.Fatalf("%s has no section whose heading says promises", designPath)
	}
	section := string(text[heading[1]:])
	if next := strings.Index(section, "\n## "); next >= 0 {
		section = section[:next]
	}
	starts := numbered.FindAllStringSubmatchIndex(section, -1)
	if len(starts) < 10 {
		t.Fatalf("%s: found %d numbered promises, want the ten of the design", designPath, len(starts))
	}
	for i, start := range starts {
		end := len(section)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		number, item := section[start[2]:start[3]], section[start[0]:end]
		if !testNamePattern.MatchString(item) && !strings.Contains(strings.ToLower(item), "not yet kept") {
			t.Errorf("%s: promise %s names no test as its proof, and does not say that it is not yet kept", designPath, number)
		}
	}
}
