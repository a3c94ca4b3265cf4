package endpoint_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/test/recorder"
)

func TestPassFiltersTrailersBothWays(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n" +
		"Trailer: X-Sum, OpenHQM-State\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nOpenHQM-State: FAILED\r\nOpenHQM-Other: 1\r\nX-Hop: 1\r\n\r\n"))}))
	s := front(t, open(t, r.URL(), func(c *endpoint.Config) {
		c.StripHeaders = []string{"X-Strip"}
		c.Auth = endpoint.Auth{Scheme: endpoint.AuthAPIKey, Secret: func() string { return "tok" }}
	}))
	_, in := dial(t, s, "POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE, X-Nominated\r\nTransfer-Encoding: chunked\r\nTrailer: X-Req, OpenHQM-Delivery, X-Strip\r\n\r\n"+
		"2\r\nhi\r\n0\r\nX-Req: 2\r\nOpenHQM-Delivery: 9\r\nX-Strip: 1\r\nX-Api-Key: mine\r\nX-Nominated: 1\r\nContent-Length: 4\r\n\r\n")
	answer, _ := read(t, in, "POST")
	if names := slices.Sorted(maps.Keys(answer.Trailer)); !slices.Equal(names, []string{"X-Sum"}) || answer.Trailer.Get("X-Sum") != "1" {
		t.Errorf("trailer of the answer %v", answer.Trailer)
	}
	if got := r.Arrivals()[0]; string(got.Trailer) != "X-Req: 2\r\n" || got.Value("Trailer") != "X-Req" {
		t.Errorf("arrived as %q %q", got.Head, got.Trailer)
	}
}

func TestPassFiltersInformationalAnswers(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Write([]byte("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nOpenHQM-State: FAILED\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))}))
	_, in := dial(t, front(t, open(t, r.URL(), nil)), "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	early, err := http.ReadResponse(in, nil)
	if err != nil || early.StatusCode != 103 || early.Header.Get("Link") != "</a>" || len(early.Header) != 1 {
		t.Errorf("early %+v, %v", early, err)
	}
	if answer, text := read(t, in, "GET"); answer.StatusCode != 200 || text != "ok" {
		t.Errorf("answer %d %q", answer.StatusCode, text)
	}
}

func TestPassKeepsTheFieldsOfNotModified(t *testing.T) {
	r := start(t, recorder.Always(recorder.Reply{recorder.Write([]byte("HTTP/1.1 304 Not Modified\r\nContent-Type: text/css\r\nContent-Length: 99\r\nETag: \"1\"\r\n\r\n"))}))
	_, in := dial(t, front(t, open(t, r.URL(), nil)), strings.Repeat("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 2))
	for range 2 { // the connection stays in step
		answer, text := read(t, in, "GET")
		if h := answer.Header; answer.StatusCode != 304 || h.Get("Content-Type") != "text/css" || h.Get("Content-Length") != "99" || h.Get("ETag") != `"1"` || text != "" {
			t.Errorf("answer %d %q %v", answer.StatusCode, text, h)
		}
	}
}
