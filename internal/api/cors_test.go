package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/api"
)

func TestAPreflightSaysWhatTheConfigurationAllows(t *testing.T) {
	f := newFixture(t, func(s *setup) {
		s.config.CORS = api.CORS{Origins: []string{"https://shop.example"}, Methods: []string{"POST", "PUT"}, Headers: []string{"X-Shop"},
			MaxAge: time.Minute, Credentials: true}
	})
	preflight := func(path, origin string) http.Header {
		return f.call("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST").wants(204).Header()
	}
	h := preflight("/api/v1/submit", "https://shop.example")
	want(t, h.Get("Access-Control-Allow-Origin"), "https://shop.example")
	want(t, h.Get("Access-Control-Allow-Credentials"), "true")
	want(t, h.Get("Access-Control-Allow-Methods"), "POST")
	want(t, h.Get("Access-Control-Max-Age"), "60")
	want(t, h.Get("Vary"), "Origin")
	want(t, strings.HasSuffix(h.Get("Access-Control-Allow-Headers"), ", X-Shop"), true)
	h = preflight("/api/v1/submit", "https://other.example")
	for _, field := range []string{"Origin", "Credentials", "Methods", "Headers"} {
		want(t, h.Get("Access-Control-Allow-"+field), "")
	}
	want(t, h.Get("Vary"), "Origin")
}

func TestAnyOriginNeverComesWithCredentials(t *testing.T) {
	f := newFixture(t, func(s *setup) { s.config.CORS = api.CORS{Origins: []string{"*"}, Credentials: true} })
	h := f.call("POST", "/api/v1/submit", `{"payload":1}`, "Origin", "https://a.example").wants(202).Header()
	want(t, h.Get("Access-Control-Allow-Origin"), "*")
	want(t, h.Get("Access-Control-Allow-Credentials"), "")
}
