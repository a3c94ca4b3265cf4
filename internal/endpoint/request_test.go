package endpoint_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// send sends a request to a recorder and returns what arrived.
func send(t *testing.T, d *queue.Delivery, path string, change func(*endpoint.Config)) recorder.Arrival {
	t.Helper()
	r := start(t, recorder.Always(recorder.Answer(200, "")))
	if o := open(t, r.URL()+path, change).Handle(t.Context(), d); o.Class != queue.Answered {
		t.Fatalf("class %s, error %v", o.Class, o.Err)
	}
	got := r.Arrivals()
	if len(got) != 1 || !got[0].Complete {
		t.Fatalf("%d arrivals", len(got))
	}
	return got[0]
}

func TestTargetArrivesByteForByte(t *testing.T) {
	for _, c := range []struct{ base, target, want string }{
		{"", "/", "/"},
		{"", "/a/../b/./c//d/", "/a/../b/./c//d/"},
		{"", "/a%2Fb%2f%41?x=%zz&&y=+;z", "/a%2Fb%2f%41?x=%zz&&y=+;z"},
		{"", "//host/path", "//host/path"},
		{"", "///", "///"},
		{"", "//{}<>\"|^`\xff?q={}\"\xff", "//{}<>\"|^`\xff?q={}\"\xff"},
		{"", "/{}<>\"|^`\\\xff\xc3\xa9?q={}\xff", "/{}<>\"|^`\\\xff\xc3\xa9?q={}\xff"},
		{"", "/%zz", "/%zz"},
		{"", "/?", "/?"},
		{"", "/?a?b#c", "/?a?b#c"},
		{"", "/a:b@c", "/a:b@c"},
		{"", "*", "*"},
		{"", "/" + strings.Repeat("long/", 4000), "/" + strings.Repeat("long/", 4000)},
		{"", "//" + strings.Repeat("long/", 4000), "//" + strings.Repeat("long/", 4000)},
		{"/", "//x", "//x"},
		{"/base", "/x", "/base/x"},
		{"/base/", "/x", "/base/x"},
		{"/base/", "//x/../y", "/base//x/../y"},
		{"/b%2Fa", "/x?y", "/b%2Fa/x?y"},
		{"/base?key=v", "/x", "/base/x?key=v"},
		{"/base?key=v", "/x?y=1", "/base/x?key=v&y=1"},
		{"?key=v", "/x?y=1", "/x?key=v&y=1"},
		{"/base", "*", "/base"},
		{"/base", "/", "/base"},
		{"/base/", "/", "/base/"},
		{"/base", "/?", "/base?"},
		{"/base?key=v", "/?x", "/base?key=v&x"},
		{"?key=v", "/", "/?key=v"},
		{"/?key=v", "/x", "/x?key=v"},
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			d := delivery(queue.Request{Method: method, Target: c.target, Body: body("text")})
			if got := send(t, d, c.base, nil); got.Target() != c.want || got.Method() != method || got.Protocol() != "HTTP/1.1" || string(got.Body) != "text" {
				t.Errorf("%s %.60q under %q arrived as %s %.60q", method, c.target, c.base, got.Method(), got.Target())
			}
		}
	}
}

func TestBodyIsFramedAnew(t *testing.T) {
	big := strings.Repeat("b", 3*queue.InlineLimit)
	for name, c := range map[string]struct {
		method string
		body   queue.Body
		length []string
	}{
		"POST without a body":  {"POST", body(""), []string{"0"}},
		"GET without a body":   {"GET", body(""), nil},
		"FROB without a body":  {"FROB", body(""), nil},
		"GET with a body":      {"GET", body("x"), []string{"1"}},
		"DELETE with a body":   {"DELETE", body("xy"), []string{"2"}},
		"a body in the store":  {"POST", queue.StoredBody("k", int64(len(big)), &bodies{kept: []byte(big)}), []string{fmt.Sprint(len(big))}},
		"GET, body in a store": {"GET", queue.StoredBody("k", int64(len(big)), &bodies{kept: []byte(big)}), []string{fmt.Sprint(len(big))}},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Content-Length": {"99"}, "Transfer-Encoding": {"chunked"}, "Expect": {"100-continue"}}
			d := delivery(queue.Request{Method: c.method, Header: h, Body: c.body})
			got := send(t, d, "", nil)
			if !slices.Equal(got.Values("Content-Length"), c.length) || got.Chunked || got.Values("Expect") != nil || string(got.Body) != content(t, c.body) {
				t.Errorf("arrived with %q", got.Head)
			}
		})
	}
}

