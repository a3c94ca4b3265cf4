package app

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/queue"
)

func TestSizesAreBoundedPerEndpoint(t *testing.T) {
	app := backend(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("y", 100))
	})
	p := start(t, load(t, `
proxy:
  max_request_size: 200
  max_response_size: 200
  default_endpoint: plain
  endpoints:
    plain: {url: '`+app+`'}
    small: {url: '`+app+`', max_request_size: 50}
    cut: {url: '`+app+`', max_response_size: 60}
    large: {url: '`+app+`', max_request_size: 5000}
`), Options{})
	for _, tc := range []struct {
		endpoint string
		bytes    int
		want     int
	}{{"plain", 200, 200}, {"plain", 201, 413}, {"small", 50, 200}, {"small", 51, 413}, {"large", 5000, 200}, {"large", 5001, 413}} {
		if got := call(t, "POST", p.url+"/", strings.Repeat("x", tc.bytes), "OpenHQM-Endpoint", tc.endpoint); got.status != tc.want {
			t.Errorf("%d bytes to %s: %d %s, want %d", tc.bytes, tc.endpoint, got.status, got.body, tc.want)
		}
		submit := `{"payload": "` + strings.Repeat("x", tc.bytes-2) + `", "metadata": {"endpoint": "` + tc.endpoint + `"}}`
		want := map[int]int{200: http.StatusAccepted, 413: http.StatusRequestEntityTooLarge}[tc.want]
		if tc.endpoint == "large" && tc.bytes == 5000 {
			continue // with its envelope it is over the limit
		}
		if got := call(t, "POST", p.url+"/api/v1/submit", submit, "Content-Type", "application/json"); got.status != want {
			t.Errorf("a payload of %d bytes to %s: %d %s, want %d", tc.bytes, tc.endpoint, got.status, got.body, want)
		}
	}
	got := call(t, "POST", p.url+"/", "x", "OpenHQM-Endpoint", "cut", "Prefer", "respond-async")
	id, err := queue.ParseID(got.header.Get("OpenHQM-Correlation-Id"))
	if err != nil {
		t.Fatal(err)
	}
	if word := p.wait(t, id.String()); word != "COMPLETED" {
		t.Error(word)
	}
	r, err := p.Broker().Get(t.Context(), id)
	if err != nil || !r.Result.Truncated || r.Result.Body.Size() != 60 {
		t.Errorf("kept of the answer: %+v, %v; want 60 bytes and the flag", r.Result, err)
	}
}

func TestAnEndpointWithOtherSizesIsAnotherOne(t *testing.T) {
	yaml := func(size string) *config.Config {
		return load(t, "proxy: {max_response_size: "+size+", endpoints: {a: {url: 'http://a'}}}")
	}
	if !sameEndpoint("a", yaml("100"), yaml("100")) || sameEndpoint("a", yaml("100"), yaml("101")) {
		t.Error("a reload does not see that proxy.max_response_size has changed, or sees that where it has not")
	}
}
