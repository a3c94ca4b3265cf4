package archtest

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A document is one Markdown file that readers are sent to.
type document struct {
	path string
	text string
}

// documents reads README.md, AGENTS.md, CONTRIBUTING.md and everything under
// docs/ and examples/. The changelog tells of the past, so what it names may be gone.
func documents(t *testing.T) []document {
	t.Helper()
	var docs []document
	walk(t, func(p string) {
		wanted := p == "README.md" || p == "AGENTS.md" || p == "CONTRIBUTING.md" || strings.HasPrefix(p, "docs/") || strings.HasPrefix(p, "examples/")
		if !wanted || path.Ext(p) != ".md" {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, document{path: p, text: string(text)})
	})
	return docs
}

var (
	linkPattern     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codePattern     = regexp.MustCompile("`([^`\n]+)`")
	fencePattern    = regexp.MustCompile("(?ms)^[ \t]*```([a-z]*)[^\n]*\n(.*?)^[ \t]*```")
	indentedPattern = regexp.MustCompile(`(?m)^    .*$`)
	headingPattern  = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	pathPattern     = regexp.MustCompile(`^\.?[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_.\-]+)*/?$`)
	filePattern     = regexp.MustCompile(`\.(go|md|sh|mod|conf|yaml|json)$`)
	targetPattern   = regexp.MustCompile(`\bmake +([a-z][a-z0-9-]*)\b`)
	rulePattern     = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
)

// inline returns the code spans of a document outside fenced blocks.
func (d document) inline() []string {
	var spans []string
	for _, found := range codePattern.FindAllStringSubmatch(fencePattern.ReplaceAllString(d.text, ""), -1) {
		spans = append(spans, found[1])
	}
	return spans
}

// shell returns the text of the fenced blocks that hold commands.
func (d document) shell() []string {
	var blocks []string
	for _, found := range fencePattern.FindAllStringSubmatch(d.text, -1) {
		switch found[1] {
		case "sh", "bash", "shell", "console":
			blocks = append(blocks, found[2])
		}
	}
	return blocks
}

// commands returns what a reader might type: code spans, indented lines and
// lines of shell blocks, with continued lines joined and comments dropped.
func (d document) commands() []string {
	lines := d.inline()
	for _, block := range append(d.shell(), strings.Join(indentedPattern.FindAllString(fencePattern.ReplaceAllString(d.text, ""), -1), "\n")) {
		for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
			line, _, _ = strings.Cut(line, " #")
			line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			if line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// anchors lists the fragments that a document's headings make, as hosts of
// Markdown do: lower case, punctuation dropped, spaces to hyphens.
func anchors(text string) map[string]bool {
	made := map[string]bool{}
	for _, found := range headingPattern.FindAllStringSubmatch(text, -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(found[1]) {
			switch {
			case r == ' ':
				b.WriteByte('-')
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
				b.WriteRune(r)
			}
		}
		made[b.String()] = true
	}
	return made
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, doc := range documents(t) {
		for _, found := range linkPattern.FindAllStringSubmatch(fencePattern.ReplaceAllString(doc.text, ""), -1) {
			link, err := url.Parse(found[1])
			if err != nil {
				t.Errorf("%s: link %q: %v", doc.path, found[1], err)
				continue
			}
			if link.Scheme != "" || link.Host != "" {
				continue
			}
			target := doc.path
			if link.Path != "" {
				target = path.Join(path.Dir(doc.path), link.Path)
			}
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(target)))
			if info, statErr := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil && (statErr != nil || !info.IsDir()) {
				t.Errorf("%s links to %s, which does not exist", doc.path, found[1])
				continue
			}
			if link.Fragment != "" && path.Ext(target) == ".md" && !anchors(string(text))[link.Fragment] {
				t.Errorf("%s links to %s, and %s has no such heading", doc.path, found[1], target)
			}
		}
	}
}

// placeholders are path elements that stand for something the reader fills in.
var placeholders = regexp.MustCompile(`\b[A-Z]{2,}\b`)

// topLevel lists what a path in backticks may start with to count as one of the
// repository's own.
var topLevel = []string{".ci", "bench", "client", "cmd", "deploy", "docs", "examples", "internal", "queue", "test", "tools"}

func TestEveryPathInBackticksExists(t *testing.T) {
	for _, doc := range documents(t) {
		for _, span := range doc.inline() {
			if !ownPath(span) {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(span))); err == nil {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, path.Dir(doc.path), filepath.FromSlash(span))); err == nil {
				continue
			}
			t.Errorf("%s names `%s`, which does not exist", doc.path, span)
		}
	}
}

// ownPath reports whether a code span is a path into this repository.
func ownPath(span string) bool {
	if !pathPattern.MatchString(span) || placeholders.MatchString(path.Dir(span)) || placeholders.MatchString(strings.TrimSuffix(path.Base(span), ".md")) && !filePattern.MatchString(span) {
		return false
	}
	first, _, nested := strings.Cut(span, "/")
	if !nested {
		return filePattern.MatchString(span) && !strings.HasPrefix(span, "openhqm.yaml") && !strings.HasPrefix(span, "routing.yaml")
	}
	for _, top := range topLevel {
		if first == top {
			return true
		}
	}
	return false
}

func TestEveryMakeTargetExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, found := range rulePattern.FindAllStringSubmatch(string(makefile), -1) {
		targets[found[1]] = true
	}
	for _, doc := range documents(t) {
		for _, command := range doc.commands() {
			for _, found := range targetPattern.FindAllStringSubmatch(command, -1) {
				if !targets[found[1]] {
					t.Errorf("%s: `make %s` is not a target of the Makefile", doc.path, found[1])
				}
			}
		}
	}
}
