package rule

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func compiled(t *testing.T, c Config) *Set {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answered(status int, contentType, body string) *Answer {
	return &Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body), Whole: true}
}

// soap is an endpoint as people have them.
var soap = Config{
	Rules: []Rule{
		{Conditions{Status: []string{"302", "303"}, Header: map[string]string{"location": "/login"}}, queue.VerdictWait},
		{Conditions{Status: []string{"200"}, BodyRegex: `<(\w+:)?Fault[ >]`}, queue.VerdictFail},
		{Conditions{JQ: `.error.code == "BUSY"`}, queue.VerdictRetry},
		{Conditions{Status: []string{"5xx"}}, queue.VerdictUnknown},
	},
	Success:   Conditions{Header: map[string]string{"Content-Type": "^(text/xml|application/json)"}},
	Otherwise: queue.VerdictFail,
}

func TestTheFirstRuleThatMatchesWins(t *testing.T) {
	s := compiled(t, soap)
	redirect := answered(302, "text/xml", "")
	redirect.Header.Set("Location", "https://sso.example.com/login?next=secret")
	elsewhere := answered(302, "text/xml", "")
	elsewhere.Header.Set("Location", "/elsewhere")
	for name, tc := range map[string]struct {
		answer *Answer
		want   queue.Verdict
		why    string
	}{
		"login redirect":      {redirect, queue.VerdictWait, "rule 1"},
		"another redirect":    {elsewhere, queue.VerdictByStatus, ""},
		"fault in a 200":      {answered(200, "text/xml", "<e><soap:Fault>secret</soap:Fault></e>"), queue.VerdictFail, "rule 2"},
		"fault in a 202":      {answered(202, "text/xml", "<Fault>"), queue.VerdictByStatus, ""},
		"good answer":         {answered(200, "text/xml", "<ok/>"), queue.VerdictByStatus, ""},
		"busy":                {answered(200, "application/json", `{"error":{"code":"BUSY"}}`), queue.VerdictRetry, "rule 3"},
		"busy with a 500":     {answered(500, "application/json", `{"error":{"code":"BUSY"}}`), queue.VerdictRetry, "rule 3"},
		"500":                 {answered(500, "text/html", "<h1>oops"), queue.VerdictUnknown, "rule 4"},
		"error page in a 200": {answered(200, "text/html", "<h1>oops"), queue.VerdictFail, "success"},
		"404":                 {answered(404, "text/html", "<h1>not found"), queue.VerdictByStatus, ""},
	} {
		got := s.Judge(t.Context(), tc.answer)
		if got.Verdict != tc.want || !strings.Contains(got.Why, tc.why) || (got.Why == "") != (tc.why == "") {
			t.Errorf("%s: %+v, want verdict %d because of %q", name, got, tc.want, tc.why)
		}
		if strings.Contains(got.Why, "secret") {
			t.Errorf("%s: %q shows the answer", name, got.Why)
		}
	}
}

