package ingress

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/dunglas/httpsfv"
)

// quotedKey is the form of a quoted key, as a grammar: a structured field string (RFC 9651 3.3.3) in which bytes beyond
// ASCII are forgiven, and whatever follows it as parameters.
var (
	quotedKey = regexp.MustCompile(`(?s)^"((?:[^"\\]|\\["\\])*)"[ \t]*(?:;.*)?$`)
	unescapes = strings.NewReplacer(`\"`, `"`, `\\`, `\`)
	escapes   = strings.NewReplacer(`"`, `\"`, `\`, `\\`)
)

// FuzzIdempotencyKey holds the reading of Idempotency-Key against the grammar and against a parser of structured fields
// that is not ours: a string is the key that it quotes, whatever its parameters, and everything else is the key as it
// stands, so that two keys never become one because the reader forgave something. A key means the same bare and quoted.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"", "k-1", `"k-1"`, ` "k-1" ; p=1`, `"a \"b\" \\"`, `"open`, `"a"b`, `"a\b"`, `"k";p="x;\"y"`, "\"\xe9\"",
		`"k";p=:YQ==:`, `?1`, `:YQ==:`, `"\`} {
		f.Add(seed)
	}
	read := func(value string) (string, bool) {
		key, problem := idempotencyKey(http.Header{"Idempotency-Key": {value}})
		return key, problem == nil
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, accepted := read(value)
		want := strings.Trim(value, " \t")
		if quoted := quotedKey.FindStringSubmatch(want); quoted != nil {
			want = unescapes.Replace(quoted[1])
		}
		if item, err := httpsfv.UnmarshalItem([]string{strings.Trim(value, " \t")}); err == nil {
			if text, ok := item.Value.(string); ok && text != want {
				t.Errorf("%q is the string %q, and by the grammar %q", value, text, want)
			}
		}
		if accepted != (len(want) <= maxKey) {
			t.Fatalf("the key %q of %d bytes: accepted %t", want, len(want), accepted)
		}
		if !accepted {
			return
		}
		if key != want {
			t.Errorf("%q is the key %q, want %q", value, key, want)
		}
		for _, form := range []string{`"` + escapes.Replace(key) + `"`, "\t" + `"` + escapes.Replace(key) + `" `, `"` + escapes.Replace(key) + `";a;b="x;\"y"`} {
			if got, ok := read(form); !ok || got != key {
				t.Errorf("%q is the key %q, and %q is %q (accepted %t)", value, key, form, got, ok)
			}
		}
	})
}
