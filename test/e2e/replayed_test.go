package e2e

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A change is one deliberate difference between a direct answer and the same
// answer replayed from the store. It turns the direct answer into the one to
// expect; it may look at what came.
type change struct {
	name  string
	apply func(want *answer, got answer, r request)
}

// replayChanges are all the differences that a replay may have. The list is the
// design's; an answer that differs in anything else is a defect.
var replayChanges = []change{
	{"hop-by-hop fields are dropped", func(want *answer, _ answer, _ request) {
		dropHopByHop(want.header)
	}},
	{"fields of ours that the endpoint forged are dropped", func(want *answer, _ answer, _ request) {
		for name := range want.header {
			if strings.HasPrefix(name, "Openhqm-") {
				delete(want.header, name)
			}
		}
	}},
	{"the length of an answer without a body moves to OpenHQM-Content-Length", func(want *answer, _ answer, r request) {
		bodiless := r.method == "HEAD" || want.status == http.StatusNoContent || want.status == http.StatusNotModified
		if length := want.header.Get("Content-Length"); bodiless && length != "" {
			want.header.Set("OpenHQM-Content-Length", length)
		}
	}},
	{"framing is recomputed", func(want *answer, got answer, _ request) {
		want.header.Del("Content-Length")
		if got.header.Get("Content-Length") != "" {
			want.header.Set("Content-Length", strconv.Itoa(len(got.body)))
		}
	}},
	{"a replay is never cached, and the endpoint's rule moves to OpenHQM-Cache-Control", func(want *answer, _ answer, _ request) {
		if rules := want.header.Values("Cache-Control"); len(rules) > 0 {
			want.header["Openhqm-Cache-Control"] = rules
		}
		want.header.Set("Cache-Control", "private, no-store")
	}},
	{"a relative Location is resolved against the original target", func(want *answer, got answer, r request) {
		base, err := url.Parse("http://any" + r.target)
		relative, locationErr := url.Parse(want.header.Get("Location"))
		resolved, gotErr := url.Parse(got.header.Get("Location"))
		if err != nil || locationErr != nil || gotErr != nil || relative.IsAbs() || strings.HasPrefix(relative.String(), "/") || len(want.header["Location"]) != 1 {
			return
		}
		// Two spellings of one path are as good as each other; only where it leads counts.
		if strings.HasPrefix(resolved.Path, "/") && base.ResolveReference(relative).String() == base.ResolveReference(resolved).String() {
			want.header["Location"] = got.header["Location"]
		}
	}},
	{"a cookie without Path gets the one of the original target", func(want *answer, _ answer, r request) {
		cookies := want.header["Set-Cookie"]
		for i, cookie := range cookies {
			if !strings.Contains(strings.ToLower(cookie), "path=") {
				cookies[i] = cookie + "; Path=" + cookiePath(r.target)
			}
		}
	}},
	{"the state and the correlation ID are added", func(want *answer, got answer, _ request) {
		for _, name := range []string{"Openhqm-State", "Openhqm-Correlation-Id"} {
			want.header[name] = got.header[name]
		}
	}},
	{"an answer without a date gets one", func(want *answer, got answer, _ request) {
		if want.header.Get("Date") == "" {
			want.header["Date"] = got.header["Date"]
		}
	}},
	{"a server's clock moves on between the two calls", func(want *answer, got answer, _ request) {
		for _, name := range []string{"Date", "Expires", "Last-Modified"} {
			original, originalErr := http.ParseTime(want.header.Get(name))
			replayed, err := http.ParseTime(got.header.Get(name))
			if err == nil && originalErr == nil && replayed.Sub(original).Abs() < time.Minute {
				want.header[name] = got.header[name]
			}
		}
	}},
}

// cookiePath is the default path of a cookie set by a target (RFC 6265 5.1.4).
func cookiePath(target string) string {
	raw, _, _ := strings.Cut(target, "?")
	if last := strings.LastIndex(raw, "/"); last > 0 {
		return raw[:last]
	}
	return "/"
}

// wantReplay checks that a replayed answer equals a direct one but for
// replayChanges.
func wantReplay(t testing.TB, r request, direct, got answer) {
	t.Helper()
	want := answer{status: direct.status, header: direct.header.Clone(), body: direct.body}
	for _, change := range replayChanges {
		change.apply(&want, got, r)
	}
	if got.header.Get("OpenHQM-State") == "" || got.header.Get("OpenHQM-Correlation-Id") == "" {
		t.Errorf("a replay without OpenHQM-State or OpenHQM-Correlation-Id: %v", got.header)
	}
	sameAnswer(t, "replayed", want, got)
}

// sameAnswer compares status, fields and bytes.
func sameAnswer(t testing.TB, what string, want, got answer) {
	t.Helper()
	if got.status != want.status {
		t.Errorf("%s status %d, want %d: %s", what, got.status, want.status, got.text())
	}
	if !bytes.Equal(got.body, want.body) {
		t.Errorf("%s body of %d bytes %q, want %d bytes %q", what, len(got.body), got.text(), len(want.body), want.text())
	}
	sameFields(t, what, want.header, got.header)
}

// itoa is a number in decimal.
func itoa(n int) string { return strconv.Itoa(n) }
