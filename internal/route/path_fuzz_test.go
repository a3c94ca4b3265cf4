package route_test

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/route"
)

// FuzzCleanPath compares with the standard library, which decodes before it cleans: where nothing is escaped but what needs no
// escape, both must agree. Whatever the path, another spelling of it is compared as the same.
func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"/", "", "*", "/a/../b", "//a/./b/", "/%61/%2e%2E/%2f/%zz%", "/a/..;/b", "/.../..x", "/é/%C3%a9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if strings.ContainsAny(raw, "?#") || raw == "*" {
			return // no path
		}
		clean := route.CleanPath(raw)
		if again := route.CleanPath(clean); again != clean {
			t.Fatalf("%q is %q, and that %q", raw, clean, again)
		}
		if clean[0] != '/' || strings.Contains(clean, "//") {
			t.Fatalf("%q is %q", raw, clean)
		}
		for segment := range strings.SplitSeq(clean, "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q is %q", raw, clean)
			}
		}
		var spelled strings.Builder
		for i := range len(raw) {
			if c := raw[i]; 'a' <= c && c <= 'z' && !strings.Contains(raw, "%") || c == '.' {
				fmt.Fprintf(&spelled, "%%%02X", c)
			} else {
				spelled.WriteByte(c)
			}
		}
		if other := route.CleanPath(spelled.String()); other != clean && !strings.Contains(raw, "%") {
			t.Fatalf("%q is %q, and %q is %q", raw, clean, spelled.String(), other)
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil || raw == "" || raw[0] != '/' || strings.Contains(strings.ReplaceAll(decoded, "%", ""), "%") {
			return
		}
		if plain := (&url.URL{Path: decoded}).EscapedPath(); strings.Contains(plain, "%") || strings.Contains(decoded, "%") ||
			strings.Count(decoded, "/") != strings.Count(raw, "/") || strings.ContainsAny(decoded, "!$&'()*+,;=:@") && strings.Contains(raw, "%") {
			return // something needs its escape
		}
		want := path.Clean(decoded)
		if got := strings.TrimSuffix(clean, "/"); got != strings.TrimSuffix(want, "/") {
			t.Fatalf("%q is %q, and to the standard library %q", raw, clean, want)
		}
	})
}