func TestWhatIsNotSetJudgesNothing(t *testing.T) {
	s := compiled(t, Config{Otherwise: queue.VerdictFail})
	if s != nil || s.ReadsBody() || s.JudgeHead(200, nil) != (Finding{}) {
		t.Errorf("%+v is a set without a rule", s)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	c := Conditions{Status: []string{"200", "6xx", "20"}, Header: map[string]string{"Location": "("}, BodyRegex: "[", JQ: ".a ==="}
	var keys []string
	for _, wrong := range c.Check() {
		keys = append(keys, wrong.Key)
	}
	if got, want := strings.Join(keys, " "), "status status header.Location body_regex jq"; got != want {
		t.Errorf("wrong are %q, want %q", got, want)
	}
	for _, unsafe := range []string{"input", "nothing_of_this_name", `import "a" as a; .`} {
		if len((&Conditions{JQ: unsafe}).Check()) == 0 {
			t.Errorf("jq %q is accepted", unsafe)
		}
	}
	_, err := New(Config{Rules: []Rule{{}, {Conditions: c}}})
	if err == nil || !strings.Contains(err.Error(), "rule 2: status") {
		t.Errorf("New returns %v, which does not name the rule", err)
	}
}

func TestWhatCannotBeSeenMatchesNoRule(t *testing.T) {
	s := compiled(t, Config{
		Rules:     []Rule{{Conditions{JQ: "true"}, queue.VerdictRetry}, {Conditions{BodyRegex: ""}, queue.VerdictByStatus}},
		Success:   Conditions{JQ: "true"},
		Otherwise: queue.VerdictFail,
	})
	cut := answered(200, "application/json", `{"a":1}`)
	cut.Whole = false
	brotli := answered(200, "application/json", `{"a":1}`)
	brotli.Header.Set("Content-Encoding", "br")
	damaged := answered(200, "application/json", `{"a":1}`)
	damaged.Header.Set("Content-Encoding", "gzip")
	for name, a := range map[string]*Answer{
		"cut": cut, "another coding": brotli, "damaged coding": damaged, "no JSON": answered(200, "text/html", "<h1>"),
		"two JSON texts": answered(200, "application/json", "{} {}"), "empty": answered(200, "application/json", ""),
	} {
		if r := s.rules[0]; (&sight{ctx: t.Context(), answer: a}).meets(a.Header, &r.conditions) {
			t.Errorf("%s: a condition of its body holds", name)
		}
	}
	only := compiled(t, Config{Success: Conditions{JQ: "true"}, Otherwise: queue.VerdictFail})
	if got := only.Judge(t.Context(), brotli); got.Verdict != queue.VerdictFail {
		t.Errorf("a body that cannot be read is a success: %+v", got)
	}
	if got := only.Judge(t.Context(), &Answer{Status: 204, Bodyless: true}); got.Verdict != queue.VerdictByStatus {
		t.Errorf("success asks an answer without a body for one: %+v", got)
	}
	if got := only.JudgeHead(200, http.Header{}); got.Verdict != queue.VerdictByStatus {
		t.Errorf("a head is judged by a body: %+v", got)
	}
}

func TestCodedBodiesAreDecoded(t *testing.T) {
	s := compiled(t, Config{Rules: []Rule{{Conditions{JQ: ".fault"}, queue.VerdictFail}}})
	for coding, open := range map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"X-GZIP":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	} {
		a := answered(200, "application/json", coded(t, open, `{"fault":true}`))
		a.Header.Set("Content-Encoding", coding)
		if got := s.Judge(t.Context(), a); got.Verdict != queue.VerdictFail {
			t.Errorf("%s: %+v, want fail", coding, got)
		}
	}
}

func TestABodyIsLookedAtWithinItsBound(t *testing.T) {
	bomb := coded(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, strings.Repeat(" ", 64*MaxBody)+"Fault")
	text, whole, readable := decode(http.Header{"Content-Encoding": {"gzip"}}, []byte(bomb), true)
	if len(text) != MaxBody || whole || !readable {
		t.Errorf("%d bytes decoded, whole %t, readable %t; want %d and a part of it", len(text), whole, readable, MaxBody)
	}
}

func TestAJQProgramEndsInTime(t *testing.T) {
	s := compiled(t, Config{Rules: []Rule{{Conditions{JQ: "last(repeat(1))"}, queue.VerdictFail}, {Conditions{JQ: "1, error"}, queue.VerdictRetry}}})
	began := time.Now()
	if got := s.Judge(t.Context(), answered(200, "application/json", "{}")); got.Verdict != queue.VerdictRetry {
		t.Errorf("%+v, want that of the second rule: its first output counts, and the first rule has none in time", got)
	}
	if took := time.Since(began); took < MaxTime || took > 10*MaxTime {
		t.Errorf("judged after %s, want shortly after %s", took, MaxTime)
	}
}

func coded(t *testing.T, open func(io.Writer) io.WriteCloser, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