func TestTrailersMakeTheRequestChunked(t *testing.T) {
	for _, text := range []string{"", "some bytes"} {
		h := http.Header{"Trailer": {"X-Sum, Connection"}, "Connection": {"X-Hop"}}
		trailer := http.Header{"X-Sum": {"1", "2"}, "X-Hop": {"h"}, "Connection": {"close"}, "Openhqm-State": {"x"}, "Content-Length": {"3"}}
		got := send(t, delivery(queue.Request{Header: h, Trailer: trailer, Body: body(text)}), "", nil)
		if !got.Chunked || string(got.Body) != text || string(got.Trailer) != "X-Sum: 1\r\nX-Sum: 2\r\n" || got.Value("Trailer") != "X-Sum" {
			t.Errorf("arrived as %q, trailer %q", got.Head, got.Trailer)
		}
	}
}

func TestHeaderRules(t *testing.T) {
	secret := "first"
	bearer := func(c *endpoint.Config) {
		c.Auth = endpoint.Auth{Scheme: endpoint.AuthBearer, Secret: func() string { return secret }}
	}
	type config = func(*endpoint.Config)
	for name, c := range map[string]struct {
		change config
		send   http.Header
		want   http.Header // nil values: absent
	}{
		"values keep order and number": {nil, http.Header{"X-A": {"2", "", "1", "caf\xe9"}, "Cookie": {"a=1", "b=2"}}, http.Header{"X-A": {"2", "", "1", "caf\xe9"}, "Cookie": {"a=1", "b=2"}}},
		"fields of the connection do not pass": {nil,
			http.Header{"Connection": {"keep-alive, X-Hop", "x-other, Via"}, "X-Hop": {"1"}, "X-Other": {"1"}, "Keep-Alive": {"timeout=5"}, "Proxy-Connection": {"x"},
				"Upgrade": {"h2c"}, "Http2-Settings": {"AAMA"}, "Te": {"gzip"}, "Proxy-Authorization": {"Basic eA=="}, "X-Stays": {"1"}},
			http.Header{"Connection": nil, "X-Hop": nil, "X-Other": nil, "Keep-Alive": nil, "Proxy-Connection": nil, "Upgrade": nil, "Http2-Settings": nil, "Te": nil,
				"Proxy-Authorization": nil, "X-Stays": {"1"}}},
		"TE passes for trailers only":       {nil, http.Header{"Te": {"gzip, trailers"}}, http.Header{"Te": {"trailers"}, "Connection": {"TE"}}},
		"no User-Agent is added":            {nil, http.Header{}, http.Header{"User-Agent": nil, "Accept-Encoding": nil, "Accept": nil}},
		"User-Agent passes":                 {nil, http.Header{"User-Agent": {"curl/8"}}, http.Header{"User-Agent": {"curl/8"}}},
		"User-Agent keeps its number":       {nil, http.Header{"User-Agent": {"a", "b"}}, http.Header{"User-Agent": {"a", "b"}}},
		"empty User-Agent passes":           {nil, http.Header{"User-Agent": {""}}, http.Header{"User-Agent": {""}}},
		"fields of ours are dropped":        {nil, http.Header{"Openhqm-Delivery": {"9"}, "Openhqm-Anything": {"x"}, "openhqm-lower": {"x"}}, http.Header{"OpenHQM-Delivery": {"1"}, "OpenHQM-Anything": nil, "OpenHQM-Lower": nil}},
		"consumed preferences are dropped":  {nil, http.Header{"Prefer": {"respond-async, wait=10", `return=minimal, wait=5; x="a,b"`, `handling=lenient`}}, http.Header{"Prefer": {"return=minimal", "handling=lenient"}}},
		"other preferences stay as written": {nil, http.Header{"Prefer": {`foo="a, wait=1",  bar`}}, http.Header{"Prefer": {`foo="a, wait=1",  bar`}}},
		"Via and the forwarded fields are appended": {nil,
			http.Header{"Via": {"1.0 a", "1.1 b"}, "X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"first"}, "Forwarded": {"for=192.0.2.1"}},
			http.Header{"Via": {"1.0 a, 1.1 b, 1.1 openhqm"}, "X-Forwarded-For": {"192.0.2.1, 2001:db8::1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"first"},
				"Forwarded": {`for=192.0.2.1, for="[2001:db8::1]";host="app:80";proto=http`}}},
		"Via and the forwarded fields are begun": {nil, http.Header{}, http.Header{"Via": {"1.1 openhqm"}, "X-Forwarded-For": {"2001:db8::1"}, "X-Forwarded-Proto": {"http"},
			"X-Forwarded-Host": {"app:80"}, "Forwarded": {`for="[2001:db8::1]";host="app:80";proto=http`}}},
		"a client cannot nominate what is added": {bearer, http.Header{"Connection": {"Authorization, Via, X-Forwarded-For, OpenHQM-Delivery"}},
			http.Header{"Authorization": {"Bearer first"}, "Via": {"1.1 openhqm"}, "X-Forwarded-For": {"2001:db8::1"}, "OpenHQM-Delivery": {"1"}}},
		"static fields replace the client's": {func(c *endpoint.Config) { c.Headers = map[string]string{"x-source": "openhqm"} }, http.Header{"X-Source": {"a", "b"}, "Connection": {"X-Source"}}, http.Header{"X-Source": {"openhqm"}}},
		"credentials replace the client's":   {bearer, http.Header{"Authorization": {"Basic x"}, "authorization": {"y"}}, http.Header{"Authorization": {"Bearer first"}}},
		"credentials may give way":           {func(c *endpoint.Config) { bearer(c); c.ForwardAuthorization = true }, http.Header{"Authorization": {"Basic x"}}, http.Header{"Authorization": {"Basic x"}}},
		"credentials that give way are there": {func(c *endpoint.Config) { bearer(c); c.ForwardAuthorization = true }, http.Header{},
			http.Header{"Authorization": {"Bearer first"}}},
		"Authorization is forwarded":   {nil, http.Header{"Authorization": {"Basic x"}}, http.Header{"Authorization": {"Basic x"}}},
		"Authorization can be dropped": {func(c *endpoint.Config) { c.ReplaceAuthorization = true }, http.Header{"Authorization": {"Basic x"}}, http.Header{"Authorization": nil}},
		"basic": {func(c *endpoint.Config) {
			c.Auth = endpoint.Auth{Scheme: endpoint.AuthBasic, Username: "u", Secret: func() string { return "p:q" }}
		}, http.Header{}, http.Header{"Authorization": {"Basic dTpwOnE="}}},
		"api key": {func(c *endpoint.Config) {
			c.Auth = endpoint.Auth{Scheme: endpoint.AuthAPIKey, Secret: func() string { return "k" }}
		}, http.Header{"X-Api-Key": {"mine"}, "Authorization": {"Basic x"}}, http.Header{"X-Api-Key": {"k"}, "Authorization": nil}},
		"custom": {func(c *endpoint.Config) {
			c.Auth = endpoint.Auth{Scheme: endpoint.AuthCustom, Header: "x-token", Secret: func() string { return "Token k" }}
		}, http.Header{"X-Token": {"mine"}}, http.Header{"X-Token": {"Token k"}}},
		"forwarded fields are chosen whatever the case": {func(c *endpoint.Config) { c.ForwardHeaders = []string{"content-type", "x-app-*"} },
			http.Header{"Content-Type": {"a"}, "X-App-One": {"1"}, "X-Apple": {"1"}, "Accept": {"b"}}, http.Header{"Content-Type": {"a"}, "X-App-One": {"1"}, "X-Apple": nil, "Accept": nil}},
		"stripped fields do not pass": {func(c *endpoint.Config) {
			c.ForwardHeaders, c.StripHeaders = []string{"*"}, []string{"authorization", "X-INTERNAL-*"}
		}, http.Header{"Authorization": {"x"}, "X-Internal-A": {"1"}, "X-B": {"1"}}, http.Header{"Authorization": nil, "X-Internal-A": nil, "X-B": {"1"}}},
		"nothing is forwarded by an empty list": {func(c *endpoint.Config) { c.ForwardHeaders = []string{} }, http.Header{"X-A": {"1"}}, http.Header{"X-A": nil, "Via": {"1.1 openhqm"}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := delivery(queue.Request{Header: c.send, Host: "app:80", Scheme: "http", Proto: "HTTP/1.1", Remote: "[2001:db8::1]:4711", Body: body("x")})
			got := send(t, d, "", c.change)
			for field, want := range c.want {
				if have := got.Values(field); !slices.Equal(have, want) {
					t.Errorf("%s arrived as %q, want %q", field, have, want)
				}
			}
		})
	}
}

func TestSpellingOnTheWire(t *testing.T) {
	h := http.Header{"Soapaction": {`"a"`}, "X-Other-Name": {"1"}, "User-Agent": {"x"}}
	got := send(t, delivery(queue.Request{Header: h}), "", func(c *endpoint.Config) { c.HeaderNames = []string{"SOAPAction", "USER-AGENT"} })
	for _, want := range []string{"\r\nSOAPAction: \"a\"\r\n", "\r\nX-Other-Name: 1\r\n", "\r\nUSER-AGENT: x\r\n", "\r\nOpenHQM-Correlation-Id: "} {
		if !strings.Contains(string(got.Head), want) {
			t.Errorf("%q is not in %q", want, got.Head)
		}
	}
	if n := strings.Count(strings.ToLower(string(got.Head)), "user-agent"); n != 1 {
		t.Errorf("%d User-Agent fields", n)
	}
}

func TestSecretMayChange(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "")))
	secret := "one"
	e := open(t, r.URL(), func(c *endpoint.Config) {
		c.Auth = endpoint.Auth{Scheme: endpoint.AuthBearer, Secret: func() string { return secret }}
	})
	for _, secret = range []string{"one", "two"} {
		if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Answered {
			t.Fatal(o.Err)
		}
	}
	for _, secret = range []string{"", "a\nb"} {
		if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.NotSent || strings.Contains(o.Err.Error(), "a\nb") {
			t.Errorf("secret %q: class %s, error %v", secret, o.Class, o.Err)
		}
	}
	got := r.Arrivals()
	if len(got) != 2 || got[0].Value("Authorization") != "Bearer one" || got[1].Value("Authorization") != "Bearer two" {
		t.Errorf("%d arrivals", len(got))
	}
}

