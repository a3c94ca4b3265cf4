package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const fromFile = "proxy: {endpoints: {a: {url: 'http://a', auth_type: bearer, auth_token: '%'}}}"

func TestASecretIsReadFromAFileWithoutTheLineBreakAtItsEnd(t *testing.T) {
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", " s3 ${A} \n\n": " s3 ${A} ", // taken as it is
	} {
		path := secretFile(t, content)
		c := load(t, strings.ReplaceAll(fromFile, "%", "${file:"+path+"}"), "A=1")
		if got := c.Proxy.Endpoints["a"].AuthToken.Reveal(); got != want {
			t.Errorf("%q is read as %q", content, got)
		}
		if digest, ok := c.Files()[path]; !ok || digest != DigestOf(path) {
			t.Errorf("%q: the file is not remembered", content)
		}
		if text := printed(t, c); strings.Contains(text, "s3") {
			t.Errorf("printed:\n%s", text)
		}
	}
	path := secretFile(t, "key\n")
	c := load(t, "proxy: {endpoints: {a: {url: 'http://a', headers: {X-Plain: 'Key ${file:"+path+"}'}}}}")
	if got := c.Proxy.Endpoints["a"].Headers["X-Plain"].Reveal(); got != "Key key" {
		t.Errorf("within text: %q", got)
	}
	if text := printed(t, c); strings.Contains(text, "Key key") {
		t.Errorf("printed:\n%s", text)
	}
}

func TestAVariableThatIsNothingButAFileIsReadFromIt(t *testing.T) {
	path := secretFile(t, "s3cret\n")
	env := []string{"OPENHQM_PROXY__DEFAULT_ENDPOINT=http://a", "OPENHQM_PROXY__AUTH_TYPE=bearer"}
	c := load(t, "", append(env, "OPENHQM_PROXY__AUTH_TOKEN=${file:"+path+"}")...)
	if got := c.Proxy.Endpoints["default"].AuthToken.Reveal(); got != "s3cret" {
		t.Errorf("read as %q", got)
	}
	c, notes, err := tryLoad(t, "", append(env, "OPENHQM_PROXY__AUTH_TOKEN=x${file:"+path+"}")...)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Proxy.Endpoints["default"].AuthToken.Reveal(); !strings.HasPrefix(got, "x${file:") || len(notes) != 1 {
		t.Errorf("within text: %q, notes %v", got, notes)
	}
}

func TestAFileThatHoldsNoValueIsAnErrorThatNamesIt(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		"":                         "${file:} names no file; write ${file:/path/of/file}",
		filepath.Join(dir, "none"): "does not exist; create it, or correct the path",
		secretFile(t, ""):          "is empty; write the value into it",
		secretFile(t, "\n\r\n"):    "is empty; write the value into it",
		secretFile(t, strings.Repeat("x", 64<<10+1)): "is larger than 64KiB; give a file that holds the value alone",
		dir: "cannot be read: is a directory",
	} {
		_, _, err := tryLoad(t, strings.ReplaceAll(fromFile, "%", "${file:"+path+"}"))
		if err == nil || !strings.Contains(err.Error(), "openhqm.yaml:1: proxy.endpoints.a.auth_token: ") ||
			!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", want, err)
		}
	}
	binary := secretFile(t, "s3cret\nmore")
	if _, _, err := tryLoad(t, strings.ReplaceAll(fromFile, "%", "${file:"+binary+"}")); err == nil ||
		!strings.Contains(err.Error(), "line break") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a file of two lines: %v", err)
	}
}
