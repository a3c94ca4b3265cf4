package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	// configReference is generated from the configuration's comments.
	configReference = "docs/config.md"
	// metricsGolden is a scrape of every metric there is.
	metricsGolden = "internal/telemetry/testdata/metrics.golden"
)

var (
	keyHeading      = regexp.MustCompile("(?m)^### `([^`]+)`")
	keySpan         = regexp.MustCompile(`^([a-z]+)(\.([a-z_*-]+|NAME))+$`)
	variablePattern = regexp.MustCompile(`\bOPENHQM_([A-Z0-9]+)__([A-Z0-9_]+)\b`)
	metricPattern   = regexp.MustCompile(`\bopenhqm_[a-z0-9_]+\b`)
	metricType      = regexp.MustCompile(`(?m)^# TYPE (\S+) `)
)

// configKeys are the keys of the generated reference; an endpoint's name reads NAME.
func configKeys(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(configReference)))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, found := range keyHeading.FindAllStringSubmatch(string(text), -1) {
		key := found[1]
		for key != "" { // a section is named too
			keys[key] = true
			last := strings.LastIndex(key, ".")
			key = key[:max(last, 0)]
		}
	}
	return keys
}

// anyEndpoint replaces the name of an endpoint in a key by NAME.
func anyEndpoint(key string) string {
	parts := strings.Split(key, ".")
	if len(parts) > 2 && parts[0] == "proxy" && parts[1] == "endpoints" {
		parts[2] = "NAME"
	}
	return strings.Join(parts, ".")
}

func TestEveryConfigurationKeyExists(t *testing.T) {
	keys := configKeys(t)
	known := func(key string) bool {
		key = anyEndpoint(strings.TrimSuffix(key, ".*"))
		return keys[key] || strings.HasPrefix(key, "proxy.endpoints.NAME.headers.")
	}
	for _, doc := range documents(t) {
		for _, span := range doc.inline() {
			key, _, _ := strings.Cut(span, ":") // `server.port: 9000` names the key too
			section := keySpan.FindStringSubmatch(key)
			if section == nil || !keys[section[1]] || filePattern.MatchString(key) {
				continue
			}
			if !known(key) {
				t.Errorf("%s names the configuration key `%s`, which %s does not have", doc.path, key, configReference)
			}
		}
		for _, found := range variablePattern.FindAllStringSubmatch(doc.text, -1) {
			key := strings.ToLower(found[1] + "." + strings.ReplaceAll(found[2], "__", "."))
			// A map's keys are free; one placeholder stands for them.
			if found[1] == "SECTION" || strings.HasPrefix(key, "proxy.endpoints.") {
				continue
			}
			if !known(key) {
				t.Errorf("%s names the variable %s, and there is no key %s", doc.path, found[0], key)
			}
		}
	}
}

func TestEveryMetricExists(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(metricsGolden)))
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string]bool{}
	for _, found := range metricType.FindAllStringSubmatch(string(golden), -1) {
		metrics[found[1]] = true
	}
	for _, doc := range documents(t) {
		for _, name := range metricPattern.FindAllString(doc.text, -1) {
			family := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				family = strings.TrimSuffix(family, suffix)
			}
			// A name that ends with an underscore stands for all that begin so.
			if !metrics[name] && !metrics[family] && !strings.HasSuffix(name, "_") {
				t.Errorf("%s names the metric %s, which %s does not have", doc.path, name, metricsGolden)
			}
		}
	}
}