func TestHostByConfiguration(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "")))
	for _, c := range []struct{ config, client, want string }{
		{"", "shop.example", "shop.example"}, // the recorder is on loopback
		{"auto", "", r.Address()},
		{"preserve", "shop.example:8080", "shop.example:8080"},
		{"endpoint", "shop.example", r.Address()},
		{"fixed.example", "shop.example", "fixed.example"},
	} {
		e := open(t, r.URL(), func(config *endpoint.Config) { config.Host = c.config })
		if o := e.Handle(t.Context(), delivery(queue.Request{Host: c.client})); o.Class != queue.Answered {
			t.Fatal(o.Err)
		}
		got := r.Arrivals()
		if have := got[len(got)-1].Values("Host"); !slices.Equal(have, []string{c.want}) {
			t.Errorf("host %q, client's %q: sent %q, want %q", c.config, c.client, have, c.want)
		}
	}
}

func TestDeliveryIsNamed(t *testing.T) {
	d := delivery(queue.Request{})
	d.Record.Deliveries, d.Last = 7, true
	got := send(t, d, "", nil)
	if got.Value("OpenHQM-Correlation-Id") != d.ID.String() || got.Value("OpenHQM-Delivery") != "7" || got.Value("OpenHQM-Last-Attempt") != "true" {
		t.Errorf("arrived with %q", got.Head)
	}
	if got := send(t, delivery(queue.Request{}), "", nil); got.Values("OpenHQM-Last-Attempt") != nil {
		t.Error("every attempt is the last")
	}
}

