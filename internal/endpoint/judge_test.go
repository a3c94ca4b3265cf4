package endpoint_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/internal/rule"
	"github.com/openhqm/openhqm/queue"
)

func TestRulesJudgeAnswersByWhatIsInThem(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("<Fault>"))
	z.Close()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fault":
			w.Write([]byte("<Fault>secret</Fault>"))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed.Bytes())
		case "/late":
			w.Write([]byte(strings.Repeat(" ", rule.MaxBody) + "<Fault>"))
		case "/login":
			http.Redirect(w, r, "/login?next=secret", http.StatusFound)
		case "/busy":
			w.WriteHeader(http.StatusInternalServerError)
			w.Write([]byte(`{"busy": true}`))
		default:
			w.Write([]byte("fine"))
		}
	}))
	defer app.Close()
	e := open(t, app.URL, func(c *endpoint.Config) {
		c.Rules = rule.Config{
			Rules: []rule.Rule{
				{Conditions: rule.Conditions{BodyRegex: "<Fault>"}, Then: queue.VerdictFail},
				{Conditions: rule.Conditions{JQ: ".busy"}, Then: queue.VerdictRetry},
			},
			Success:   rule.Conditions{Status: []string{"2xx"}},
			Otherwise: queue.VerdictUnknown,
		}
	})
	for path, want := range map[string]queue.Verdict{"/fault": queue.VerdictFail, "/gzip": queue.VerdictFail, "/login": queue.VerdictUnknown,
		"/late": queue.VerdictByStatus, "/busy": queue.VerdictRetry, "/fine": queue.VerdictByStatus} {
		o := e.Handle(t.Context(), delivery(queue.Request{Target: path}))
		if o.Class != queue.Answered || o.Verdict != want || (o.Err == nil) != (want == queue.VerdictByStatus) {
			t.Errorf("%s: class %v, verdict %d, error %v; want an answer and verdict %d", path, o.Class, o.Verdict, o.Err, want)
		}
		if o.Err != nil && strings.Contains(o.Err.Error(), "secret") {
			t.Errorf("%s: %q shows the answer", path, o.Err)
		}
		if path == "/gzip" && content(t, o.Result.Body) != packed.String() {
			t.Error("the kept answer was decoded")
		}
	}
}
