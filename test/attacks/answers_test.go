package attacks

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

// A reply is what a hostile endpoint answers, as the input of an attack is written. The client gets one answer, of the status
// that the row says, and its next request on the connection gets its own.
type reply struct {
	name, why string
	raw       string // a line break stands for CRLF, <LF> and <CR> for the single characters
	status    int    // that the client gets; 0: 502
	cuts      bool   // straight through, the answer has begun when its fault shows: the client's connection is cut
	body      string // of a status that the endpoint gave
	attack    string // the value of X-Attack
	method    string // "": GET
}

const poison = "HTTP/1.1 200 OK\nContent-Length: 6\nX-Hidden: evil\n\npoison"

var replies = []reply{
	{name: "a second answer behind the first", raw: "HTTP/1.1 200 OK\nContent-Length: 2\n\nok" + poison, status: 200, body: "ok", why: "must not answer the next request"},
	{name: "a second answer behind an empty one", raw: "HTTP/1.1 204 No Content\n\n" + poison, status: 204, why: "must not answer the next request"},
	{name: "a second answer behind a 304", raw: "HTTP/1.1 304 Not Modified\nContent-Length: 9\n\n" + poison, status: 304, why: "a 304 has no body, whatever its length says"},
	{name: "a body behind a head for HEAD", method: "HEAD", raw: "HTTP/1.1 200 OK\nContent-Length: 100\n\n" + poison, status: 200, why: "has none, whatever its length says"},
	{name: "a second answer behind chunks", raw: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n" + poison, status: 200, body: "ok", why: "must not answer the next request"},
	{name: "an answer within a body", raw: "HTTP/1.1 200 OK\nContent-Length: {length}\n\n" + poison, status: 200, body: render(poison, "", ""), why: "what is body stays body"},
	{name: "length and chunked", raw: "HTTP/1.1 200 OK\nContent-Length: 50\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n", status: 200, body: "ok", why: "chunked wins (RFC 9112 6.3); framed anew"},
	{name: "two lengths that differ", raw: "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 50\n\nok", why: "the end is not known"},
	{name: "two equal lengths", raw: "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\nok", status: 200, body: "ok", why: "may be taken for one; one is sent"},
	{name: "a list of lengths", raw: "HTTP/1.1 200 OK\nContent-Length: 2, 2\n\nok", why: "digits only"},
	{name: "a negative length", raw: "HTTP/1.1 200 OK\nContent-Length: -2\n\nok", why: "wraps around in unsigned numbers"},
	{name: "a length with a sign", raw: "HTTP/1.1 200 OK\nContent-Length: +2\n\nok", why: "digits only"},
	{name: "chunked and another coding", raw: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked, identity\n\n2\nok\n0\n\n", why: "the end is not known"},
	{name: "chunked twice", raw: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n", why: "one takes the first line, another joins both"},
	{name: "a chunk size with 0x", raw: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0x2\nok\n0\n\n", cuts: true, why: "the body has no end that all see"},
	{name: "a bare line feed behind a chunk size", raw: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2<LF>ok\n0\n\n", cuts: true, why: "ends a line for some only"},
	{name: "chunks without an end", raw: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n", cuts: true, why: "is cut, and never passed on as whole"},
	{name: "fewer bytes than announced", raw: "HTTP/1.1 200 OK\nContent-Length: 9\n\nok", cuts: true, why: "is cut, and never passed on as whole"},
	{name: "a folded field", raw: "HTTP/1.1 200 OK\nX-Attack: a\n X-Hidden: evil\nContent-Length: 2\n\nok", status: 200, body: "ok", attack: "a X-Hidden: evil", why: "is unfolded to one line (RFC 9112 5.2)"},
	{name: "a folded first field", raw: "HTTP/1.1 200 OK\n X-Hidden: evil\nContent-Length: 2\n\nok", why: "a blank behind the status line begins no field"},
	{name: "a bare return in a value", raw: "HTTP/1.1 200 OK\nX-Attack: a<CR>X-Hidden: evil\nContent-Length: 2\n\nok", why: "ends a line for some clients"},
	{name: "a zero byte in a value", raw: "HTTP/1.1 200 OK\nX-Attack: a\x00b\nContent-Length: 2\n\nok", why: "ends the value for clients in C"},
	{name: "a blank before a colon", raw: "HTTP/1.1 200 OK\nX-Hidden : evil\nContent-Length: 2\n\nok", status: 200, body: "ok", why: "is removed from answers by a proxy (RFC 9112 5.1), here with its field"},
	{name: "a line without a colon", raw: "HTTP/1.1 200 OK\nX-Hidden\nContent-Length: 2\n\nok", why: "no field"},
	{name: "a switch that nobody asked for", raw: "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\n" + poison, why: "what follows would go to the client past every rule"},
	{name: "a switch to HTTP/2", raw: "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: h2c\n\n", why: "nobody asked for it"},
	{name: "a hint before the answer", raw: "HTTP/1.1 103 Early Hints\nX-Hidden: evil\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok", status: 200, body: "ok", why: "is no answer, and its fields are not of the answer"},
	{name: "a status of two digits", raw: "HTTP/1.1 20 OK\nContent-Length: 2\n\nok", why: "no status"},
	{name: "a status of four digits", raw: "HTTP/1.1 2000 OK\nContent-Length: 2\n\nok", why: "no status"},
	{name: "a status below 100", raw: "HTTP/1.1 099 OK\nContent-Length: 2\n\nok", why: "no status"},
	{name: "another protocol", raw: "ICY 200 OK\nContent-Length: 2\n\nok", why: "no HTTP"},
	{name: "a body without a head (0.9)", raw: "<html>hello</html>\n\n", why: "no HTTP"},
	{name: "fields of the connection", raw: "HTTP/1.1 200 OK\nConnection: X-Hidden\nX-Hidden: evil\nKeep-Alive: timeout=9\nProxy-Authenticate: Basic\nUpgrade: h2c\nContent-Length: 2\n\nok", status: 200, body: "ok", why: "concern this hop (RFC 9110 7.6.1)"},
	{name: "fields of ours", raw: "HTTP/1.1 200 OK\nOpenHQM-Source: openhqm\nOpenHQM-Cache-Control: evil\nContent-Length: 2\n\nok", status: 200, body: "ok", why: "are written by OpenHQM alone"},
	{name: "framing in a trailer", raw: "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\nContent-Length: 90\nX-Attack: 1\nSet-Cookie: a=evil\n\n", status: 200, body: "ok", why: "is not merged into the head (RFC 9110 6.5.1)"},
	{name: "a reason that breaks the line", raw: "HTTP/1.1 200 OK<CR>X-Hidden: evil\nContent-Length: 2\n\nok", status: 200, body: "ok", why: "the reason is not passed on"},
}

// TestHostileAnswers lets an endpoint answer every reply to a request that passes straight through and to one that is stored.
func TestHostileAnswers(t *testing.T) {
	r, err := recorder.Start(func(a recorder.Arrival) recorder.Reply {
		path, _, _ := strings.Cut(a.Target(), "?")
		for i, hostile := range replies {
			if path == "/"+marker(i)+"/a" {
				answer := recorder.Reply{recorder.Write([]byte(render(hostile.raw, "", "")))}
				if hostile.status == 0 { // else more is waited for
					answer = append(answer, recorder.Close())
				}
				return answer // else the connection stays open, so that what is left over lies in it
			}
		}
		return recorder.Answer(200, a.Method()+" "+a.Target())
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s := serve(t, r.URL())
	for i, hostile := range replies {
		for _, w := range ways {
			t.Run(hostile.name+"/"+w.name, func(t *testing.T) {
				hostile.meet(t, s, w, marker(i))
			})
		}
	}
}

// meet sends the request that is answered so, and the honest one behind it.
func (r reply) meet(t *testing.T, s *server, w way, marker string) {
	t.Helper()
	x := &exchange{way: w, marker: marker, attack: attack{input: orElse(r.method, "GET") + " /{m}/a HTTP/1.1\nHost: attacked.example\n{way}\n"}}
	x.send(s)
	defer func() {
		if t.Failed() {
			t.Logf("why: %s\nanswers: %+v, error %v", r.why, x.answers, x.err)
		}
	}()
	if len(x.answers) == 0 {
		if !r.cuts || w.queued {
			t.Error("no answer")
		}
		return
	}
	first, honest := x.answers[0], "GET /"+marker+"/honest"
	cut := r.cuts && !w.queued && first.status == http.StatusOK && x.err != nil
	switch {
	case r.status != 0 && first.status != r.status, r.status == 0 && !cut && first.status != http.StatusBadGateway:
		t.Errorf("status %d, want %d (0: 502)", first.status, r.status)
	case r.status != 0 && (first.body != r.body || first.header.Get("X-Attack") != r.attack):
		t.Errorf("body %q and X-Attack %q, want %q and %q", first.body, first.header.Get("X-Attack"), r.body, r.attack)
	}
	for _, a := range x.answers {
		for _, name := range []string{"X-Hidden", "Keep-Alive", "Proxy-Authenticate", "Upgrade", "OpenHQM-Cache-Control", "Set-Cookie"} {
			if value := a.header.Get(name); value != "" && !(name == "OpenHQM-Cache-Control" && value != "evil") {
				t.Errorf("field %s: %q reached the client", name, value)
			}
		}
		if a.status == http.StatusOK && a.header.Get("OpenHQM-Source") != "" {
			t.Errorf("an answer of the endpoint says that it is ours")
		}
	}
	if cut {
		return
	}
	if len(x.answers) != 2 || x.answers[1].status != http.StatusOK || x.answers[1].body != honest {
		t.Errorf("the honest request behind was not answered as its own")
	}
	if slices.ContainsFunc(x.answers, func(a answer) bool { return strings.Contains(a.body, "poison") && a.body != r.body }) {
		t.Error("a client got what was left over")
	}
}