func TestCircleIsBroken(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "")))
	e := open(t, r.URL(), nil)
	for _, c := range []struct {
		via  []string
		want queue.Class
	}{
		{[]string{"1.1 openhqm, 1.1 nginx", "1.1 openhqm"}, queue.Answered},
		{[]string{"1.1 openhqm, 1.1 nginx", "1.1 openhqm, HTTP/1.1 openhqm (x)"}, queue.Rejected},
		{[]string{"1.1 other, 1.1 other, 1.1 other, 1.1 openhqm-2"}, queue.Answered},
	} {
		if o := e.Handle(t.Context(), delivery(queue.Request{Header: http.Header{"Via": c.via}})); o.Class != c.want {
			t.Errorf("%q: class %s, error %v", c.via, o.Class, o.Err)
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	secret := func() string { return "x" }
	for name, c := range map[string]endpoint.Config{
		"no URL":              {},
		"relative URL":        {URL: "/x"},
		"other scheme":        {URL: "ftp://h"},
		"credentials":         {URL: "http://u:p@h"},
		"field of connection": {URL: "http://h", Headers: map[string]string{"connection": "close"}},
		"framing":             {URL: "http://h", Headers: map[string]string{"Host": "x"}},
		"ours":                {URL: "http://h", Headers: map[string]string{"OpenHQM-Delivery": "x"}},
		"bad name":            {URL: "http://h", Headers: map[string]string{"a b": "x"}},
		"bad value":           {URL: "http://h", Headers: map[string]string{"A": "x\ny"}},
		"bad spelling":        {URL: "http://h", HeaderNames: []string{"a:b"}},
		"bad host":            {URL: "http://h", Host: "a b"},
		"unknown scheme":      {URL: "http://h", Auth: endpoint.Auth{Scheme: "x", Secret: secret}},
		"no secret":           {URL: "http://h", Auth: endpoint.Auth{Scheme: endpoint.AuthBearer}},
		"no user":             {URL: "http://h", Auth: endpoint.Auth{Scheme: endpoint.AuthBasic, Secret: secret}},
		"Host as a key":       {URL: "http://h", Auth: endpoint.Auth{Scheme: endpoint.AuthAPIKey, Secret: secret, Header: "host"}},
		"length as a key":     {URL: "http://h", Auth: endpoint.Auth{Scheme: endpoint.AuthCustom, Secret: secret, Header: "Content-Length"}},
		"connection as a key": {URL: "http://h", Auth: endpoint.Auth{Scheme: endpoint.AuthCustom, Secret: secret, Header: "Connection"}},
		"our field as a key":  {URL: "http://h", Auth: endpoint.Auth{Scheme: endpoint.AuthCustom, Secret: secret, Header: "openhqm-key"}},
		"no field":            {URL: "http://h", Auth: endpoint.Auth{Scheme: endpoint.AuthCustom, Secret: secret}},
	} {
		if _, err := endpoint.New(c, endpoint.Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
