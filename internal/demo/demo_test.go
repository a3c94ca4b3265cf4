package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/demo"
	"github.com/openhqm/openhqm/internal/store/memory"
	"github.com/openhqm/openhqm/queue"
)

func handle(ctx context.Context, r queue.Request) queue.Outcome {
	d := &queue.Delivery{Bodies: memory.New(memory.Options{}), Record: &queue.Record{Message: &queue.Message{Request: r}}}
	return demo.New(demo.Config{}).Handle(ctx, d)
}

func answer(t *testing.T, o queue.Outcome) map[string]any {
	t.Helper()
	if o.Class != queue.Answered || o.Result.Status != 200 {
		t.Fatalf("outcome %+v", o)
	}
	r, err := o.Result.Body.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOperations(t *testing.T) {
	for payload, want := range map[string]any{
		`{"operation": "echo", "data": "héllo"}`:           "héllo",
		`{"operation": "echo", "data": {"a": [1]}}`:        map[string]any{"a": []any{1.0}},
		`{"operation": "echo"}`:                            nil,
		`{"operation": "uppercase", "data": "héllo"}`:      "HÉLLO",
		`{"operation": "reverse", "data": "héllo"}`:        "olléh",
		`{"operation": "reverse", "data": 123, "more": 1}`: "321",
	} {
		o := handle(t.Context(), queue.Request{Method: "POST", Target: "/", Body: queue.InlineBody([]byte(payload))})
		m := answer(t, o)
		got, err := json.Marshal(m["output"])
		if err != nil {
			t.Fatal(err)
		}
		expected, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(expected) {
			t.Errorf("%s gave %s, want %s", payload, got, expected)
		}
		if _, err := time.Parse(time.RFC3339, m["processed_at"].(string)); err != nil {
			t.Errorf("processed_at: %v", err)
		}
	}
	o := handle(t.Context(), queue.Request{Method: "POST", Target: "/", Body: queue.InlineBody([]byte(`{"operation":"error"}`))})
	if o.Class != queue.Rejected || o.Err == nil {
		t.Errorf("operation error gave %+v", o)
	}
}

func TestOtherRequestsAreEchoed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, body := range []string{"", "text", `{"operation": "transfer"}`, "\xff\xfe", strings.Repeat("<", 1<<20)} {
			started := time.Now()
			o := handle(t.Context(), queue.Request{Method: "PUT", Target: "/a%2Fb?x=1", Header: http.Header{"X-A": {"1", "2"}},
				Body: queue.InlineBody([]byte(body))})
			if took := time.Since(started); took != demo.DefaultDelay || o.Duration != took {
				t.Errorf("an echo took %s", took)
			}
			m := answer(t, o)
			if m["method"] != "PUT" || m["path"] != "/a%2Fb?x=1" || len(m["headers"].(map[string]any)["X-A"].([]any)) != 2 {
				t.Errorf("echo of %.20q: %.200v", body, m)
			}
			switch {
			case len(body) > demo.MaxEcho:
				if m["truncated"] != true {
					t.Error("a cut body is not flagged")
				}
			case body == "\xff\xfe":
				if m["body_base64"] != "//4=" {
					t.Errorf("bytes came as %v", m)
				}
			case body != "" && m["body"] != body:
				t.Errorf("%q came as %v", body, m["body"])
			}
		}
	})
}

func TestCredentialsAreNotEchoed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := handle(t.Context(), queue.Request{Method: "GET", Target: "/", Header: http.Header{"Authorization": {"Bearer s3cret"}, "Cookie": {"a=s3cret"}}})
		if text, _ := o.Result.Body.Inline(); strings.Contains(string(text), "s3cret") {
			t.Errorf("echo %s", text)
		}
	})
}

func TestEchoThatIsCutIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(queue.ErrDraining)
		if o := handle(ctx, queue.Request{Method: "GET", Target: "/"}); o.Class != queue.NotBegun || !errors.Is(o.Err, queue.ErrDraining) {
			t.Errorf("outcome %+v", o)
		}
	})
}
