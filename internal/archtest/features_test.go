package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// featuresPath is the table of the proxy's features.
const featuresPath = "docs/features.md"

var (
	featureRow = regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)
	keyNamed   = regexp.MustCompile("`([a-z0-9_]+(?:\\.[A-Za-z0-9_]+)*)`")
)

func TestEveryFeatureNamesItsKeyAndItsTest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(featuresPath)))
	if err != nil {
		t.Fatal(err)
	}
	keys := configKeys(t)
	rows := 0
	for _, row := range featureRow.FindAllStringSubmatch(string(text), -1) {
		feature, key, standard, proof := row[1], row[2], row[3], row[4]
		if feature == "feature" {
			continue // the head of a table
		}
		rows++
		named := keyNamed.FindAllStringSubmatch(key, -1)
		if len(named) == 0 && strings.TrimSpace(key) != "-" {
			t.Errorf("%s: %q names no key; write - where there is none", featuresPath, feature)
		}
		for _, found := range named {
			if !keys[found[1]] {
				t.Errorf("%s: %q names the key %s, which %s does not have", featuresPath, feature, found[1], configReference)
			}
		}
		if strings.TrimSpace(standard) == "" {
			t.Errorf("%s: %q does not say what holds by default", featuresPath, feature)
		}
		if !testNamePattern.MatchString(proof) {
			t.Errorf("%s: %q names no test", featuresPath, feature)
		}
	}
	if rows == 0 {
		t.Errorf("%s has no rows", featuresPath)
	}
}
