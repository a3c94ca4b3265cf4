package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A part is a hostile part of a request that is written as JSON: by a submit, or by an edit of a dead letter.
type part struct {
	name, why      string
	method, target string // "": POST, and the target of the test
	field, value   string // of the headers
	refused        bool   // else it arrives, and of the watched fields only
	stays          string // this one, as it is
}

var parts = []part{
	{name: "a line break in a value", field: "X-Attack", value: "a\r\nX-Hidden: evil", refused: true, why: "would be a second field"},
	{name: "a line feed in a value", field: "X-Attack", value: "a\nX-Hidden: evil", refused: true, why: "ends a line for most servers"},
	{name: "a return in a value", field: "X-Attack", value: "a\rX-Hidden: evil", refused: true, why: "ends a line for some servers"},
	{name: "a zero byte in a value", field: "X-Attack", value: "a\x00", refused: true, why: "ends the value for servers in C"},
	{name: "a whole request in a value", field: "X-Attack", value: "a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", refused: true, why: "would be a second request"},
	{name: "a line break in a name", field: "X-Attack: 1\r\nX-Hidden", value: "evil", refused: true, why: "would be a second field"},
	{name: "a colon in a name", field: "X-Hidden: evil\u2028X-Attack", value: "1", refused: true, why: "names are tokens"},
	{name: "a blank in a name", field: "X-Attack ", value: "1", refused: true, why: "must be refused in requests (RFC 9112 5.1)"},
	{name: "an empty name", field: "", value: "evil", refused: true, why: "names are tokens"},
	{name: "letters beyond ASCII that lose a byte to a line break", field: "X-Attack", value: "a\u010d\u010aX-Hidden: evil", stays: "X-Attack", why: "sent as UTF-8, never cut to one byte each"},
	{name: "framing", field: "Content-Length", value: "0", why: "is made anew"},
	{name: "chunked", field: "Transfer-Encoding", value: "chunked", why: "is made anew"},
	{name: "fields of the connection", field: "Connection", value: "X-Injected, Authorization, Host", why: "concern no connection of the endpoint's"},
	{name: "an upgrade", field: "Upgrade", value: "h2c", why: "nobody is there to go on"},
	{name: "an expectation", field: "Expect", value: "100-continue", why: "concerns no connection of the endpoint's"},
	{name: "the endpoint's credentials", field: "authorization", value: "Bearer evil", why: "the configuration wins"},
	{name: "an injected field", field: "x-INJECTED", value: "evil", why: "the configuration wins"},
	{name: "an injected field with an underscore", field: "X_Injected", value: "evil", why: "as with the hyphen"},
	{name: "a forwarding field", field: "X-Forwarded-For", value: "6.6.6.6", why: "is for proxies to write"},
	{name: "a forwarding field with underscores", field: "X_Forwarded_Host", value: "evil.example", why: "is for proxies to write"},
	{name: "a field of ours", field: "OpenHQM-Endpoint", value: "evil", why: "is OpenHQM's to write"},
	{name: "a line break in the host", field: "Host", value: "a\r\nX-Hidden: evil", refused: true, why: "would be a second field"},
	{name: "a path in the host", field: "Host", value: "a/b?c", refused: true, why: "no host"},
	{name: "a line break in the target", target: "/{m}/a HTTP/1.1\r\nX-Hidden: evil\r\n\r\n", refused: true, why: "would end the request line"},
	{name: "a blank in the target", target: "/{m}/a HTTP/1.1", refused: true, why: "would end the target"},
	{name: "an encoded line break in the target", target: "/{m}/a%0d%0aX-Hidden:%20evil", why: "stays encoded"},
	{name: "a URL for a target", target: "http://evil.example/{m}", refused: true, why: "the endpoint is chosen by name (promise 8)"},
	{name: "two slashes first", target: "//evil.example/{m}", refused: true, why: "a host to who reads it as a reference"},
	{name: "an at sign first", target: "@evil.example/{m}", refused: true, why: "would make the endpoint's host a user name"},
	{name: "dot segments", target: "/../{m}/admin", refused: true, why: "stays below the endpoint's URL"},
	{name: "encoded dot segments", target: "/%2e%2E/{m}/admin", refused: true, why: "stays below the endpoint's URL"},
	{name: "an encoded slash behind dots", target: "/..%2f{m}/admin", refused: true, why: "stays below the endpoint's URL"},
	{name: "a backslash", target: "/..\\{m}\\admin", refused: true, why: "a separator on other systems"},
	{name: "a fragment", target: "/{m}/a#b", refused: true, why: "no part of a target"},
	{name: "a zero byte in the target", target: "/{m}/a\x00b", refused: true, why: "ends the target for servers in C"},
	{name: "an escape cut short", target: "/{m}/a%2", refused: true, why: "every server decodes it otherwise"},
	{name: "a line break in the method", method: "GET /smuggled HTTP/1.1\r\nX-Hidden: evil\r\n\r\nPOST", refused: true, why: "would be a second request"},
	{name: "a blank in the method", method: "GET /smuggled", refused: true, why: "would shift the target"},
	{name: "a tunnel", method: "CONNECT", refused: true, why: "no request chooses where its bytes go"},
}

// wanted is what arrives of a part that is not refused.
func (p part) wanted(method, target, host, body string) arrival {
	a := arrival{method: method, target: target, host: host, body: body}
	if p.stays != "" {
		a = a.with(p.stays, p.value)
	}
	return a
}

