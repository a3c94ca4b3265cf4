package ingress

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func TestPreferIsReadAsTheStandardSays(t *testing.T) {
	tests := []struct {
		lines []string
		want  preferences
		rest  []string
	}{
		{[]string{"respond-async"}, preferences{async: true}, nil},
		{[]string{"Respond-Async ; x=y"}, preferences{async: true}, nil},
		{[]string{"wait=10"}, preferences{hasWait: true, wait: 10 * time.Second}, nil},
		{[]string{"WAIT = 10 ; a"}, preferences{hasWait: true, wait: 10 * time.Second}, nil},
		{[]string{`wait="10"`}, preferences{hasWait: true, wait: 10 * time.Second}, nil},
		{[]string{"wait=1", "respond-async, wait=2"}, preferences{async: true, hasWait: true, wait: time.Second}, nil},
		{[]string{"wait=x, wait=2"}, preferences{}, []string{"wait=x, wait=2"}},
		{[]string{"wait=-1"}, preferences{}, []string{"wait=-1"}},
		{[]string{"respond-async, wait=x", "wait=2"}, preferences{async: true}, []string{"wait=x", "wait=2"}},
		{[]string{"wait=1, wait=x"}, preferences{hasWait: true, wait: time.Second}, nil},
		{[]string{"respond-async, wait=99999999999999999999"}, preferences{async: true, hasWait: true, wait: maxPreferred}, nil},
		{[]string{"wait=99999999999999999999"}, preferences{hasWait: true, wait: maxPreferred}, nil},
		{[]string{"return=minimal", "wait=1, handling=strict; q=\"a,b\""}, preferences{hasWait: true, wait: time.Second},
			[]string{"return=minimal", `handling=strict; q="a,b"`}},
		{[]string{`x="respond-async, \", wait=3", y`}, preferences{}, []string{`x="respond-async, \", wait=3", y`}},
		{[]string{",, respond-async ,,"}, preferences{async: true}, nil},
		{[]string{""}, preferences{}, []string{""}},
	}
	for _, test := range tests {
		if got := readPreferences(test.lines); got != test.want {
			t.Errorf("%q: %+v, want %+v", test.lines, got, test.want)
		}
		if got := test.want.withoutConsumed(test.lines); !slices.Equal(got, test.rest) {
			t.Errorf("%q: %q stays, want %q", test.lines, got, test.rest)
		}
	}
}

func FuzzPrefer(f *testing.F) {
	for _, seed := range []string{"respond-async, wait=10", `a="\\",wait`, `"`, ",;=", `x="respond-async", wait=1;y="`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		read := readPreferences([]string{line})
		if read.wait < 0 || read.wait > maxPreferred || !read.hasWait && read.wait != 0 {
			t.Errorf("%q: %+v", line, read)
		}
		rest := read.withoutConsumed([]string{line})
		if again := readPreferences(rest); again != (preferences{}) {
			t.Errorf("%q: %q is still obeyed as %+v", line, rest, again)
		}
	})
}

func TestKeysAreOneQuotedOrBare(t *testing.T) {
	tests := []struct {
		values []string
		want   string
		refuse bool
	}{
		{nil, "", false},
		{[]string{""}, "", false},
		{[]string{"k-1"}, "k-1", false},
		{[]string{`"k-1"`}, "k-1", false},
		{[]string{` "k-1" ; p=1`}, "k-1", false},
		{[]string{`"a \"b\" \\"`}, `a "b" \`, false},
		{[]string{`"open`}, `"open`, false},
		{[]string{`"a"b`}, `"a"b`, false},
		{[]string{"a", "a"}, "", true},
		{[]string{strings.Repeat("k", maxKey+1)}, "", true},
	}
	for _, test := range tests {
		got, problem := idempotencyKey(http.Header{"Idempotency-Key": test.values})
		if got != test.want || (problem != nil) != test.refuse {
			t.Errorf("%q: %q, %v; want %q, refused %t", test.values, got, problem, test.want, test.refuse)
		}
	}
}

func FuzzControls(f *testing.F) {
	for _, seed := range []string{"", "7", "9", "10", "1.5", "90s", "-1s", "1e300", "NaN", "Inf", "0x1p4", "2030-01-31T08:00:00Z",
		"Fri, 31 Jan 2031 08:00:00 GMT", "account 7", "\xff", "a\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for i := range controls {
			c, given, problem := ReadControls(http.Header{controls[i].field: {value}})
			switch {
			case problem != nil && !strings.Contains(problem.Detail, controls[i].name):
				t.Errorf("%s: %q: the problem does not name it: %s", controls[i].name, value, problem.Detail)
			case problem != nil:
				continue
			case len(given) != 1 || given[0] != controls[i].name:
				t.Errorf("%s: %q: given are %v", controls[i].name, value, given)
			}
			for _, d := range []time.Duration{c.Timeout, c.Delay, c.MaxAge} {
				if d < 0 || d > MaxSeconds*time.Second {
					t.Errorf("%s: %q became %v", controls[i].name, value, d)
				}
			}
			if c.Priority < 0 || c.Priority > queue.MaxPriority || len(c.OrderingKey) > queue.MaxKeyLength || Passed(c.Deadline) {
				t.Errorf("%s: %q became %+v", controls[i].name, value, c)
			}
		}
	})
}

func FuzzOriginForm(f *testing.F) {
	for _, seed := range []string{"/", "*", "http://h", "http://h?x", "https://h/a//b?c#d", "h:1", "", "://", "x://y", "A:?://"} {
		f.Add(http.MethodGet, seed)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		origin, ok := originForm(method, target)
		if ok && origin != "*" && origin[0] != '/' {
			t.Errorf("%s %q became %q", method, target, origin)
		}
		if ok && strings.HasPrefix(target, "/") && origin != target {
			t.Errorf("%q became %q", target, origin)
		}
		if _, query, asked := strings.Cut(target, "?"); ok && asked && !strings.HasSuffix(origin, "?"+query) {
			t.Errorf("%q lost its query and became %q", target, origin)
		}
	})
}
