package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// anID is a correlation ID.
const anID = "018f3e1a-7c00-7abc-8def-0123456789ab"

func TestAnIDIsNotLostWithTheServerThatGaveIt(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			panic(http.ErrAbortHandler) // the server dies before it answers
		}
		w.Header().Set("OpenHQM-Source", "openhqm")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"correlation_id": "`+anID+`", "status": "PENDING"}`)
	}))
	defer server.Close()
	var out, failure bytes.Buffer
	env := &Environment{Stdout: &out, Stderr: &failure, Getenv: func(string) string { return "" }}
	code := Main(t.Context(), []string{"submit", "1", "--wait", "--url", server.URL}, env)
	if code != exitFailure || !strings.Contains(failure.String(), anID+" is accepted, its result unknown") {
		t.Errorf("code %d, %q", code, failure.String())
	}
}