// call sends JSON and returns the answer.
func call(t *testing.T, method, url string, content any) (int, []byte) {
	t.Helper()
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(method, url, strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return do(t, r)
}

func (p part) headers() map[string]string {
	if p.value == "" {
		return nil
	}
	return map[string]string{p.field: p.value}
}

// TestHostileSubmits sends every part in the envelope of a submit.
func TestHostileSubmits(t *testing.T) {
	eachServer(t, func(t *testing.T, b backend, s *server) func(*testing.T, map[string][]arrival) {
		ids := make([]string, len(parts))
		for i, p := range parts {
			t.Run(p.name, func(t *testing.T) {
				metadata := map[string]any{"path": render(orElse(p.target, "/{m}/a"), marker(i), "")}
				if p.method != "" {
					metadata["method"] = p.method
				}
				ids[i] = p.accepted(t, "http://"+s.address+"/api/v1/submit",
					map[string]any{"payload": "x", "headers": p.headers(), "metadata": metadata}, http.StatusAccepted)
				if ids[i] == "" {
					return
				}
				if _, err := s.result(ids[i]); err != nil {
					t.Error(err)
				}
			})
		}
		return func(t *testing.T, arrivals map[string][]arrival) {
			for i, p := range parts {
				p.judge(t, i, arrivals, b.url(), `"x"`, 0)
			}
		}
	})
}

// TestHostileEdits puts every part into a dead letter, and redrives it.
func TestHostileEdits(t *testing.T) {
	eachServer(t, func(t *testing.T, b backend, s *server) func(*testing.T, map[string][]arrival) {
		for i, p := range parts {
			t.Run(p.name, func(t *testing.T) {
				raw := render("POST /{m}/fails HTTP/1.1\nHost: attacked.example\nPrefer: respond-async\nConnection: close\nContent-Length: 3\n\nabc", marker(i), "")
				answers, err := converse(s.address, raw, false)
				if err != nil || len(answers) != 1 || answers[0].status != http.StatusAccepted {
					t.Fatalf("the request to be edited: %+v, %v", answers, err)
				}
				id := answers[0].header.Get("OpenHQM-Correlation-Id")
				if _, err := s.result(id); err != nil {
					t.Fatal(err)
				}
				headers := p.headers()
				if headers == nil {
					headers = map[string]string{}
				}
				headers["X-Repaired"] = "1"
				edit := map[string]any{"headers": headers, "method": p.method, "target": render(orElse(p.target, "/{m}/a"), marker(i), "")}
				if p.accepted(t, "http://"+s.admin+"/api/v1/dead/"+id+"/redrive", edit, http.StatusOK) == "" {
					return
				}
				if a, err := s.result(id); err != nil || a.status != http.StatusOK {
					t.Errorf("redriven, it ended %+v, %v", a, err)
				}
			})
		}
		return func(t *testing.T, arrivals map[string][]arrival) {
			for i, p := range parts {
				p.judge(t, i, arrivals, "http://"+attackedHost, "abc", 1)
			}
		}
	})
}

// accepted sends what holds the part, and returns the ID if it was taken, as it should be.
func (p part) accepted(t *testing.T, url string, content any, success int) string {
	t.Helper()
	want := success
	if p.refused {
		want = http.StatusBadRequest
	}
	status, body := call(t, http.MethodPost, url, content)
	if status != want {
		t.Errorf("status %d, want %d (%s): %s", status, want, p.why, body)
	}
	if status != success {
		return ""
	}
	var ticket struct {
		ID string `json:"correlation_id"`
	}
	if err := json.Unmarshal(body, &ticket); err != nil {
		t.Fatal(err)
	}
	return ticket.ID
}

// judge checks what arrived of part i behind the given number of earlier requests.
func (p part) judge(t *testing.T, i int, arrivals map[string][]arrival, url, body string, before int) {
	t.Run(p.name+"/arrived", func(t *testing.T) {
		got := arrivals[marker(i)]
		delete(arrivals, marker(i))
		if len(got) < before {
			t.Fatalf("%d arrivals before the edit, want %d", len(got), before)
		}
		got = got[before:]
		if p.refused {
			if len(got) > 0 {
				t.Errorf("refused, and yet it arrived (%s): %+v", p.why, got)
			}
			return
		}
		if len(got) != 1 {
			t.Fatalf("%d arrivals, want 1 (%s): %+v", len(got), p.why, got)
		}
		want := p.wanted(orElse(p.method, "POST"), render(orElse(p.target, "/{m}/a"), marker(i), ""), strings.TrimPrefix(url, "http://"), body)
		if before == 0 {
			want = want.with("X-Forwarded-Host", "") // a submit is for no host
		}
		want.compare(t, got[0], false)
	})
}

// eachServer runs a test in front of both servers; what it returns judges what arrived, once all has.
func eachServer(t *testing.T, test func(*testing.T, backend, *server) func(*testing.T, map[string][]arrival)) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			s := serve(t, b.url())
			judge := test(t, b, s)
			s.stop()
			arrivals := b.arrivals(t)
			judge(t, arrivals)
			for marker, strange := range arrivals {
				t.Errorf("of no row (%q): %+v", marker, strange)
			}
		})
	}
}

func marker(i int) string { return fmt.Sprintf("mark%06d", i) }

func orElse(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
