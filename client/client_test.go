package client

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFieldsKeepRepeatedValuesApart(t *testing.T) {
	fields := Fields{"Set-Cookie": {"a=1", "b=2"}, "Etag": {`"x"`}, "Empty": {}}
	encoded, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"Empty":[],"Etag":"\"x\"","Set-Cookie":["a=1","b=2"]}`; string(encoded) != want {
		t.Errorf("got %s, want %s", encoded, want)
	}
	var back Fields
	if err := json.Unmarshal(encoded, &back); err != nil || !reflect.DeepEqual(back, fields) {
		t.Errorf("got %v and %v, want %v", back, err, fields)
	}
	if encoded, _ := json.Marshal(Fields(nil)); string(encoded) != "null" {
		t.Errorf("no fields are %s, want null", encoded)
	}
	if err := json.Unmarshal([]byte(`{"A":1}`), &back); err == nil {
		t.Error("a number was read as a value")
	}
}

func TestMetadataWritesWhatIsSet(t *testing.T) {
	m := Metadata{Priority: 3, Timeout: 1500 * time.Millisecond, Delay: time.Minute, Extra: map[string]any{"tenant_id": "t", "priority": 9}}
	encoded, err := json.Marshal(m)
	if want := `{"delay":60,"priority":3,"tenant_id":"t","timeout":1.5}`; err != nil || string(encoded) != want {
		t.Errorf("got %s and %v, want %s", encoded, err, want)
	}
	m = Metadata{NotBefore: time.Unix(0, 0).UTC(), Deadline: time.Unix(3600, 0).UTC(), MaxAge: 90 * time.Second, OrderingKey: "k", CallbackURL: "https://h/"}
	encoded, err = json.Marshal(m)
	if want := `{"callback_url":"https://h/","deadline":"1970-01-01T01:00:00Z","max_age":90,"not_before":"1970-01-01T00:00:00Z","ordering_key":"k"}`; err != nil || string(encoded) != want {
		t.Errorf("got %s and %v, want %s", encoded, err, want)
	}
	if encoded, _ := json.Marshal(Metadata{}); string(encoded) != "{}" {
		t.Errorf("empty metadata is %s", encoded)
	}
}

func TestAddressIsChecked(t *testing.T) {
	for _, address := range []string{"", "localhost:8000", "ftp://x", "http://", "://"} {
		if _, err := New(address, Options{}); err == nil || !strings.Contains(err.Error(), "http://localhost:8000") {
			t.Errorf("%q: error %v, want one with an example", address, err)
		}
	}
	for address, want := range map[string]string{"http://h": "http://h/api/v1", "https://h/base/": "https://h/base/api/v1"} {
		if c, err := New(address, Options{}); err != nil || c.Address() != want {
			t.Errorf("%q: %v, want %s", address, err, want)
		}
	}
}

const anID = "018f3e1a-7c00-7abc-8def-0123456789ab"

func TestWhatIsNoIDNeverReachesTheServer(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	c, err := New(server.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "x", "../submit", anID + "0", strings.Replace(anID, "-", "/", 1), strings.Replace(anID, "7", "4", 4)} {
		_, status := c.Status(t.Context(), id, 0)
		_, response := c.Response(t.Context(), id, 0)
		_, raw := c.Raw(t.Context(), id, 0)
		_, cancel := c.Cancel(t.Context(), id)
		_, events := c.Events(t.Context(), id, 0)
		for _, err := range []error{status, response, raw, cancel, events} {
			if err == nil || !strings.Contains(err.Error(), "not a correlation ID") {
				t.Errorf("%q: error %v", id, err)
			}
		}
	}
	if asked {
		t.Error("the server, or the app behind it, was asked")
	}
}

func TestAnswerThatIsNotOurs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "openapi.json") {
			_, _ = w.Write([]byte("<html>"))
			return
		}
		http.Error(w, "no", http.StatusBadGateway)
	}))
	defer server.Close()
	c, err := New(server.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := c.Status(t.Context(), anID, 0); !errors.As(err, &e) || e.Problem.Status != 502 || !strings.Contains(e.Error(), "address of OpenHQM") {
		t.Errorf("error %v", err)
	}
	if _, err := c.Raw(t.Context(), anID, 0); !errors.As(err, &e) {
		t.Errorf("error %v", err)
	}
	if _, err := c.OpenAPI(t.Context()); err == nil || !strings.Contains(err.Error(), "address of OpenHQM") {
		t.Errorf("error %v", err)
	}
}

func TestTokenAndUserAgentAreSent(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.Header().Set("OpenHQM-Source", "openhqm")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	a, err := NewAdmin(server.URL, Options{Token: "t", UserAgent: "me/1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Queue(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	if got.Get("Authorization") != "Bearer t" || got.Get("User-Agent") != "me/1" {
		t.Errorf("fields %v", got)
	}
}

func TestOpenAPIReturnsTheDocumentThatTheServerSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("OpenHQM-Source", "openhqm")
		_, _ = w.Write([]byte(`{"openapi":"3.1.0"}`))
	}))
	defer server.Close()
	c, err := New(server.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if document, err := c.OpenAPI(t.Context()); err != nil || string(document) != `{"openapi":"3.1.0"}` {
		t.Errorf("got %s and %v", document, err)
	}
}

func TestAnErrorSaysEachWrongMemberOnce(t *testing.T) {
	e := Error{Problem: Problem{Status: 400, Detail: "/metadata/priority: want 0 to 9",
		Errors: []ProblemError{{Pointer: "#/metadata/priority", Detail: "want 0 to 9"}, {Pointer: "#/payload", Detail: "missing"}}}}
	if got, want := e.Error(), "/metadata/priority: want 0 to 9; /payload: missing (400 Bad Request)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
