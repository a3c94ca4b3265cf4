package api_test

import (
	"strings"
	"testing"
)

func TestABackendThatCannotCopyItselfSaysSo(t *testing.T) {
	f := newFixture(t)
	f.operate("POST", "/api/v1/backup", `{"dir":"/backup"}`).wants(501).problem("unsupported")
	f.operate("POST", "/api/v1/backup?dir=/backup", "").wants(501).problem("unsupported")
	f.operate("POST", "/api/v1/backup?dir=/backup", `{"dir":"/backup"}`).wants(501).problem("unsupported")
}

func TestABackupNeedsOneAbsoluteDirectory(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ query, body, kind, says string }{
		{"", "", "bad-parameter", "name the directory on the server"},
		{"", `{"dir":"backup"}`, "bad-parameter", "want an absolute path"},
		{"?dir=backup", "", "bad-parameter", "want an absolute path"},
		{"?dir=/a", `{"dir":"/b"}`, "bad-parameter", "different directories"},
		{"", `{"directory":"/b"}`, "bad-json", "unknown field"},
	} {
		a := f.operate("POST", "/api/v1/backup"+c.query, c.body).wants(400)
		a.problem(c.kind)
		if !strings.Contains(a.Body.String(), c.says) {
			t.Errorf("%s %s: %s, want %q", c.query, c.body, a.Body, c.says)
		}
	}
}
